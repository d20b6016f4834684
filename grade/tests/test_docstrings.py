"""One dialect of docstrings: a function's says first what it does, with a verb; `./pagewalk COMMAND --help` tells to do it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from grade.ladder.trees import find_root

ROOT = find_root(Path(__file__))
VERB = re.compile(r"(?!(?:Its|This|As)\b)[A-Z][a-z]+s\b")


def functions() -> Iterator[tuple[str, ast.FunctionDef, str]]:
    """Yields the place of each function that has a docstring, the function, and the docstring."""
    for path in sorted([*(ROOT / "grade").rglob("*.py"), *(ROOT / "labs").glob("*/*.py")]):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and (said := ast.get_docstring(node)) is not None:
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node, said


def is_named_like_a_thing(function: ast.FunctionDef) -> bool:
    """Returns whether it is a test, a property or a command: what those say is no deed of theirs, or is told to a person."""
    decorators = " ".join(ast.unparse(decorator) for decorator in function.decorator_list)
    return function.name.startswith("test_") or bool(re.search(r"property|\bclick\.(?:command|group)", decorators))


def test_docstrings_of_functions_begin_with_a_verb() -> None:
    found = [f"{place}: {said}" for place, function, said in functions() if not is_named_like_a_thing(function)]
    assert len(found) > 2000
    assert [line for line in found if not VERB.match(line.partition(": ")[2])] == []
