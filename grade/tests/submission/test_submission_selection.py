"""What is taken of a submission, what is not, and that the latter cannot matter. On small trees, nothing is built."""

import os
import shutil
import socket
from pathlib import Path

import pytest

from grade.ladder.labs import LadderError
from grade.ladder.trees import Tree
from grade.submission.entries import LARGEST_FILE
from grade.submission.laid_out import laid_out, notes_on, tree_in
from grade.tests.submission.submission_trees import clone, hand_in, laid_file, why

OWNED = ["arch/aarch64/map.cc", "arch/x86_64/map.cc", "kernel/high.cc", "kernel/map.h"]


def everything(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_the_students_files_over_a_pristine_tree(main: Tree, student: Path, tmp_path: Path) -> None:
    """Whatever else is in the submission, the tree that is built is the same."""
    honest = hand_in(main, student)
    assert (honest.labs, list(honest.selections[0].taken), why(honest)) == ([2], OWNED, {})
    before = everything(tree_in(honest.folder, 2))
    assert {path: text for path, text in before.items() if text == b"mine();\n"}.keys() == set(OWNED)

    edited = [
        "CMakeLists.txt",
        "arch/x86_64/kernel.ld",
        "grade/results/report.py",
        "kernel/main.cc",
        "labs/1-x/test_x.py",
        "pagewalk",
    ]
    for path in edited:
        (student / path).write_text("all passed\n", encoding="utf-8")
    for path in ("kernel/helper.h", "labs/2-x/conftest.py", "kernel/tests/fake.cc", "CMakePresets.json"):
        (student / path).parent.mkdir(exist_ok=True)
        (student / path).write_text("all passed\n", encoding="utf-8")
    (student / "build").mkdir()
    (student / "build/kernel.elf").write_text("built\n", encoding="utf-8")
    cheat = hand_in(main, student)
    assert everything(tree_in(cheat.folder, 2)) == before
    assert {path for path, reason in why(cheat).items() if "main's is graded" in reason} == set(edited)
    assert why(cheat)["kernel/helper.h"] == "is not part of the lab"
    assert "build/kernel.elf" not in why(cheat)


def test_an_earlier_lab_of_a_later_submission(main: Tree, tmp_path: Path) -> None:
    """Lab 1's files of a lab 3 submission on lab 1's tree; that lab 3's build files are others is no change."""
    found = hand_in(main, clone(main, 3, tmp_path / "a"), 1)
    assert list(found.selections[0].taken) == ["arch/aarch64/map.cc", "arch/x86_64/map.cc", "kernel/map.h"]
    assert laid_file(found, "CMakeLists.txt") == "project(x)\n"
    assert not (tree_in(found.folder, 1) / "kernel/high.cc").exists()
    assert why(found) == {
        f"kernel/{n}.cc": f"is of lab {lab}, which is not graded here" for n, lab in (("high", 2), ("top", 3))
    }


def test_several_labs(main: Tree, student: Path) -> None:
    found = hand_in(main, student, 2, 1)
    assert found.labs == [1, 2]
    assert laid_file(found, "kernel/map.h", 1) == laid_file(found, "kernel/map.h", 2) == "mine();\n"
    assert found.as_dict()["taken"] == OWNED
    assert (found.as_dict()["lab"], found.as_dict()["labs"]) == (2, [1, 2])


def test_missing_files_stay_as_the_starter_has_them(main: Tree, student: Path) -> None:
    (student / "kernel/high.cc").unlink()
    found = hand_in(main, student)
    assert found.selections[0].missing == ["kernel/high.cc"]
    assert "lab_todo" in laid_file(found, "kernel/high.cc")


def test_the_lab_is_what_the_submission_says_unless_it_is_named(main: Tree, student: Path) -> None:
    assert hand_in(main, student).labs == [2]
    assert hand_in(main, student, 3).labs == [3]
    course = student / "labs/course.toml"
    for text, problem in (
        ("lab = 9\n", "says lab = 9; there are labs 1, 2, 3"),
        ("lab = 0\n", "says lab = 0"),
        ("lab = true\n", "says lab = True"),
        ('lab = "2"\n', "says lab = '2'"),
        ("lab = " + "9" * 5000, "is not TOML"),
        ("lab = \x1b\n", "is not TOML"),
        ("a = " + "[" * 20000, "is not TOML"),
        ("# " + "x" * 70000, "is not one small file"),
        (None, "there is no labs/course.toml in it"),
    ):
        course.unlink()
        if text is not None:
            course.write_text(text, encoding="utf-8")
        with pytest.raises(LadderError, match="which lab is it") as caught:
            hand_in(main, student)
        assert problem in str(caught.value)
        assert f"Name the lab: ./pagewalk grade 1 --submission {student}" in str(caught.value)
        assert hand_in(main, student, 2).labs == [2]
        course.touch()


def test_fewer_isas(main: Tree, tmp_path: Path) -> None:
    found = hand_in(main, clone(main, 1, tmp_path / "a", isas=["aarch64"]))
    assert found.claim.isas == ("aarch64",)
    assert found.selections[0].missing == ["arch/x86_64/map.cc"]
    assert why(found) == {}


def test_only_the_graded_isas_files_are_listed(main: Tree, student: Path) -> None:
    """The tree that is built is the same, whatever else is graded."""
    (student / "kernel/high.cc").unlink()
    (student / "arch/x86_64/map.cc").unlink()
    (student / "arch/x86_64/map.cc").mkdir()
    whole = everything(tree_in(hand_in(main, student).folder, 2))
    with laid_out(main, str(student), [], ["aarch64"]) as found:
        assert everything(tree_in(found.folder, 2)) == whole
        assert found.as_dict()["taken"] == ["arch/aarch64/map.cc", "kernel/map.h"]
        assert found.as_dict()["missing"] == ["kernel/high.cc"]
        assert why(found) == {}
    with laid_out(main, str(student), [], ["x86_64"]) as found:
        assert found.as_dict()["taken"] == ["kernel/map.h"]
        assert found.as_dict()["missing"] == ["arch/x86_64/map.cc", "kernel/high.cc"]
        assert why(found) == {"arch/x86_64/map.cc": "is a folder, and not a file"}


def test_the_notes_on_a_tree(main: Tree, student: Path) -> None:
    """About the files of that lab and that ISA alone."""
    (student / "kernel/high.cc").unlink()
    (student / "arch/x86_64/map.cc").write_bytes(b"\0")
    found = hand_in(main, student, 1, 2)
    absent = "note: kernel/high.cc is not in the submission; the starter's stays"
    spoilt = "note: arch/x86_64/map.cc was not taken: it holds NUL bytes: it is no text; the starter's stays"
    assert notes_on(tree_in(found.folder, 1), "aarch64") == []
    assert notes_on(tree_in(found.folder, 1), "x86_64") == [spoilt]
    assert notes_on(tree_in(found.folder, 2), "aarch64") == [absent]
    assert notes_on(tree_in(found.folder, 2), "x86_64") == [spoilt, absent]


@pytest.mark.parametrize(
    ("solved", "labs", "given"),
    [("0", [], []), ("1", [], [1]), ("2", [], [1, 2]), ("2", [1], [1]), ("9", [1, 3], [1, 2, 3]), ("-1", [], []),
     ("true", [], []), ("'2'", [], [])],
)  # fmt: skip
def test_what_was_given(main: Tree, student: Path, solved: str, labs: list[int], given: list[int]) -> None:
    """A catch-up has the reference code of the labs before."""
    course = student / "labs/course.toml"
    course.write_text(course.read_text().replace("solved = 0", f"solved = {solved}"), encoding="utf-8")
    assert hand_in(main, student, *labs).as_dict()["given"] == given


def test_the_tree_is_found_in_a_folder(main: Tree, student: Path, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    (outer / "deep").mkdir(parents=True)
    student.rename(outer / "deep/os")
    (outer / "notes.txt").write_text("hello", encoding="utf-8")
    found = hand_in(main, outer)
    assert list(found.selections[0].taken) == OWNED
    assert why(found) == {"notes.txt": "is not in deep/os/, where the tree is"}
    (outer / "deep/os/labs/course.toml").unlink()  # by the owned files then
    assert list(hand_in(main, outer, 2).selections[0].taken) == OWNED
    shutil.copytree(outer / "deep/os", outer / "deep/old")
    with pytest.raises(LadderError, match="holds several trees: deep/old/, deep/os/. Hand over one of them"):
        hand_in(main, outer, 2)


def test_no_tree_at_all(main: Tree, tmp_path: Path) -> None:
    (tmp_path / "essay").mkdir()
    (tmp_path / "essay/paging.txt").write_text("pages", encoding="utf-8")
    with pytest.raises(LadderError, match="no Pagewalk tree in it. Looked for labs/course.toml.*saw paging.txt"):
        hand_in(main, tmp_path / "essay")


def test_main_alone_takes_submissions(main: Tree, student: Path) -> None:
    with pytest.raises(LadderError, match="handed-out tree: --submission is for instructors"):
        hand_in(Tree(student), student)


def test_what_is_in_the_place_of_an_owned_file(main: Tree, student: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret();\n", encoding="utf-8")
    file = student / "kernel/map.h"

    def pipe(path: Path) -> None:
        os.mkfifo(path)

    def bound_socket(path: Path) -> None:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(os.path.relpath(path))

    for make, reason in (
        (lambda path: path.symlink_to(secret), "is a symbolic link"),
        (lambda path: path.symlink_to("/dev/zero"), "is a symbolic link"),
        (lambda path: path.hardlink_to(secret), "is a hard link"),
        (lambda path: path.mkdir(), "is a folder"),
        (pipe, "is a named pipe"),
        (bound_socket, "is a socket"),
        (lambda path: path.write_bytes(b"x" * (LARGEST_FILE + 1)), "is larger than 1 MiB"),
        (lambda path: path.write_bytes(b"int\0a;"), "holds NUL bytes"),
    ):
        file.rmdir() if file.is_dir() and not file.is_symlink() else file.unlink()
        make(file)
        found = hand_in(main, student)
        assert why(found)["kernel/map.h"].startswith(reason)
        assert found.selections[0].missing == ["kernel/map.h"]
        assert "lab_todo" in laid_file(found, "kernel/map.h")
    assert secret.read_text(encoding="utf-8") == "secret();\n"


def test_a_file_of_just_one_mib_is_taken(main: Tree, student: Path) -> None:
    (student / "kernel/map.h").write_bytes(b"x" * LARGEST_FILE)
    assert "kernel/map.h" in hand_in(main, student).selections[0].taken


def test_a_folder_on_the_way_that_is_a_link(main: Tree, student: Path, tmp_path: Path) -> None:
    (student / "kernel").rename(tmp_path / "elsewhere")
    (student / "kernel").symlink_to(tmp_path / "elsewhere")
    found = hand_in(main, student)
    assert why(found)["kernel/map.h"] == "is in kernel, which is a symbolic link, and not a folder"
    assert found.selections[0].missing == ["kernel/high.cc", "kernel/map.h"]


def test_names_in_other_letters(main: Tree, student: Path) -> None:
    (student / "kernel/map.h").rename(student / "kernel/Map.h")
    os.mkdir(os.fsencode(student) + b"/kern\xffel")
    found = hand_in(main, student)
    assert why(found)["kernel/Map.h"] == "is not kernel/map.h: upper and lower case differ"
    assert why(found)["kern\udcffel"] == "has a name that is not UTF-8"
    assert found.selections[0].missing == ["kernel/map.h"]


def test_what_an_earlier_run_left_is_gone(main: Tree, student: Path, tmp_path: Path) -> None:
    """The code of a host test runs as who grades: it may have put links where the next one writes."""
    tree = tree_in(hand_in(main, student).folder, 2)
    shutil.rmtree(tree / "kernel")
    (tmp_path / "target").mkdir()
    (tree / "kernel").symlink_to(tmp_path / "target")
    assert laid_file(hand_in(main, student), "kernel/map.h") == "mine();\n"
    assert not list((tmp_path / "target").iterdir())


def test_a_folder_that_cannot_be_taken_whole(main: Tree, student: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grade.submission.entries.MOST_ENTRIES", 10)
    with pytest.raises(LadderError, match=f"{student}: holds more than 10 files and folders"):
        hand_in(main, student)
    monkeypatch.undo()
    monkeypatch.setattr("grade.submission.entries.MOST_BYTES", 100)
    with pytest.raises(LadderError, match="unpacks to more than 0 MiB"):
        hand_in(main, student)
