"""What a tree says about itself, and the folder in which a lab of it is graded."""

import subprocess
import sys
from pathlib import Path

import pytest

from grade.cutting.cutter import cut
from grade.ladder.labs import LadderError
from grade.ladder.trees import Course, Tree, find_root, locked
from grade.prepare import prepare

LAB = 'number = {0}\ntitle = "Lab {0}"\nowned = ["kernel/lab{0}.h"]\nadds = []\nretires = []\n'


@pytest.fixture
def main(tmp_path: Path) -> Path:
    files = {"pagewalk": "#!/bin/sh\n", "kernel/main.cc": "void kernel_main() {}\n"}
    for number in (1, 2):
        hole = f"// @lab {number} begin: f\n//: Write f.\nreference();\n// @lab {number} end\n"
        files |= {f"labs/{number}-x/lab.toml": LAB.format(number), f"kernel/lab{number}.h": hole}
    for path, text in files.items():
        (tmp_path / "main" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "main" / path).write_text(text, encoding="utf-8")
    return tmp_path / "main"


def test_main_has_every_lab_and_isa(main: Path) -> None:
    tree = Tree(main)
    assert tree.course is None
    assert (tree.lab, tree.isas, [lab.number for lab in tree.labs]) == (2, ("x86_64", "aarch64"), [1, 2])


def test_a_handout_says_what_it_is(main: Path, tmp_path: Path) -> None:
    cut(main, 1, 0, tmp_path / "handout", ["aarch64"])
    tree = Tree(tmp_path / "handout")
    assert tree.course == Course(lab=1, solved=0, isas=("aarch64",), labs=2)
    assert (tree.lab, tree.isas, [lab.number for lab in tree.labs]) == (1, ("aarch64",), [1])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('solved = 1\nisas = ["x86_64"]\n', "labs/course.toml: lab: must be a whole number"),
        ('lab = 1\nsolved = "no"\nisas = ["x86_64"]\n', "labs/course.toml: solved: must be a whole number"),
        ('lab = 1\nsolved = 1\nisas = ["vax"]\n', "labs/course.toml: isas: must be a list of x86_64, aarch64"),
        ("lab = 1\nsolved = 1\nisas = []\n", "labs/course.toml: isas: must be a list of x86_64, aarch64"),
        ("lab = \n", "labs/course.toml: not TOML"),
        ("# x\n<<<<<<< HEAD\nlab = 1\n=======\nlab = 2\n>>>>>>> lab2\n", "labs/course.toml: a merge has left a conflict in it"),
    ],
)
def test_a_wrong_course_file_is_refused(main: Path, text: str, message: str) -> None:
    (main / "labs/course.toml").write_text(text, encoding="utf-8")
    with pytest.raises(LadderError, match=message):
        _ = Tree(main).course


def test_a_main_without_labs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LadderError, match="holds no labs"):
        _ = Tree(tmp_path).lab


def test_the_root_is_found_from_below(main: Path, tmp_path: Path) -> None:
    assert find_root(main) == main
    assert find_root(main / "labs/1-x") == main
    cut(main, 1, 1, main / "build/inner")
    assert find_root(main / "build/inner/kernel") == main / "build/inner"
    with pytest.raises(LadderError, match="is not in a Pagewalk tree"):
        find_root(tmp_path)


def test_main_is_graded_on_a_cut_that_is_kept_up_to_date(main: Path) -> None:
    tree = Tree(main)
    folder = prepare(tree, 1)
    assert folder == main / "build/cut/lab-1"
    assert (folder / "kernel/lab1.h").read_text() == "reference();\n"
    assert not (folder / "kernel/lab2.h").exists()
    assert Tree(folder).course == Course(lab=1, solved=1, isas=("x86_64", "aarch64"), labs=2)
    (main / "kernel/main.cc").write_text("void kernel_main() { run(); }\n", encoding="utf-8")
    assert prepare(tree, 1) == folder
    assert "run();" in (folder / "kernel/main.cc").read_text()
    assert (prepare(tree, 2) / "kernel/lab2.h").read_text() == "reference();\n"


def test_a_handout_is_graded_as_it_stands(main: Path, tmp_path: Path) -> None:
    handout = tmp_path / "handout"
    cut(main, 2, 1, handout)
    assert prepare(Tree(handout), 2) == handout
    assert prepare(Tree(handout), 1) == handout
    with pytest.raises(LadderError, match="there is no lab 3 here: this tree goes up to lab 2"):
        prepare(Tree(handout), 3)


PREPARE = (
    "import sys, pathlib; from grade.ladder.trees import Tree; from grade.prepare import prepare; "
    "prepare(Tree(pathlib.Path(sys.argv[1])), 1)"
)


def test_only_one_process_prepares_a_lab_at_a_time(main: Path) -> None:
    command = [sys.executable, "-c", PREPARE, str(main)]
    with locked(main / "build/cut/lab-1.lock"):
        other = subprocess.Popen(command, cwd=Path(__file__).parents[3])
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(0.5)
        assert not (main / "build/cut/lab-1").exists()
    assert other.wait(60) == 0
    assert (main / "build/cut/lab-1/labs/course.toml").exists()
