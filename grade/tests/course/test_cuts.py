"""What students get of main: no marker, no solution, nothing of later labs, and code as clang-format makes it."""

import re
import shutil
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

from grade.cutting.cutter import Hole, holes, render
from grade.isa import ISAS
from grade.ladder.labs import load_labs
from grade.ladder.trees import find_root

ROOT = find_root(Path(__file__))
NUMBERS = [lab.number for lab in load_labs(ROOT)]
HOLES = holes(ROOT)
LENT = {path for lab in load_labs(ROOT) for path in lab.lends}
CUTS = [(lab, solved) for lab in NUMBERS for solved in sorted({0, lab - 1})]
each_cut = pytest.mark.parametrize(("lab", "solved"), CUTS)

NOT_SHARED = re.compile(r"labs/[^/]+/(bugs|variants|lent)/|docs/(instructor|graded)\.md|grade/tests/|\.ci/")
"""What is for those who make the labs, and give the grades."""


@cache
def cut_text(lab: int, solved: int) -> dict[str, str]:
    """Returns the text of each file of a cut, by path."""
    files = render(ROOT, lab, solved, with_grader=True)
    return {path: content.decode(errors="replace") for path, (content, _) in files.items()}


@cache
def main_text() -> dict[str, str]:
    """Returns the same of main."""
    command = ["git", "ls-files", "-co", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    files = {name: ROOT / name for name in listed if (ROOT / name).is_file()}
    return {name: path.read_text(encoding="utf-8", errors="replace") for name, path in files.items()}


def squeezed(text: str) -> str:
    """Returns the text with one space wherever there is any white space."""
    return " ".join(text.split())


@cache
def solution(hole: Hole) -> list[str]:
    """Returns the lines of its code that give something away: they are of some length, and stand nowhere else in main."""
    lines = main_text()[hole.file].split("\n")[hole.line :]
    end = next(number for number, line in enumerate(lines) if line.strip() == f"// @lab {hole.lab} end")
    body = (squeezed(line) for line in lines[:end] if not line.strip().startswith("//:"))
    return [line for line in body if len(line) > 12 and line not in outside_of_holes()]


@cache
def outside_of_holes() -> str:
    """Returns all of main that is no student's to write, and that students may see."""
    texts = "\n".join(text for path, text in main_text().items() if not NOT_SHARED.match(path))
    hole = re.compile(r"^[ \t]*// @lab (\d+) begin: .*?^[ \t]*// @lab \1 end$", re.MULTILINE | re.DOTALL)
    return squeezed(hole.sub("", texts))


@pytest.mark.parametrize("hole", HOLES, ids=lambda hole: f"{hole.file}:{hole.function}")
def test_each_solution_can_be_searched_for(hole: Hole) -> None:
    assert solution(hole)


@each_cut
def test_no_solution_is_left_in_any_file(lab: int, solved: int) -> None:
    """Except in what is lent: it does what a later lab's student will do by other means, and is gone by then."""
    shown = {line for hole in HOLES if hole.lab <= solved for line in solution(hole)}
    secret = {line: hole for hole in HOLES if hole.lab > solved for line in solution(hole) if line not in shown}
    for path, text in cut_text(lab, solved).items():
        whole = squeezed(text) if path not in LENT else ""
        assert not [f"{hole.function}: {line}" for line, hole in secret.items() if line in whole], path


@each_cut
def test_what_is_solved_is_in_it(lab: int, solved: int) -> None:
    """Else the search above might find nothing because it cannot."""
    files = cut_text(lab, solved)
    for hole in HOLES:
        if hole.lab <= solved:
            assert all(line in squeezed(files[hole.file]) for line in solution(hole)), hole


@each_cut
def test_no_marker_is_left(lab: int, solved: int) -> None:
    for path, text in cut_text(lab, solved).items():
        assert not re.search(r"@(lab|from|main|end)\b", text), path
        assert path.startswith("grade/") or "//:" not in text, path


@each_cut
def test_nothing_is_left_that_is_not_for_students(lab: int, solved: int) -> None:
    assert not [path for path in cut_text(lab, solved) if NOT_SHARED.match(path)]


@each_cut
def test_nothing_of_a_later_lab_is_left(lab: int, solved: int) -> None:
    """No file of a later lab, and no path of one is named, or of a folder that is not there yet.

    Except in what is one for all labs: the grader, its list of causes, and its example of what the witness tells.
    """
    files = cut_text(lab, solved)
    for later in load_labs(ROOT):
        assert later.number <= lab or not [path for path in files if later.brings(path)]
    gone = with_folders(path for path in main_text() if "/lent/" not in path) - with_folders(files)
    for path, text in files.items():
        if not path.startswith("grade/") and path not in ("docs/causes.md", "docs/discipline.md"):
            assert not gone & set(re.findall(r"\w[\w.+-]*(?:/\w[\w.+-]*)+", text)), path


def with_folders(paths: Iterable[str]) -> set[str]:
    """Returns them, and all folders in which they are."""
    paths = set(paths)
    return paths | {str(folder) for path in paths for folder in Path(path).parents}


_FENCE = re.compile(r"^```.*\n(?:.*\n)*?```$", re.MULTILINE)
_LED_TO = re.compile(r"((?:^(?!```).+\n)+)\n(^```.*\n(?:.*\n)*?```$)", re.MULTILINE)
_SIGNS = {
    "x86_64": r"lab \d, x86_64|on x86_64|isa=x86_64|\b(?:cr3|rip|rflags|IDT|PML4E)\b",
    "aarch64": r"lab \d, aarch64|on aarch64|isa=aarch64|TTBR|VBAR|x8 = |0xffff0[01]|0x40[23]\w{5}\b",
}
"""By which a reader tells on which ISA something was recorded."""


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("lab", NUMBERS)
def test_no_page_of_a_course_on_one_isa_contradicts_itself(lab: int, isa: str) -> None:
    """No output of one ISA stands under a command for another; what is shown without output can be typed."""
    (other,) = set(ISAS) - {isa}
    files = render(ROOT, lab, lab - 1, [isa], with_grader=True)
    pages = {path: content.decode() for path, (content, _) in files.items() if path.endswith(".md")}
    assert f"--isa {isa}" in pages["docs/gdb.md"]
    for path, page in pages.items():
        blocks = [*_FENCE.findall(page), *(led[0] + led[1] for led in _LED_TO.findall(page) if led[0].endswith(":\n"))]
        for block in blocks:
            is_recorded = {one for one in ISAS if re.search(_SIGNS[one], block)}
            if len(is_recorded) == 1:
                assert set(re.findall(r"--isa (\w+)", block)) <= is_recorded, f"{path}:\n{block}"
            elif not is_recorded:
                assert f"--isa {other}" not in block, f"{path}:\n{block}"


def test_the_report_in_the_readme_is_as_reports_are_today() -> None:
    report = (ROOT / "README.md").read_text(encoding="utf-8").partition("$ ./pagewalk grade 2")[2].partition("```")[0]
    names = [line[2:13].strip() for line in report.splitlines() if re.match(r"  \w", line)]
    assert names == ["expected", "seen", "the walk", "cause", "look at", "last words", "try", "explain", "picture"]


@pytest.mark.skipif(shutil.which("clang-format") is None, reason="needs clang-format")
def test_code_is_as_clang_format_makes_it(tmp_path: Path) -> None:
    """In every cut, also where a hole is empty or filled."""
    shutil.copy(ROOT / ".clang-format", tmp_path)
    seen: dict[tuple[str, str], Path] = {}
    for lab, solved in [*CUTS, *((lab, lab) for lab in NUMBERS)]:
        for path, text in cut_text(lab, solved).items():
            if path.endswith((".h", ".cc")) and (path, text) not in seen:
                file = seen[path, text] = tmp_path / f"lab-{lab}-solved-{solved}" / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
    command = ["clang-format", "--dry-run", "-Werror", *seen.values()]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr.replace(f"{tmp_path}/", "")
    assert {path for path, _ in seen} >= {hole.file for hole in HOLES if not hole.file.endswith(".S")}
