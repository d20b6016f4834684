"""Planted bugs in handed-out trees: only those of labs that are done, in given code alone, in the student's own kernel."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from grade.cutting.cutter import cut, holes, render
from grade.isa import ISAS
from grade.ladder.files import update
from grade.ladder.labs import LadderError, load_labs, owner_of
from grade.ladder.trees import Tree, find_root
from grade.patches.bugs import load_bugs
from grade.patches.packed import NAME, packed_bugs
from grade.practice.command import code_of, find_bug, plant_bug
from grade.practice.solved import bugs_to_practise
from grade.results.result import Result, Status
from grade.results.verdict import Verdict
from grade.student.kept import keep

ROOT = find_root(Path(__file__))
TEXT_LEFT_OUT = code_of(next(bug for bug in load_bugs(ROOT) if bug.name == "start-of-text-left-out"))


@cache
def handed_out(lab: int, isas: tuple[str, ...]) -> dict[str, tuple[bytes, int]]:
    return render(ROOT, lab, 0, isas, with_grader=True)


def write(files: dict[str, tuple[bytes, int]], into: Path) -> Tree:
    for path, (content, mode) in files.items():
        update(into / path, content, mode)
    return Tree(into)


@pytest.mark.parametrize(("lab", "isas"), [(3, ISAS), (5, ISAS[1:]), (6, ISAS)])
def test_each_fits_the_tree_and_gives_nothing_away(lab: int, isas: tuple[str, ...], tmp_path: Path) -> None:
    files = handed_out(lab, isas)
    tree = write({path: file for path, file in files.items() if not path.startswith("grade/")}, tmp_path / "tree")
    bugs, secret = load_bugs(tree.root), solutions() - squeezed_lines(b"\n".join(content for content, _ in files.values()))
    assert {bug.lab for bug in bugs} | {4} == {*range(1, lab + 1), 4}  # lab 4's are for x86_64 only
    assert len(bugs) >= 5 * lab
    for bug in bugs:
        assert set(bug.isas) <= set(isas)
        assert not [path for path in bug.changed_files() if owner_of(load_labs(ROOT), path) is not None]
        assert not secret & squeezed_lines("\n".join(line[1:] for line in bug.diff.splitlines()).encode()), bug.name
        place = tmp_path / bug.name
        for path in bug.changed_files():
            update(place / path, *files[path])
        bug.apply(place)
    packs = [content for path, (content, _) in files.items() if path.endswith(NAME)]
    words = [word.encode() for bug in bugs for word in (bug.name, bug.symptom, *bug.causes.values())]
    assert not [word for word in words if any(word in pack for pack in packs)]
    assert not [path for path in files if "/bugs/" in path]


@cache
def solutions() -> set[bytes]:
    """Returns the lines of all reference code that students write."""
    found: set[bytes] = set()
    for file in {hole.file for hole in holes(ROOT)}:
        bodies = re.findall(rb"// @lab \d begin: .*?\n(.*?)// @lab \d end", (ROOT / file).read_bytes(), re.DOTALL)
        found |= squeezed_lines(b"\n".join(bodies))
    assert len(found) > 200
    return found


def squeezed_lines(text: bytes) -> set[bytes]:
    """Returns those that are long enough to be no accident."""
    return {line for whole in text.split(b"\n") if len(line := b" ".join(whole.split())) > 12}


def test_only_a_tree_with_the_grader_has_them() -> None:
    assert not [path for path in render(ROOT, 2, 2) if path.endswith(NAME)]
    assert f"labs/1-identity-map/{NAME}" in handed_out(3, ISAS)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    tree = write({path: file for path, file in handed_out(3, ISAS).items() if path.startswith("labs/")}, tmp_path)
    path = tree.labs[0].folder / NAME
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(LadderError, match=f"is damaged: git checkout -- labs/1-identity-map/{NAME}"):
        packed_bugs(tree.labs[0])


def pagewalk(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "grade", *arguments]
    environment = {"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin:/usr/sbin"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)


def passed(lab: int, isa: str, status: Status = Status.PASSED) -> Result:
    return Result(lab, isa, f"{lab}.1", "All of it", 100.0, 100.0, status, Verdict(), 1.0)


@pytest.mark.parametrize(("lab", "isa"), [(2, "x86_64"), (3, "aarch64")])
def test_a_student_practises(lab: int, isa: str, tmp_path: Path) -> None:
    folder = tmp_path / "student"
    cut(ROOT, lab, lab, folder, (isa,), with_grader=True)
    tree = Tree(folder)
    mine = folder / "kernel/map/map_kernel.cc"
    mine.write_text(re.sub(r"\bregion\b", "part", mine.read_text(encoding="utf-8")), encoding="utf-8")

    shown, waiting = bugs_to_practise(tree)
    assert {bug.lab for bug in shown} == set(range(1, lab)) and {bug.lab for bug in waiting} == {lab}
    hidden = code_of(waiting[0])
    refused = pagewalk(folder, "bug", hidden)
    assert refused.returncode == 2 and f"{hidden} waits until lab {lab} is done" in refused.stderr
    listed = pagewalk(folder, "bug").stdout
    assert TEXT_LEFT_OUT in listed and hidden not in listed
    assert f"{len(waiting)} more will be here when all milestones of lab {lab} have passed" in listed
    keep(tree, [passed(lab, isa, Status.FAILED)], [isa], complete=True)
    assert bugs_to_practise(tree)[1]
    keep(tree, [passed(lab, isa)], [isa], complete=True)
    assert not bugs_to_practise(tree)[1] and hidden in pagewalk(folder, "bug").stdout

    told = pagewalk(folder, "bug", TEXT_LEFT_OUT, "--explain")
    assert told.returncode == 0 and "The cause: vectors-not-mapped" in told.stdout, told.stderr
    assert "part" in (folder / "build/practice" / TEXT_LEFT_OUT / mine.relative_to(folder)).read_text(encoding="utf-8")
    assert "start-of-text-left-out" in pagewalk(folder, "bug", TEXT_LEFT_OUT, "--reveal").stdout

    (folder / "kernel/map/kernel_regions.cc").write_text("// mine\n", encoding="utf-8")
    unfit = pagewalk(folder, "bug", TEXT_LEFT_OUT, "--explain")
    assert unfit.returncode == 2 and "this bug does not fit your tree, where kernel/map/kernel_regions.cc" in unfit.stderr


def test_what_is_not_written_hides_the_labs_from_there_on(tmp_path: Path) -> None:
    cut(ROOT, 3, 1, tmp_path / "student", ISAS)
    tree = write(handed_out(3, ISAS) | _files(tmp_path / "student"), tmp_path / "tree")
    assert {bug.lab for bug in bugs_to_practise(tree)[0]} == {1}
    bug = find_bug(tree, TEXT_LEFT_OUT)
    with pytest.raises(LadderError, match="this bug shows on"):
        plant_bug(tree, bug, "riscv64")


def _files(folder: Path) -> dict[str, tuple[bytes, int]]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): (path.read_bytes(), 0o644) for path in found}
