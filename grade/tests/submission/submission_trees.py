"""A small main and what students hand in of it, for the tests of submissions."""

from pathlib import Path

import pytest

from grade.cutting.cutter import cut
from grade.ladder.labs import LadderError
from grade.ladder.trees import Tree
from grade.submission.laid_out import LaidOut, laid_out, tree_in
from grade.submission.sandbox import refusal

SEALED = refusal() is None
"""Whether this machine makes a sandbox; if it does not, submissions are tested without one."""
HOLE = "// @lab {0} begin: f{0}\n//: Write f.\nreference{0}();\n// @lab {0} end\n"
LAB = 'number = {0}\ntitle = "Lab {0}"\nowned = [{1}]\nadds = []\nretires = []\n'
OWNED = {1: ["kernel/map.h", "arch/{isa}/map.cc"], 2: ["kernel/high.cc"], 3: ["kernel/top.cc"]}
FILES = {
    "pagewalk": "#!/bin/sh\n",
    "CMakeLists.txt": "project(x)\n# @from 2\nset(HIGH 1)\n# @end\n",
    "README.md": "read me\n",
    "arch/x86_64/kernel.ld": "SECTIONS\n",
    "grade/results/report.py": "grade = 0\n",
    "kernel/main.cc": "void kernel_main() {}\n",
    "labs/1-x/test_x.py": "assert True\n",
}


def small_main(folder: Path) -> Tree:
    """Returns three labs: the first owns kernel/map.h and a file for each ISA, the others one file each."""
    files = dict(FILES)
    for number, patterns in OWNED.items():
        files[f"labs/{number}-x/lab.toml"] = LAB.format(number, ", ".join(f'"{pattern}"' for pattern in patterns))
        for isa in ("x86_64", "aarch64"):
            files |= {pattern.replace("{isa}", isa): HOLE.format(number) for pattern in patterns}
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return Tree(folder)


def clone(main: Tree, lab: int, into: Path, **options: object) -> Path:
    """Returns a student's tree of lab `lab`, in which every owned file says `mine`."""
    cut(main.root, lab, 0, into, with_grader=True, **options)
    for path in into.rglob("*"):
        if path.is_file() and "Write f." in path.read_text(encoding="utf-8"):
            path.write_text("mine();\n", encoding="utf-8")
    return into


def hand_in(main: Tree, source: object, *labs: int) -> LaidOut:
    """Returns the submission as it is laid out."""
    with laid_out(main, str(source), labs) as found:
        return found


def laid_file(found: LaidOut, path: str, lab: int | None = None) -> str:
    """Returns the contents of a file in the tree that would be built."""
    return (tree_in(found.folder, lab or found.labs[-1]) / path).read_text(encoding="utf-8")


def why(found: LaidOut) -> dict[str, str]:
    """Returns what was left out, and why."""
    return {left.path: left.why for left in found.selections[-1].left_out}


def refused(main: Tree, source: object, *labs: int) -> str:
    """Returns the clear line that it is refused with."""
    with pytest.raises(LadderError) as caught:
        hand_in(main, source, *labs)
    assert str(caught.value).startswith(f"{source}: ") and "\n" not in str(caught.value)
    assert not (main.root / "build/submissions").exists() or not list((main.root / "build/submissions").glob("*/"))
    return str(caught.value)
