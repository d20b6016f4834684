"""The climb: a student clones the handout, writes lab after lab in a hand of his own, and merges each next branch.

Real git throughout. What a student writes is main's reference code, changed as people change code: other names, helper
functions, comments, another layout, and edits of given files. No merge may conflict, and every kernel must pass.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import mkdtemp

import pytest

from grade.cutting.cutter import render
from grade.isa import ISAS
from grade.ladder.labs import COURSE_FILE
from grade.ladder.trees import Tree, find_root
from grade.milestones import milestones_of
from grade.patches.packed import NAME as PACK

ROOT = find_root(Path(__file__))
LABS = Tree(ROOT).labs
NUMBERS = [lab.number for lab in LABS]

RENAMED = {
    "kernel/paging/page_table_map.h": {"above": "height", "top": "end_of_walk", "path": "new_tables"},
    "kernel/map/map_kernel.cc": {"region": "part"},
    "arch/x86_64/boot_map.cc": {"table": "first_map"},
    "arch/aarch64/boot_map.cc": {"table": "first_map"},
    "arch/x86_64/boot_high.cc": {"table": "same_map"},
    "arch/aarch64/boot_high.cc": {"table": "high_map"},
    "kernel/map/leave_low_half.cc": {"slot": "number", "entry": "old_entry"},
    "kernel/paging/page_table_unmap.h": {"here": "spot", "emptied": "old_table"},
    "kernel/space/address_space.cc": {"freed": "given_back"},
    "kernel/map/temp_map.cc": {"used": "taken"},
    "kernel/space/user_copy.cc": {"mapping": "found"},
    "kernel/space/vma.cc": {"place": "position", "below": "lower"},
    "kernel/space/fault.cc": {"window": "view", "freed": "old"},
    "kernel/space/clone.cc": {"copier": "make_copy"},
    "kernel/process/fork.cc": {"child": "young"},
}
"""Local names of the reference, and what the student calls them."""

EDITED = {1: "kernel/base/clock.cc", 3: "user/hello.cc"}
"""Given files that the student of a lab adds comments to. No later lab changes them."""

OTHER_STYLE = "{BasedOnStyle: LLVM, IndentWidth: 4, ColumnLimit: 90, SortIncludes: Never}"


# --- tools -----------------------------------------------------------------------------------------------------------


def run(folder: Path, *command: str | Path, status: int = 0) -> str:
    """Returns the output of a command that must end with this status, without the settings of whoever runs the tests."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PYTEST_"))}
    environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "PAGEWALK_PYTHON": sys.executable}
    for role in ("AUTHOR", "COMMITTER"):
        environment |= {f"GIT_{role}_NAME": "A Student", f"GIT_{role}_EMAIL": "student@example.org"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == status, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout


def git(folder: Path, *arguments: str) -> str:
    return run(folder, "git", *arguments)


def published(folder: Path, *options: str) -> Path:
    """Returns the repository that ./pagewalk handout makes of main as it stands, with what is not committed yet."""
    main, course = folder / "main", folder / "course"
    listed = git(ROOT, "ls-files", "-co", "--exclude-standard", "-z").split("\0")
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            (main / name).parent.mkdir(parents=True, exist_ok=True)
            (main / name).write_bytes((ROOT / name).read_bytes())
            (main / name).chmod((ROOT / name).stat().st_mode)
    run(main, main / "pagewalk", "handout", "--repo", course, *options)
    return course


def clone(course: Path, branch: str) -> Path:
    """Returns a student's clone, on a branch of his own that begins at `branch`."""
    work = Path(mkdtemp(prefix="work-", dir=course.parent))
    git(course.parent, "clone", "--quiet", str(course), str(work))
    git(work, "switch", "--quiet", "--create", "work", f"origin/{branch}")
    return work


def write(work: Path, files: dict[str, str], message: str) -> None:
    for path, text in files.items():
        (work / path).write_text(text, encoding="utf-8")
    git(work, "add", "--all")
    git(work, "commit", "--quiet", "--message", message)


def merge(work: Path, branch: str) -> None:
    """Fails if git leaves anything to do by hand."""
    git(work, "merge", "--quiet", "--no-edit", f"origin/{branch}")
    assert git(work, "status", "--porcelain") == ""


def solution(lab: int, isas: tuple[str, ...]) -> dict[str, str]:
    """Returns what the student of this lab has to write: the owned files, with the reference in them."""
    owned = LABS[lab - 1].owns
    return {path: content.decode() for path, (content, _) in render(ROOT, lab, lab, isas).items() if owned(path)}


# --- a hand of one's own ---------------------------------------------------------------------------------------------


def in_own_hand(path: str, text: str) -> str:
    """Returns the file as a student might have written it: it does the same, and hardly a line is the reference's."""
    if path.endswith(".S"):
        return "// My notes: first by hand, then here.\n" + text.replace("\n        ", "\n    ") + "// That was all.\n"
    for old, new in RENAMED[path].items():
        assert re.search(rf"\b{old}\b", text) and not re.search(rf"\b{new}\b", text), f"mend RENAMED: {path}: {old}"
        text = re.sub(rf"\b{old}\b", new, text)
    name = "steps_of_" + re.sub(r"\W", "_", path)
    helper = f"// A helper of mine.\nconstexpr unsigned {name}(unsigned from) {{ return from + 1; }}\n"
    helper += f"static_assert({name}(1) == 2);\n"
    end_of_includes = max(match.end() for match in re.finditer(r"^#include .*\n", text, re.MULTILINE))
    text = text[:end_of_includes] + "\n" + helper + text[end_of_includes:] + "\n// The end of my file.\n"
    command = ["clang-format", f"--style={OTHER_STYLE}", f"--assume-filename={path}"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def write_lab(work: Path, lab: int, isas: tuple[str, ...]) -> None:
    """Makes a student's commit: the lab in a hand of his own, notes, and comments in a given file."""
    files = {path: in_own_hand(path, text) for path, text in solution(lab, isas).items()}
    files["NOTES.md"] = f"Lab {lab} took me a while.\n"
    if path := EDITED.get(lab):
        later = git(work, "diff", "--name-only", f"origin/lab{lab}", f"origin/lab{NUMBERS[-1]}").splitlines()
        assert path not in later, f"mend EDITED: a later lab changes {path}"
        given = (work / path).read_text(encoding="utf-8")
        files[path] = f"// I read this one twice.\n{given}// Now I know what it does.\n"
    write(work, files, f"My lab {lab}")


def grade(work: Path, *options: str) -> dict[str, str]:
    """Returns the status of each milestone, by number."""
    file = work.with_name("results.json")
    run(work, work / "pagewalk", "grade", "-j", "1", "--json", file, *options)
    assert git(work, "status", "--porcelain") == ""  # a student commits nothing by mistake
    return {result["milestone"]: result["status"] for result in json.loads(file.read_text())["results"]}


def booted_milestones(lab: int) -> list[str]:
    """Returns the numbers of the lab's own milestones that need no host test."""
    return [known.number for known in milestones_of([LABS[lab - 1]]) if "H" not in known.witness]


def asked_of(lab: int, isa: str) -> list[str]:
    """Returns the milestones that the climb grades: on the way each lab's own, at the top those of all labs.

    The host tests, whose build takes longer than all else, run once: at the top, for the first ISA. What a lab's kernel
    owes to earlier labs before the top is graded in main, on the same code in main's own hand.
    """
    if lab < NUMBERS[-1]:
        return booted_milestones(lab)
    if isa == ISAS[0]:
        return []
    retired = {number for known in LABS for number in known.retires}
    return [number for below in NUMBERS for number in booted_milestones(below) if number not in retired]


@pytest.mark.parametrize("isa", ISAS)
def test_a_student_climbs_all_labs(isa: str, tmp_path: Path) -> None:
    """In a course of one ISA: nothing conflicts, and what was written is passed."""
    work = clone(published(tmp_path, "--isa", isa), "lab1")
    for lab in NUMBERS:
        if lab > 1:
            merge(work, f"lab{lab}")
        write_lab(work, lab, (isa,))
        asked = asked_of(lab, isa)
        statuses = grade(work, *(f"--milestone={number}" for number in asked))
        assert set(statuses.values()) == {"passed"}
        assert set(booted_milestones(lab)) <= set(statuses)
    assert {int(number.split(".")[0]) for number in statuses} == set(NUMBERS)


# --- without a boot --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the handout of a course with all ISAs."""
    return published(tmp_path_factory.mktemp("climb"), "--solutions", "--catch-up", "3")


def without_markers(text: str) -> str:
    """Returns the text of main as it reads in the highest lab, solved. Empty lines count as one."""
    marker = r"^[ \t]*(?://|#|<!--|/\*)[ \t]*@"
    text = re.sub(rf"{marker}main\b.*?{marker}end\b.*?\n", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(rf"{marker}(?:lab|from|end)\b.*\n|^[ \t]*//:.*\n", "", text, flags=re.MULTILINE)
    return re.sub(r"\n\s*\n", "\n\n", text)


def formatted(path: str, text: str) -> str:
    """Returns C++ as clang-format makes it: it takes a marker for a comment, which keeps the lines around it apart."""
    if not path.endswith((".h", ".cc")):
        return text
    command = ["clang-format", f"--assume-filename={ROOT / path}"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def is_for_students(path: str) -> bool:
    """Returns what the ladder has of main. Of grade/ it has what the clone needs to grade itself, as the climb shows."""
    texts = ("docs/class.md", "docs/instructor.md", "docs/graded.md", "CHANGELOG.md", "CONTRIBUTING.md", ".github/")
    for_instructors = (*texts, "pyproject.toml", ".flake8")
    return not path.startswith((".ci/", "grade/", "kernel/tests/fuzz/", *for_instructors)) and not re.match(
        r"labs/[^/]+/[^/]+/", path
    )


def test_at_the_top_the_tree_is_main(course: Path) -> None:
    """Each lab filled in as main has it, and merged: nothing is missing, nothing more, and nothing else in it."""
    work = clone(course, "lab1")
    for lab in NUMBERS:
        if lab > 1:
            merge(work, f"lab{lab}")
        write(work, solution(lab, ISAS), f"Lab {lab}")
    there = set(git(work, "ls-files").splitlines())
    main = {name for name in git(ROOT, "ls-files", "-co", "--exclude-standard").splitlines() if (ROOT / name).is_file()}
    packs = {name for name in there if name.endswith(f"/{PACK}")}
    assert there - main == {COURSE_FILE} | packs
    assert {path for path in main if is_for_students(path)} - there == set()
    for path in (path for path in there & main if not path.startswith(".vscode/")):  # test_editors.py compares those
        text, of_main = ((root / path).read_text(encoding="utf-8", errors="replace") for root in (work, ROOT))
        if not path.startswith("grade/"):
            text, of_main = re.sub(r"\n\s*\n", "\n\n", text), formatted(path, without_markers(of_main))
        assert text.rstrip() == of_main.rstrip(), path
        assert os.access(work / path, os.X_OK) == os.access(ROOT / path, os.X_OK), path


@pytest.mark.parametrize("lab", NUMBERS[:-1])
def test_no_handout_touches_a_file_of_an_earlier_student(course: Path, lab: int) -> None:
    owned = [path for known in LABS[:lab] for path in (*known.owned_for(ISAS), *known.owned) if "{" not in path]
    assert git(course, "ls-tree", "--name-only", f"lab{lab}", *owned).splitlines() == sorted(owned)
    assert git(course, "diff", "--stat", f"lab{lab}", f"lab{lab + 1}", "--", *owned) == ""


def test_who_catches_up_goes_on_like_the_others(course: Path) -> None:
    work = clone(course, "lab3-catch-up")
    for lab in (3, 4):
        write_lab(work, lab, ISAS)
        merge(work, f"lab{lab + 1}")
    mine = {path: in_own_hand(path, text) for lab in (3, 4) for path, text in solution(lab, ISAS).items()}
    given = {path: text for lab in (1, 2) for path, text in solution(lab, ISAS).items()}
    for path, text in (mine | given).items():
        assert (work / path).read_text(encoding="utf-8") == text, path
