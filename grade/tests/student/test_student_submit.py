"""What `./pagewalk submit` packs, what it refuses, and that the archive is there completely or not at all."""

import errno
import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from grade.isa import ISAS
from grade.ladder.files import write_whole
from grade.ladder.labs import LadderError
from grade.ladder.trees import Tree, find_root
from grade.results.result import Status
from grade.student.archive import pack
from grade.student.kept import keep
from grade.student.owned import MOST_BYTES, owned_files
from grade.student.submit import submit
from grade.submission.entries import LARGEST_FILE
from grade.submission.laid_out import laid_out
from grade.submission.selection import Claim
from grade.tests.student.student_trees import course_main, git, result, student_clone, write_all

ROOT = find_root(Path(__file__))
OWNED_1 = ["arch/aarch64/lab1.S", "arch/x86_64/lab1.S", "kernel/lab1.h"]


def packed(clone: Path, output: Path, *, force: bool = False) -> str:
    """Returns what `./pagewalk submit -o OUTPUT` prints."""
    console = Console(file=io.StringIO(), width=120)
    submit(Tree(clone), console, output, force=force)
    return console.file.getvalue()


def contents(archive: Path) -> dict[str, bytes]:
    """Returns the files of an archive."""
    with tarfile.open(archive, "r:gz") as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Returns a student who has written lab 1, and committed it."""
    folder = student_clone(tmp_path)
    write_all(folder, 1)
    git(folder, "commit", "-qam", "Lab 1")
    return folder


def since_graded(clone: Path, output: Path) -> list[str]:
    """Returns what it says of the last grading."""
    return [line for line in packed(clone, output).splitlines() if "graded" in line]


def test_what_status_knows_is_said(clone: Path, tmp_path: Path) -> None:
    archive = tmp_path / "a.tar.gz"
    assert since_graded(clone, archive) == [f"not graded yet on {isa}: ./pagewalk grade" for isa in ("x86_64", "aarch64")]
    passed, failed = result("1.1"), result("1.2", Status.FAILED)
    keep(Tree(clone), [passed, replace(passed, isa="aarch64")], ("x86_64", "aarch64"), complete=True)
    assert since_graded(clone, archive) == []
    keep(Tree(clone), [passed, failed], ("x86_64",), complete=True)
    assert since_graded(clone, archive) == ["did not pass when last graded on x86_64: 1.2"]
    with (clone / "kernel/lab1.h").open("a", encoding="utf-8") as file:
        file.write("// and more\n")
    assert since_graded(clone, archive)[1:] == ["changed since all milestones were graded: kernel/lab1.h: ./pagewalk grade"]


# --- what is in it -----------------------------------------------------------------------------------------


def test_it_holds_the_students_files_and_no_other(clone: Path, tmp_path: Path) -> None:
    (clone / "notes.txt").write_text("mine", encoding="utf-8")
    text = packed(clone, tmp_path / "a.tar.gz")
    files = contents(tmp_path / "a.tar.gz")
    assert sorted(files) == [f"lab1-submission/{path}" for path in [*OWNED_1, "labs/course.toml"]]
    for path in [*OWNED_1, "labs/course.toml"]:
        assert files[f"lab1-submission/{path}"] == (clone / path).read_bytes()
    assert text.splitlines()[:2] == ["building lab 1 for x86_64", "building lab 1 for aarch64"]
    assert "a.tar.gz: lab 1, 3 files of yours:" in text
    assert "written yet" not in text and "changed" not in text and "committed" not in text


def test_all_labs_so_far_are_in_it(clone: Path, tmp_path: Path) -> None:
    git(clone, "merge", "-q", "--no-edit", "origin/lab2")
    write_all(clone, 2)
    text = packed(clone, tmp_path / "a.tar.gz")
    owned = [*OWNED_1, *(path.replace("lab1", "lab2") for path in OWNED_1)]
    expected = sorted(f"lab2-submission/{path}" for path in [*owned, "labs/course.toml"])
    assert sorted(contents(tmp_path / "a.tar.gz")) == expected
    assert text.count("not committed yet: ") == 3


def test_the_other_end_takes_all_of_it(clone: Path, tmp_path: Path) -> None:
    git(clone, "merge", "-q", "--no-edit", "origin/lab2")
    packed(clone, tmp_path / "a.tar.gz")
    with laid_out(course_main(), str(tmp_path / "a.tar.gz"), []) as submission:
        (selection,) = submission.selections
        assert submission.claim == Claim(2, ISAS)
        assert selection.taken == {path: (clone / path).read_bytes() for path in owned_files(Tree(clone))}
        assert (selection.missing, selection.left_out) == ([], [])


def test_only_the_courses_isas_are_packed_and_built(tmp_path: Path) -> None:
    clone = student_clone(tmp_path, isas=("aarch64",))
    text = packed(clone, tmp_path / "a.tar.gz")
    assert len(contents(tmp_path / "a.tar.gz")) == 3 and "x86_64" not in text


def test_the_same_files_are_the_same_bytes(clone: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        packed(clone, tmp_path / f"{name}.tar.gz")
        for path in OWNED_1:
            os.utime(clone / path, (0, 0))
            (clone / path).chmod(0o755)
    archive = (tmp_path / "a.tar.gz").read_bytes()
    assert archive == (tmp_path / "b.tar.gz").read_bytes()
    assert archive[3:8] == bytes(5)  # neither a name nor a time in gzip's header
    with tarfile.open(tmp_path / "a.tar.gz") as tar:
        assert {(entry.mtime, entry.uid, entry.gid, entry.uname, entry.mode) for entry in tar} == {(0, 0, 0, "", 0o644)}


def test_it_goes_by_the_labs_name_into_the_current_folder(clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    submit(Tree(clone), Console(file=io.StringIO()), None, force=False)
    assert (tmp_path / "lab1-submission.tar.gz").is_file()


def test_one_file_is_one_file(tmp_path: Path) -> None:
    clone = student_clone(tmp_path, isas=("x86_64",))
    (clone / "arch/x86_64/lab1.S").unlink()
    assert "a.tar.gz: lab 1, 1 file of yours:" in packed(clone, tmp_path / "a.tar.gz", force=True)


# --- what is built -----------------------------------------------------------------------------------------


def test_what_is_built_is_what_will_be_graded(clone: Path, tmp_path: Path) -> None:
    """A change of a given file neither helps nor hurts."""
    (clone / "kernel/main.cc").write_text("mine\n", encoding="utf-8")
    (clone / "kernel/helper.h").write_text("BROKEN\n", encoding="utf-8")
    stale = clone / "build/submit/kernel/stale.h"
    stale.parent.mkdir(parents=True)
    stale.write_text("BROKEN\n", encoding="utf-8")
    text = packed(clone, tmp_path / "a.tar.gz")
    assert "changed, and not part of the submission: kernel/helper.h" in text
    assert "changed, and not part of the submission: kernel/main.cc" in text
    image = (clone / "build/submit/build/x86_64/kernel.elf").read_text()
    assert "void kernel_main() {}" in image and "mine();" in image
    assert not (clone / "build/x86_64").exists()


def test_what_does_not_build_is_refused_unless_forced(clone: Path, tmp_path: Path) -> None:
    (clone / "arch/aarch64/lab1.S").write_text("nop\nBROKEN\n", encoding="utf-8")
    with pytest.raises(LadderError) as refusal:
        packed(clone, tmp_path / "a.tar.gz")
    assert "arch/aarch64/lab1.S:2:1: error: this is broken\n" in str(refusal.value)
    assert "--force" in str(refusal.value) and "x86_64" not in str(refusal.value)
    assert not (tmp_path / "a.tar.gz").exists() and "earlier" not in str(refusal.value)
    text = packed(clone, tmp_path / "a.tar.gz", force=True)
    with pytest.raises(LadderError, match="Nothing was written. .*a.tar.gz is still that of an earlier submit. --force"):
        packed(clone, tmp_path / "a.tar.gz")
    assert "In spite of this: arch/aarch64/lab1.S:2:1: error: this is broken" in text
    assert b"BROKEN" in contents(tmp_path / "a.tar.gz")["lab1-submission/arch/aarch64/lab1.S"]


def test_an_error_in_a_file_of_every_isa_is_shown_once(clone: Path, tmp_path: Path) -> None:
    (clone / "kernel/lab1.h").write_text("BROKEN\n", encoding="utf-8")
    with pytest.raises(LadderError) as refusal:
        packed(clone, tmp_path / "a.tar.gz")
    told = str(refusal.value)
    assert told.count("kernel/lab1.h:1:1: error: this is broken") == 1
    assert "The kernel for x86_64 does not build." in told and "Nor does that for aarch64." in told


def test_after_a_merge_the_newest_handout_is_built(clone: Path, tmp_path: Path) -> None:
    git(clone, "merge", "-q", "--no-edit", "origin/lab2")
    packed(clone, tmp_path / "a.tar.gz")
    assert (clone / "build/submit/labs/course.toml").read_text().splitlines()[1] == "lab = 2"


def test_who_began_with_a_catch_up_hands_in_what_came_later(tmp_path: Path) -> None:
    clone = student_clone(tmp_path, "lab2-catch-up", catch_up=(2,))
    git(clone, "merge", "-q", "--no-edit", "origin/lab3")
    text = packed(clone, tmp_path / "a.tar.gz")
    assert "as it stands" not in text and "changed" not in text
    assert len(contents(tmp_path / "a.tar.gz")) == 10


def test_a_student_does_not_choose_the_course(clone: Path, tmp_path: Path) -> None:
    course = clone / "labs/course.toml"
    course.write_text(course.read_text().replace('"x86_64", ', ""), encoding="utf-8")
    with pytest.raises(LadderError, match=r"^labs/course.toml is not as it was handed out"):
        packed(clone, tmp_path / "a.tar.gz", force=True)


@pytest.mark.parametrize("how", ["no repository", "a new history", "an amended commit", "inside of another", "no git"])
def test_without_the_handouts_commit_the_tree_is_built_as_it_stands(
    clone: Path, tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = clone
    if how == "an amended commit":
        (clone / "kernel/main.cc").write_text("amended\n", encoding="utf-8")
        git(clone, "reset", "-q", "--soft", "origin/lab1")
        git(clone, "commit", "-qa", "--amend", "--no-edit")
    elif how == "no git":
        cmake = tmp_path / "bin"
        cmake.mkdir()
        for tool in ("cmake", "ninja", "sh", "sed", "grep", "cat", "setpriv", "timeout"):
            (cmake / tool).symlink_to(shutil.which(tool) or "/bin/false")
        monkeypatch.setenv("PATH", str(cmake))
    else:
        shutil.rmtree(clone / ".git")
        if how == "a new history":
            git(clone, "init", "-q")
            git(clone, "add", "-A")
            git(clone, "commit", "-qm", "Everything\n\nPagewalk-Handout: lab 1, as I like it")
        if how == "inside of another":
            git(tmp_path, "init", "-q")
            git(tmp_path, "commit", "-qm", "Lab 1\n\nPagewalk-Handout: lab 1", "--allow-empty")
    (clone / "kernel/main.cc").write_text("mine\n", encoding="utf-8")
    text = packed(tree, tmp_path / "a.tar.gz")
    assert "so what is built is this tree as it stands" in text and "git rev-parse" not in text
    assert (clone / "build/x86_64/kernel.elf").read_text().startswith("mine\n")
    assert "changed, and not part" not in text


# --- what is in the way ------------------------------------------------------------------------------------


def _a_link(file: Path) -> None:
    file.unlink()
    file.symlink_to("/etc/passwd")


def _a_linked_folder(file: Path) -> None:
    file.parent.rename(file.parents[2] / "elsewhere")
    file.parent.symlink_to(file.parents[2] / "elsewhere")


def _a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _too_large(file: Path) -> None:
    file.write_bytes(b"\n" * ((1 << 20) + 1))


def _not_text(file: Path) -> None:
    file.write_bytes(b"nop\n\0")


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (Path.unlink, "is missing"),
        (_a_link, "is a symbolic link"),
        (_a_linked_folder, "is a symbolic link, or in a folder that is one"),
        (_a_folder, "is no ordinary file"),
        (_too_large, "is larger than 1 MiB"),
        (_not_text, "holds NUL bytes"),
    ],
)
def test_a_file_that_cannot_be_taken_is_named(clone: Path, tmp_path: Path, spoil: Callable[[Path], None], why: str) -> None:
    spoil(clone / "arch/x86_64/lab1.S")
    with pytest.raises(LadderError, match=f"^arch/x86_64/lab1.S {why}"):
        packed(clone, tmp_path / "a.tar.gz")
    assert not (tmp_path / "a.tar.gz").exists()
    text = packed(clone, tmp_path / "a.tar.gz", force=True)
    assert f"In spite of this: arch/x86_64/lab1.S {why}" in text
    assert "lab 1, 2 files of yours:" in text
    (clone / "kernel/lab1.h").unlink()
    assert "lab 1, 1 file of yours:" in packed(clone, tmp_path / "a.tar.gz", force=True)
    assert "lab1-submission/arch/x86_64/lab1.S" not in contents(tmp_path / "a.tar.gz")


def test_a_mebibyte_is_not_too_large(clone: Path, tmp_path: Path) -> None:
    assert MOST_BYTES == LARGEST_FILE  # what the other end takes
    (clone / "kernel/lab1.h").write_bytes(b"\n" * (1 << 20))
    packed(clone, tmp_path / "a.tar.gz")


def test_a_conflict_is_named(clone: Path, tmp_path: Path) -> None:
    conflict = "a\n<<<<<<< HEAD\nmine\n=======\ntheirs\n>>>>>>> lab2\n"
    (clone / "kernel/lab1.h").write_text(conflict, encoding="utf-8")
    with pytest.raises(LadderError, match=r"^kernel/lab1.h:2: a conflict of a merge"):
        packed(clone, tmp_path / "a.tar.gz")


def test_what_is_no_obstacle_is_said(tmp_path: Path) -> None:
    clone = student_clone(tmp_path)
    (clone / "kernel/lab1.h").write_text('lab_todo(1, "first1");\n', encoding="utf-8")
    lines = packed(clone, tmp_path / "a.tar.gz").splitlines()
    assert "not written yet: first1 (kernel/lab1.h:1)" in lines
    assert "not committed yet: kernel/lab1.h" in lines


# --- where it is written -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [b"", b"my thesis", pack("mine", {"lab1-submission/x": b""}), pack("x", {})],
    ids=["empty", "no archive", "another archive", "an empty archive"],
)
def test_what_is_no_submission_is_not_overwritten(clone: Path, tmp_path: Path, content: bytes) -> None:
    output = tmp_path / "a.tar.gz"
    output.write_bytes(content)
    with pytest.raises(LadderError, match="is not a submission: left as it is"):
        packed(clone, output, force=True)
    assert output.read_bytes() == content
    assert not (clone / "build").exists()  # said before anything is built


def test_a_submission_is_overwritten(clone: Path, tmp_path: Path) -> None:
    output = tmp_path / "a.tar.gz"
    output.write_bytes(pack("lab3-submission", {"kernel/x": b"old"}))
    packed(clone, output)
    assert "lab1-submission/kernel/lab1.h" in contents(output)


def test_a_link_is_not_followed(clone: Path, tmp_path: Path) -> None:
    (tmp_path / "a.tar.gz").symlink_to(tmp_path / "b.tar.gz")
    with pytest.raises(LadderError, match="left as it is"):
        packed(clone, tmp_path / "a.tar.gz")


def test_a_folder_that_is_not_there(clone: Path, tmp_path: Path) -> None:
    with pytest.raises(LadderError, match=f"there is no folder {tmp_path}/none"):
        packed(clone, tmp_path / "none/a.tar.gz")
    with pytest.raises(LadderError, match="cannot write /proc/a.tar.gz: "):
        packed(clone, Path("/proc/a.tar.gz"))


WRITE = """
import resource, sys
from pathlib import Path
from grade.ladder.files import write_whole
from grade.ladder.labs import LadderError
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_whole(Path(sys.argv[1]), bytes(100_000))
except LadderError as error:
    print(error)
"""


def test_no_room_leaves_nothing_behind(tmp_path: Path) -> None:
    """The limit stands for a full disk: the write fails in its midst."""
    output = tmp_path / "a.tar.gz"
    output.write_bytes(b"old")
    command = [sys.executable, "-c", WRITE, str(output)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout == f"cannot write {output}: {os.strerror(errno.EFBIG)}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar.gz"]
    assert output.read_bytes() == b"old"


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "a.tar.gz", b"content")
    assert not list(tmp_path.iterdir())


def test_the_archive_has_the_users_usual_rights(tmp_path: Path) -> None:
    mask = os.umask(0o027)
    write_whole(tmp_path / "a.tar.gz", b"content")
    os.umask(mask)
    assert (tmp_path / "a.tar.gz").stat().st_mode & 0o777 == 0o640
