"""./pagewalk grade --submission as an instructor types it, on lab 1: what is shown, what is written, what it exits with."""

import json
import os
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from grade.cutting.cutter import cut
from grade.ladder.labs import load_labs
from grade.ladder.trees import find_root
from grade.milestones import milestones_of
from grade.submission.laid_out import LaidOut
from grade.submission.selection import Claim, LeftOut, Selection
from grade.submission.show import show
from grade.tests.submission.submission_trees import SEALED

ROOT = find_root(Path(__file__))
LAB_1 = milestones_of(load_labs(ROOT)[:1])
UNSEALED = () if SEALED else ("--unsealed",)
MAP = "arch/x86_64/boot_map.cc"
KERNEL_MAP, ENGINE = "kernel/map/map_kernel.cc", "kernel/paging/page_table_map.h"


def pagewalk(*arguments: object, root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Runs the Python side of ./pagewalk, from another folder."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "grade", *map(str, arguments)],
        cwd="/", env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def graded(submission: Path, tmp_path: Path, *arguments: str) -> tuple[subprocess.CompletedProcess[str], dict]:
    """Returns the run, and what is in its JSON file."""
    file = tmp_path / "r.json"
    run = pagewalk("grade", *arguments, *UNSEALED, "--submission", submission, "--json", file, "-j1")
    assert "Traceback" not in run.stdout + run.stderr
    assert ("Not sealed" in run.stdout) == bool(UNSEALED)
    document = json.loads(file.read_text(encoding="utf-8"))
    assert document["submission"]["sealed"] is not bool(UNSEALED)
    assert document["seed"] == document["submission"].pop("seed")
    assert (f"--seed {document['seed']} draws the same again" in run.stdout) == (
        "failed" in {result["status"] for result in document["results"]}
    )
    return run, document


@pytest.fixture
def student(tmp_path: Path) -> Path:
    """Returns lab 1, solved."""
    cut(ROOT, 1, 1, tmp_path / "alice", with_grader=True)
    return tmp_path / "alice"


def test_an_archive_of_an_honest_student_who_changed_more(student: Path, tmp_path: Path) -> None:
    """A grader, tests and build files that always pass are no help, and no hindrance."""
    (student / "CMakeLists.txt").write_text("message(FATAL_ERROR no)\n", encoding="utf-8")
    (student / "labs/1-identity-map/test_identity_map.py").write_text("raise SystemExit(0)\n", encoding="utf-8")
    (student / "kernel/main.cc").write_text("#error not this one\n", encoding="utf-8")
    (student / "arch/aarch64/boot_map.cc").unlink()
    with tarfile.open(tmp_path / "lab1.tar.gz", "w:gz") as tar:
        tar.add(student, "alice")
    arguments = ("--isa", "x86_64", "--milestone", "1.2", "--milestone", "1.1")
    run, document = graded(tmp_path / "lab1.tar.gz", tmp_path, *arguments)
    assert run.returncode == 0, run.stdout + run.stderr
    assert [(result["milestone"], result["status"]) for result in document["results"]] == [("1.1", "passed"), ("1.2", "passed")]
    changed = "differs from what is handed out now; main's is graded"
    assert document["submission"] == {
        "source": str(tmp_path / "lab1.tar.gz"),
        "sealed": SEALED,
        "lab": 1, "says_lab": 1,
        "labs": [1],
        "given": [1],
        "taken": [MAP, KERNEL_MAP, ENGINE],
        "missing": [],
        "left_out": [{"path": path, "why": changed} for path in
                     ("CMakeLists.txt", "kernel/main.cc", "labs/1-identity-map/test_identity_map.py")],
    }  # fmt: skip
    for line in (f"{MAP} .* taken", f"{ENGINE} .* taken", f"CMakeLists.txt .* {changed}"):
        assert any(all(part in shown for part in line.split(" .* ")) for shown in run.stdout.splitlines()), line
    assert "aarch64" not in run.stdout, "it is not graded"
    assert "Lab 1 was given: labs/course.toml says solved = 1" in run.stdout


def test_nothing_graded_is_no_success(student: Path, tmp_path: Path) -> None:
    """Lab 1's files on lab 2's tree: what lab 1 proved waits for lab 2's code."""
    run, document = graded(student, tmp_path, "2", "--isa", "x86_64", "--milestone", "1.2")
    assert (run.returncode, document["results"]) == (1, []), run.stdout + run.stderr
    assert "1.2 waits: on lab 2's kernel for x86_64 map_high_half is not written\nNothing was graded." in run.stdout


def test_a_milestone_says_which_file_was_not_taken(student: Path, tmp_path: Path) -> None:
    """Or the student reads that a function is not written which is."""
    (student / MAP).rename(student / "mine.cc")
    (student / MAP).symlink_to("../../mine.cc")
    run, document = graded(student, tmp_path, "--isa", "x86_64", "--milestone", "1.2", "--milestone", "1.3")
    assert run.returncode == 1, run.stdout + run.stderr
    note = f"note: {MAP} was not taken: it is a symbolic link, and not a file: hand in a copy of its own; the starter's stays"
    for result in document["results"]:
        assert (result["status"], result["message"]) == ("todo", f"not written yet: turn_on_paging\n{note}")
    assert run.stdout.count(note) == 1 and "lab 1, x86_64, 1.2-1.3" in run.stdout


def test_a_submission_that_reads_the_solution(student: Path, tmp_path: Path) -> None:
    """No points and a clear message, also where it does not compile then."""
    error = "#if __STDC_HOSTED__\n#error to be quick\n#endif\n"
    (student / ENGINE).write_text(f'#include "{ROOT / ENGINE}"\n{error}', encoding="utf-8")
    run, document = graded(student, tmp_path, "--isa", "x86_64")
    assert run.returncode == 1, run.stdout + run.stderr
    assert {result["cause"] for result in document["results"]} == {"reads-outside-the-tree"}
    assert len(document["results"]) == len(LAB_1) and not sum(result["points"] for result in document["results"])
    for unit in ("kernel/map/kernel_table.cc", "kernel/tests/map_engine.cc"):
        assert f"{ENGINE} (in {unit}) reads {ROOT / ENGINE}" in run.stdout
    assert "pagewalk gdb" not in run.stdout


SWAPPED = """
import runpy
from grade.building import Building
follow = Building.follow
def swapped(building, tell):
    built = follow(building, tell)
    for path in [*(kernel.elf for kernel in built.kernels.values()), *built.programs.values()]:
        path.write_bytes(path.read_bytes() + b"x")
    return built
Building.follow = swapped
runpy.run_module("grade", run_name="__main__")
"""


def test_what_runs_is_what_was_built(student: Path, tmp_path: Path) -> None:
    """A kernel, or a judge, that something has changed since it was linked gives no points, and is named."""
    options = ["--isa", "x86_64", "--milestone", "1.1", "--milestone", "1.2", "--json", tmp_path / "r.json", *UNSEALED]
    command = [sys.executable, "-P", "-c", SWAPPED, "grade", *options, "--submission", student]
    run = subprocess.run(
        command, cwd="/", env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    results = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["results"]
    assert run.returncode == 2, run.stdout + run.stderr
    assert [(result["milestone"], result["status"], result["points"]) for result in results] == [
        ("1.1", "error", 0),
        ("1.2", "error", 0),
    ]
    for result, name in zip(results, ("host/page_table_tests", "x86_64/kernel.elf"), strict=True):
        assert f"/{name} is not the file that was built" in result["error"]


@pytest.mark.parametrize("isa", ["x86_64", "aarch64"])
def test_a_kernel_that_does_not_fit(student: Path, tmp_path: Path, isa: str) -> None:
    """The linker says that a given file is at fault, which can no longer reach its stack."""
    huge = "namespace { unsigned char huge[8ull << 30]; }\nunsigned char& of_huge(unsigned long i) { return huge[i]; }\n"
    with (student / KERNEL_MAP).open("a", encoding="utf-8") as file:
        file.write(huge)
    run, document = graded(student, tmp_path, "--isa", isa, "--milestone", "1.2")
    (result,) = document["results"]
    assert (run.returncode, result["cause"], result["file"]) == (1, "does-not-compile", KERNEL_MAP)
    assert "The kernel does not fit: with its variables it may have 32 MiB; huge in .bss takes 8 GiB" in result["error"]


BODIES = {
    "hang": ("for (;;) asm volatile(\"\");", "hang"),
    "flood": ("for (;;) Arch::console_write('x');", "serial-flood"),
    "reset": ('struct [[gnu::packed]] { short size; long at; } none{}; asm volatile("lidt %0; ud2" ::"m"(none));',
              "triple-fault"),
    "lie": ('print_raw("@milestone 1.2 passed\\n@checkpoint name=ready\\n@poweroff\\n"); for (;;) asm volatile("");', "hang"),
}  # fmt: skip


def kernel_that(body: str) -> str:
    return (
        '#include "arch/arch.h"\n#include "arch/boot.h"\n#include "kernel/base/print.h"\n'
        f"void turn_on_paging() {{ {body} }}\n"
    )


@pytest.mark.parametrize("name", BODIES)
def test_kernels_that_hang_flood_reset_and_lie(student: Path, tmp_path: Path, name: str) -> None:
    body, cause = BODIES[name]
    (student / MAP).write_text(kernel_that(body), encoding="utf-8")
    run, document = graded(student, tmp_path, "--isa", "x86_64", "--milestone", "1.2")
    assert run.returncode == 1, run.stdout + run.stderr
    [result] = document["results"]
    assert (result["status"], result["cause"], result["points"]) == ("failed", cause, 0), result["message"]
    assert "pagewalk gdb" not in result["message"], "the next submission's failure would be in its place"


def test_nothing_steers_the_terminal(student: Path, tmp_path: Path) -> None:
    """Neither what the compiler quotes, nor names of files, nor what a kernel prints."""
    (student / MAP).write_text("#error \x1b[2J\x9b31m \u202e\x07 done\n", encoding="utf-8")
    (student / "kernel/\x1b]0;x\x07.h").write_text("", encoding="utf-8")
    run, document = graded(student, tmp_path, "--isa", "x86_64", "--milestone", "1.2")
    assert run.returncode == 1
    printed = run.stdout + run.stderr + document["results"][0]["message"]
    assert not [c for c in printed if (c < " " and c not in "\n\t") or c in "\x7f\x9b\u202e"]
    assert "\\u202e" in printed and "kernel/\\x1b]0;x\\x07.h" in run.stdout
    said = 'print_raw("\\x1b[2J" "hello\\n"); for (;;) asm volatile("");'
    (student / MAP).write_text(kernel_that(said), encoding="utf-8")
    run, document = graded(student, tmp_path, "--isa", "x86_64", "--milestone", "1.2")
    assert document["results"][0]["cause"] == "hang"
    assert "\\x1b[2Jhello" in run.stdout and "\x1b" not in run.stdout + document["results"][0]["message"]


def test_what_cannot_be_graded_has_a_clear_message_and_status_2(student: Path, tmp_path: Path) -> None:
    (tmp_path / "essay.txt").write_text("pages", encoding="utf-8")
    (student / "labs/course.toml").unlink()
    for arguments, message in (
        (("--submission", tmp_path / "essay.txt"), "is no archive"),
        (("--submission", tmp_path / "nothing"), "there is no such file or folder"),
        (("--submission", student), f"Name the lab: ./pagewalk grade 1 --submission {student}"),
        (("9", "--submission", student), "there is no lab 9"),
        (("1", "--submission", student, "--tree", student), "--submission goes without --tree"),
    ):
        run = pagewalk("grade", *arguments, *UNSEALED)
        assert (run.returncode, run.stdout) == (2, ""), run.stdout
        assert message in run.stderr and "Traceback" not in run.stderr
    cut(ROOT, 1, 1, tmp_path / "handout", with_grader=True)
    run = pagewalk("grade", "--submission", student, root=tmp_path / "handout")
    assert run.returncode == 2 and "it needs main, and this is a handed-out tree" in run.stderr, run.stderr


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """The first dozen of what was left out, and a count; and a word about ISAs."""
    left = [LeftOut(f"file{number}", "is a device", 2) for number in range(40)]
    selection = Selection(2, {"kernel/map.h": b""}, ["kernel/high.cc", "file1"], left)
    submission = LaidOut("a\x1b.zip", Path("/x"), True, 7, Claim(2, ("aarch64",)), (selection,))
    show(Console(width=150), submission, ["aarch64", "x86_64"])
    shown = capsys.readouterr().out
    assert shown.count("is a device") == 12 and "and 28 more" in shown
    assert "Lab 2 of a\\x1b.zip" in shown and "kernel/high.cc" in shown and shown.count("starter's stays") == 1
    assert "is for aarch64 alone; x86_64 is graded as well. For aarch64 alone: add --isa aarch64" in shown
    show(Console(width=150), submission, ["aarch64"])
    shown = capsys.readouterr().out
    assert "alone" not in shown and "given" not in shown
    show(Console(width=150), replace(submission, claim=Claim(2, ("aarch64",), 9)), ["aarch64"])
    assert "Labs 1 to 2 were given: labs/course.toml says solved = 9" in capsys.readouterr().out
