"""A student's clone of a real course on one ISA: the commands as a student types them, up to a submission."""

import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from grade.cutting.cutter import cut, render
from grade.ladder.trees import find_root
from grade.tests.student.student_trees import git

ROOT = find_root(Path(__file__))
ISA = "aarch64"
OWNED = ["arch/aarch64/boot_map.cc", "kernel/map/map_kernel.cc", "kernel/paging/page_table_map.h"]


@pytest.fixture(scope="module")
def clone() -> Iterator[Path]:
    """Yields lab 1's starter, as the commit that brought it, and with nothing built."""
    with TemporaryDirectory(prefix="pagewalk-") as folder:
        tree = Path(folder) / "clone"
        cut(ROOT, 1, 0, tree, [ISA], with_grader=True)
        git(tree, "init", "-q")
        git(tree, "add", "-A")
        git(tree, "commit", "-qm", "Lab 1\n\nPagewalk-Handout: lab 1")
        yield tree


def pagewalk(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the tree's own grader in the tree."""
    command = [sys.executable, "-m", "grade", *arguments]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)


def solve(clone: Path, *files: str) -> None:
    """Writes the reference code into these files."""
    solved = render(ROOT, 1, 1, [ISA])
    for file in files:
        (clone / file).write_bytes(solved[file][0])


def test_help_offers_what_works_there(clone: Path) -> None:
    offered = pagewalk(clone, "--help").stdout
    assert all(f"\n  {command} " in offered for command in ("grade", "status", "submit", "run", "gdb", "bench"))
    assert not any(f"\n  {command} " in offered for command in ("test", "cut", "handout"))
    assert "--submission" not in pagewalk(clone, "grade", "--help").stdout
    in_main = pagewalk(ROOT, "--help").stdout
    assert all(f"\n  {command} " in in_main for command in ("test", "cut", "handout"))
    assert not any(f"\n  {command} " in in_main for command in ("status", "submit"))


@pytest.mark.parametrize("arguments", [("test",), ("cut", "1", "nowhere"), ("handout", "--repo", "nowhere")])
def test_what_is_for_main_says_so(clone: Path, arguments: tuple[str, ...]) -> None:
    run = pagewalk(clone, *arguments)
    assert run.returncode == 2
    assert run.stderr == f"Error: {arguments[0]} works in main, from which this tree of lab 1 was made\n"


def test_the_other_isa_cannot_be_named(clone: Path) -> None:
    for command in ("grade", "run"):
        run = pagewalk(clone, command, "--isa", "x86_64")
        assert (run.returncode, "'x86_64' is not 'aarch64'" in run.stderr) == (2, True)
    assert "[default: aarch64]" in pagewalk(clone, "run", "--help").stdout


def test_plain_pytest_refuses_the_other_isa_in_one_line(clone: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "labs/1-identity-map", "--isa", "x86_64"]
    run = subprocess.run(command, cwd=clone, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr.strip()) == (4, "ERROR: this tree is for aarch64 only")
    assert "Error" not in run.stdout


def test_from_the_starter_to_a_submission(clone: Path) -> None:
    """The engine is written first; then the rest, with a mistake in a given file that no submission has."""
    assert "Lab 1 was not graded here yet" in pagewalk(clone, "status").stdout

    solve(clone, "kernel/paging/page_table_map.h")
    first = pagewalk(clone, "grade", "-j", "1")
    assert first.returncode == 1, first.stdout + first.stderr
    assert "Lab 1: 15 of 100 points on aarch64.\nNext: 1.2 on aarch64 (" in first.stdout
    assert "write map_kernel at kernel/map/map_kernel.cc:" in first.stdout.splitlines()[-1]
    assert "15 / 100" in pagewalk(clone, "status").stdout

    solve(clone, "kernel/map/map_kernel.cc")
    solve(clone, "arch/aarch64/boot_map.cc")
    assert (
        "Changed since that grading:\n  arch/aarch64/boot_map.cc\n  kernel/map/map_kernel.cc\n"
        in pagewalk(clone, "status").stdout
    )
    again = pagewalk(clone, "grade", "--milestone", "1.2", "-j", "1")
    assert again.returncode == 0, again.stdout + again.stderr
    assert again.stdout.endswith("Lab 1: 25 of 100 points on aarch64.\nNext: ./pagewalk grade\n")

    with (clone / "kernel/main.cc").open("a") as given:
        given.write("#error mine\n")
    submitted = pagewalk(clone, "submit", "-o", "mine.tar.gz")
    assert submitted.returncode == 0, submitted.stdout + submitted.stderr
    assert "changed, and not part of the submission: kernel/main.cc" in submitted.stdout
    with tarfile.open(clone / "mine.tar.gz") as tar:
        assert tar.getnames() == [f"lab1-submission/{path}" for path in [*OWNED, "labs/course.toml"]]

    broken = pagewalk(clone, "grade", "--milestone", "1.2")
    assert broken.returncode == 1
    assert broken.stdout.splitlines()[-1].startswith("First make it build: kernel/main.cc:")


def test_an_earlier_labs_own_points_are_not_given_again(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    cut(ROOT, 3, 2, tree, [ISA], with_grader=True)
    run = pagewalk(tree, "grade", "1")
    assert run.returncode == 2
    assert "this is the tree of lab 3: lab 1's own points were given on lab 1's tree" in run.stderr
    assert "there is no lab 4" in pagewalk(tree, "grade", "4").stderr
    again = pagewalk(tree, "gdb", "1.2").stderr  # of which only the run on this lab's kernel can be gone back to
    assert f"so there is none to go back to. Where ./pagewalk grade 3 --isa {ISA} says todo, " in again


def test_another_lab_is_this_trees_kernel_all_the_same(tmp_path: Path) -> None:
    """What does not build is enough: it is said before."""
    tree = tmp_path / "tree"
    cut(ROOT, 3, 2, tree, [ISA], with_grader=True)
    (tree / "CMakeLists.txt").write_text("broken\n", encoding="utf-8")
    told = "This tree has one kernel, lab 3's: that is booted, and not lab 1's.\n"
    assert pagewalk(tree, "gdb", "1").stderr.startswith(told)
    assert pagewalk(tree, "run", "--lab", "1").stderr.startswith(told)
    assert "one kernel" not in pagewalk(tree, "gdb", "3").stderr


def test_a_missing_file_is_named_where_the_linker_misses_what_was_in_it(clone: Path) -> None:
    (clone / "arch" / ISA / "boot_map.cc").unlink()
    run = pagewalk(clone, "grade", "--milestone", "1.2", "-j", "1")
    (clone / "arch" / ISA / "boot_map.cc").write_bytes(render(ROOT, 1, 0, [ISA])[f"arch/{ISA}/boot_map.cc"][0])
    assert run.returncode == 1 and "/pagewalk/" not in run.stdout.replace("./pagewalk", "")
    assert run.stdout.splitlines()[-2:] == [
        f"First: arch/{ISA}/boot_map.cc is missing, and is one of your files. As committed last:",
        f"  git checkout HEAD -- arch/{ISA}/boot_map.cc",
    ]


def test_a_conflict_is_named_instead_of_graded(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    cut(ROOT, 1, 0, tree, [ISA], with_grader=True)
    (tree / "kernel/paging/page_table_map.h").write_text("\n<<<<<<< HEAD\na\n=======\nb\n>>>>>>> b\n", encoding="utf-8")
    run = pagewalk(tree, "grade")
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("Error: kernel/paging/page_table_map.h:2: a conflict of a merge: decide it, then git add")
    (tree / "labs/course.toml").write_text("lab = 1\n<<<<<<< HEAD\n", encoding="utf-8")
    for command in ("grade", "status", "submit"):
        run = pagewalk(tree, command)
        assert (run.returncode, run.stderr) == (2, "Error: labs/course.toml: a merge has left a conflict in it\n")


def test_a_folder_that_is_not_there_is_named(clone: Path) -> None:
    run = pagewalk(clone, "status", "--json", "nowhere/s.json")
    assert (run.returncode, run.stderr) == (2, "Error: cannot write nowhere/s.json: there is no folder nowhere\n")


def test_no_room_is_said(tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk."""
    tree = tmp_path / "tree"
    cut(ROOT, 1, 0, tree, [ISA], with_grader=True)
    limited = f"ulimit -f 0; exec {sys.executable} -m grade status --json status.json"
    run = subprocess.run(["bash", "-c", limited], cwd=tree, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (2, "Error: File too large: while writing\n")


@pytest.mark.skipif(not Path("/sys").is_mount(), reason="a bare chroot has no /sys, where not even root can make a file")
def test_no_right_to_write_is_said(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    cut(ROOT, 1, 0, tree, [ISA], with_grader=True)
    shutil.rmtree(tree / "build", ignore_errors=True)
    (tree / "build").symlink_to("/sys")
    run = pagewalk(tree, "submit")
    assert run.returncode == 2 and run.stderr.count("\n") == 1 and ": " in run.stderr, run.stderr
    assert run.stderr.endswith("build/aarch64.lock\n") or run.stderr.endswith("/sys/aarch64.lock\n"), run.stderr
