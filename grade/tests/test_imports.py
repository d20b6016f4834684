"""The grader's modules have floors: none is imported, however far round, by what it imports."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def modules() -> dict[str, Path]:
    files = [path for path in (ROOT / "grade").rglob("*.py") if "tests" not in path.parts]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in files}


def imported(module: str, path: Path) -> Iterator[list[str]]:
    """Yields the names that each import may stand for, the longest last. Imports for annotations alone are among them."""
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ([alias.name] for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*above, *filter(None, [node.module])])
            yield from ([name, f"{name}.{alias.name}"] for alias in node.names)


def test_no_module_imports_itself_by_way_of_others() -> None:
    known = modules()
    graph = {}
    for module, path in known.items():
        found = [[name for name in names if name in known] for names in imported(module, path)]
        graph[module] = {names[-1] for names in found if names} - {module}
    assert len(graph) > 100 and graph["grade.guest.guest"] >= {"grade.boot.sight", "grade.diagnosis.diagnose"}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError("a circle: " + " -> ".join(reversed(error.args[1]))) from None


def test_no_folder_imports_itself_by_way_of_others() -> None:
    """So that folders are floors as well. A module at the top of grade/ is one by itself."""
    known = modules()
    graph: dict[str, set[str]] = {}
    for module, path in known.items():
        found = [[name for name in names if name in known] for names in imported(module, path)]
        below = {floor(names[-1]) for names in found if names and names[-1] != "grade"}
        graph.setdefault(floor(module), set()).update(below - {floor(module)})
    assert graph["guest"] >= {"boot", "diagnosis"}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError("a circle: " + " -> ".join(reversed(error.args[1]))) from None


def floor(module: str) -> str:
    """Returns the folder of grade/ in which a module is, or the module's own name if it is in none."""
    return module.split(".")[1] if "." in module else module


def test_no_import_is_relative() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in modules().values()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not found
