"""Every command that a document shows can be typed: its options exist, its labs, milestones and programs as well."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from grade.cli import pagewalk
from grade.cutting.cutter import render
from grade.guest.guest import Guest
from grade.isa import ISAS
from grade.ladder.trees import Tree, find_root
from grade.milestones import read_milestones
from grade.patches.bugs import load_bugs
from grade.practice.command import code_of
from grade.tests.documents.doc_commands import Shown, Surroundings, problem, shown_commands
from grade.tests.kernel.test_shell import PROMPT, Console

ROOT = find_root(Path(__file__))
LABS = len(Tree(ROOT).labs)
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted(ROOT.glob("labs/*/README.md")),
]


def milestones(files: dict[str, str]) -> frozenset[str]:
    """Returns the numbers of all milestones of a tree."""
    tests = (text for path, text in files.items() if re.fullmatch(r"labs/[^/]+/test_\w+\.py", path))
    return frozenset(known.number for text in tests for known in read_milestones(text))


def bugs(lab: int) -> frozenset[str]:
    """Returns the codes of the bugs of labs 1 to `lab`."""
    return frozenset(code_of(bug) for bug in load_bugs(ROOT) if bug.lab <= lab)


@cache
def main() -> Surroundings:
    paths = [path for top in ("kernel", "arch", "user", "labs") for path in (ROOT / top).rglob("*") if path.is_file()]
    files = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8", "replace") for path in paths}
    return Surroundings(files, range(1, LABS + 1), milestones(files), ISAS, True, bugs(LABS))


@cache
def handout(lab: int, isas: tuple[str, ...]) -> Surroundings:
    rendered = render(ROOT, lab, 0, isas, with_grader=True)
    files = {path: content.decode("utf-8", "replace") for path, (content, _) in rendered.items()}
    return Surroundings(files, range(1, lab + 1), milestones(files), isas, False, bugs(lab))


def problems(text: str, around: Surroundings) -> list[str]:
    """Returns what is wrong with the commands of a document. What is said of students' trees is not wrong in main.

    A document may add a milestone, and then show how that is graded.
    """
    added = frozenset(re.findall(r'^@milestone\("([\d.]+)"', text, re.MULTILINE))
    around = replace(around, milestones=around.milestones | added)
    found = []
    for shown in shown_commands(text):
        why = problem(shown, around)
        if why and not (around.is_main and problem(shown, replace(around, is_main=False)) is None):
            found.append(f"line {shown.line}: {shown.text}: {why}")
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_of_a_document_can_be_typed(document: Path) -> None:
    assert not problems(document.read_text(encoding="utf-8"), main())


@pytest.mark.parametrize(("lab", "isas"), [(1, ISAS[1:]), (2, ISAS), (4, ISAS[:1]), (6, ISAS)])
def test_every_command_of_a_handout_can_be_typed_in_it(lab: int, isas: tuple[str, ...]) -> None:
    """Also with an ISA that the course has. A lab's handout speaks of the next one, and README of a catch-up."""
    around = handout(lab, isas)
    lost = {}
    for path, text in around.files.items():
        if path.endswith(".md") and not path.startswith("grade/"):
            own = re.match(r"labs/(\d+)-", path)
            there = around if own is None or int(own[1]) == lab else handout(int(own[1]), isas)
            lost[path] = problems(text, there)
    assert not {path: found for path, found in lost.items() if found}


def test_the_readme_has_every_command() -> None:
    rows = dict(re.findall(r"^\| `\./pagewalk (\w+)(.*?)` \|", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(rows) == {*pagewalk.commands, "setup"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("`./pagewalk grade --milestone 1.99`", "no milestone 1.99"),
        ("`./pagewalk grade --mile 1.1`", "No such option"),
        ("```\n./pagewalk gdb 9        lab 9\n```", "no lab 9"),
        ("```\n./pagewalk gdb 2.77 --isa aarch64\n```", "no milestone 2.77"),
        ("`./pagewalk gdb 1 --isa mips`", "'mips' is not one of"),
        ("`./pagewalk run goodbye`", "no program goodbye"),
        ('`./pagewalk gdb 5 --script "run goodbye"`', "no program goodbye"),
        ('`./pagewalk gdb 5 --script "jog hello"`', "monitor knows no jog"),
        ("`./pagewalk greade`", "no command greade"),
        ("`./pagewalk setup --force`", "setup takes no"),
        ("`./pagewalk test [--quick] [--slow]`", "No such option: --slow"),
        ("```\n./pagewalk bug 3-ffff --explain\n```", "no bug 3-ffff"),
        ("`grade 1 2 9`", "no lab 9"),
        ("```\n$ ./pagewalk run\n$ vmap\n```", "shell knows no vmap"),
        ("```\n./pagewalk status\nfrobnicate it\n```", "frobnicate is unknown to this test"),
        ("```sh\nmake all\n```", "make is unknown to this test"),
        ("`python3 -m pytest labs/1-map`", "no tests in labs/1-map"),
        ("```\ngit fetch && git merge origin/lab2-solved\n```", "no branch|makes a branch"),
    ],
)
def test_what_cannot_be_typed_is_found(text: str, why: str) -> None:
    assert any(re.search(why, found) for found in problems(text, main())), problems(text, main())


def test_commands_are_found_where_they_stand() -> None:
    text = "Say `./pagewalk run`:\n\n```\n$ ./pagewalk run\nhello\n$ ls\n```\n\n```\nint x;\n./pagewalk no command\n```\n"
    assert [*shown_commands(text)] == [
        Shown(1, "./pagewalk run"), Shown(4, "./pagewalk run"), Shown(6, "ls", guest=True),
    ]  # fmt: skip


# --- commands that are shown with their output ---------------------------------------------------------------

_VARIES = re.compile(r"0x[0-9a-f]+|\b\d+\b")


def transcripts() -> list[tuple[str, int, list[str]]]:
    """Returns file, line and lines of each example of the shell's."""
    found = []
    for path in DOCUMENTS:
        for match in re.finditer(
            r"^```\n((?:(?!```).*\n)*?\$ (?!\./|PYTHONPATH).*\n(?:(?!```).*\n)*)```$", path.read_text("utf-8"), re.MULTILINE
        ):
            line = path.read_text("utf-8")[: match.start()].count("\n") + 1
            found.append((path.relative_to(ROOT).as_posix(), line, match[1].splitlines()))
    return found


@pytest.mark.parametrize(("path", "line", "lines"), transcripts(), ids=lambda value: value if isinstance(value, str) else "")
def test_the_shell_answers_as_the_documents_show(boot: Callable[..., Guest], path: str, line: int, lines: list[str]) -> None:
    """But for addresses and numbers of processes, which depend on the kernel and on what ran before."""
    console = Console(boot("run sh"))
    console.wait_for(PROMPT)
    starts = [place for place, text in enumerate(lines) if text.startswith("$ ") and not text.startswith("$ ./")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        command, wanted = lines[start][2:], lines[start + 1 : end]
        answer = console.type("exit\r", "pagewalk>") if command == "exit" else console.run(command)
        seen = answer.removeprefix("exit\n").removesuffix("\n").splitlines()
        assert [_VARIES.sub("#", text) for text in seen] == [
            _VARIES.sub("#", text) for text in wanted
        ], f"{path}:{line}: {command}"
