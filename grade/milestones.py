"""The milestones of a tree, read from the text of their tests: number, points, witnesses, and what each is judged on."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from grade.ladder.labs import Lab, LadderError

_KERNEL_FIXTURES = frozenset({"boot", "boot_witnessed", "kernel", "image"})
_HOST_TESTS = "check_host_tests"


@dataclass(frozen=True)
class Milestone:
    """One test with the mark `milestone` (grade/plugin.py)."""

    number: str
    title: str
    points: float
    witness: str
    boots: bool
    """Whether its test asks for a kernel."""
    host_tests: tuple[str, ...]
    """The patterns of the host tests that it runs."""


def milestones_of(labs: Iterable[Lab]) -> list[Milestone]:
    """Returns the milestones of these labs, in their order. LadderError if a file with tests is no Python."""
    paths = (path for lab in labs for path in sorted(lab.folder.glob("test_*.py")))
    return [milestone for path in paths for milestone in _read_file(path)]


def title_of(docstring: str | None, number: str) -> str:
    """Returns the title of a milestone: the first line of its test's docstring, or else its number."""
    return (docstring or number).strip().splitlines()[0].rstrip(".")


def read_milestones(text: str) -> list[Milestone]:
    """Returns the milestones in the text of one file with tests. Raises SyntaxError."""
    return list(_milestones_in(text))


@lru_cache(maxsize=None)
def _milestones_in(text: str) -> tuple[Milestone, ...]:
    """Returns the milestones in the text: one run asks several times, and parsing takes a while."""
    return tuple(_marked(ast.parse(text)))


def _read_file(path: Path) -> list[Milestone]:
    try:
        return read_milestones(path.read_text(encoding="utf-8"))
    except SyntaxError as error:
        raise LadderError(f"{path}:{error.lineno}: {error.msg}: the milestones cannot be read") from error


def _marked(module: ast.Module) -> Iterator[Milestone]:
    for test in module.body:
        if not isinstance(test, ast.FunctionDef):
            continue
        for mark in test.decorator_list:
            if isinstance(mark, ast.Call) and isinstance(mark.func, ast.Name) and mark.func.id == "milestone":
                yield _milestone(test, mark)


def _milestone(test: ast.FunctionDef, mark: ast.Call) -> Milestone:
    (number,) = (ast.literal_eval(argument) for argument in mark.args)
    said = {keyword.arg: ast.literal_eval(keyword.value) for keyword in mark.keywords}
    asks = {argument.arg for argument in test.args.args}
    calls = (node for node in ast.walk(test) if isinstance(node, ast.Call))
    named = (call for call in calls if isinstance(call.func, ast.Name) and call.func.id == _HOST_TESTS)
    patterns = (ast.literal_eval(call.args[1]) for call in named)
    return Milestone(
        number,
        title_of(ast.get_docstring(test), number),
        said["points"],
        said["witness"],
        bool(asks & _KERNEL_FIXTURES),
        tuple(patterns),
    )
