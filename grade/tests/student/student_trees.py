"""A tiny course, published and cloned: three labs whose kernel is made by a line of shell, in no time."""

import os
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from grade.course.handout import Wishes, publish
from grade.ladder.trees import Tree
from grade.results.result import Result, Status
from grade.results.verdict import Verdict

_LAB = 'number = {0}\ntitle = "Rung {0}"\nowned = ["kernel/lab{0}.h", "arch/{{isa}}/lab{0}.S"]\nretires = []\n'
_HOLE = "// @lab {0} begin: {1}\n//: Write {1}.\n{2}\n// @lab {0} end\n"
_CMAKE = """cmake_minimum_required(VERSION 3.25)
project(tiny NONE)
add_custom_target(kernel COMMAND sh kernel/build.sh ${ISA} ${CMAKE_BINARY_DIR} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
"""
_PRESET = '{{"name": "{0}", "generator": "Ninja", "cacheVariables": {{"ISA": "{0}"}}}}'
_BUILD = """# A line with BROKEN does not compile; a file that is not there does not link.
if grep -Hn BROKEN kernel/*.h arch/$1/*.S | sed 's/:BROKEN.*/:1: error: this is broken/' | grep .; then exit 1; fi
cat kernel/main.cc kernel/*.h arch/$1/*.S > $2/kernel.elf
"""


def tiny_main(folder: Path) -> Path:
    """Returns main of a course with labs 1 to 3, each with a shared file and one for each ISA."""
    presets = ", ".join(_PRESET.format(isa) for isa in ("x86_64", "aarch64"))
    files = {
        "pagewalk": "#!/bin/sh\n",
        "CMakeLists.txt": _CMAKE,
        "CMakePresets.json": f'{{"version": 4, "configurePresets": [{presets}]}}\n',
        "kernel/main.cc": "void kernel_main() {}\n",
        "kernel/build.sh": _BUILD,
        ".gitignore": "/build/\n/lab?-submission.tar.gz\n",
    }
    for number in (1, 2, 3):
        handout = f"# Lab {number}\n\n## What to write\n\n1. `second{number}(x)`\n2. `first{number}(x)`\n"
        files[f"labs/{number}-rung/lab.toml"] = _LAB.format(number)
        files[f"labs/{number}-rung/README.md"] = handout
        shared = (_HOLE.format(number, f"{name}{number}", "done();") for name in ("first", "second"))
        files[f"kernel/lab{number}.h"] = "int a;\n" + "".join(shared)
        for isa in ("x86_64", "aarch64"):
            files[f"arch/{isa}/lab{number}.S"] = _HOLE.format(number, f"enter{number}", "nop")
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


def git(folder: Path, *arguments: str) -> str:
    """Runs git as a student with a name; its output."""
    person = ["-c", "user.name=Student", "-c", "user.email=student@localhost", "-c", "init.defaultBranch=main"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(folder), *person, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


@cache
def _course(wishes: Wishes) -> TemporaryDirectory:
    """Returns a folder with the course's repository in it, as long as the tests run."""
    folder = TemporaryDirectory(prefix="pagewalk-")
    publish(Tree(tiny_main(Path(folder.name) / "main")), Path(folder.name) / "course", wishes, lambda _: None)
    return folder


def course_main(**wishes: object) -> Tree:
    """Returns main of the course that student_clone() clones."""
    return Tree(Path(_course(Wishes(**wishes)).name) / "main")


def student_clone(folder: Path, branch: str = "lab1", **wishes: object) -> Path:
    """Returns a student's clone of it, on a branch `work` that begins at a branch of the course."""
    clone = folder / "clone"
    git(folder, "clone", "--quiet", f"{_course(Wishes(**wishes)).name}/course", str(clone))
    git(clone, "switch", "--quiet", "-c", "work", "--no-track", f"origin/{branch}")
    return clone


def write_all(clone: Path, lab: int) -> None:
    """Writes everything that this lab asks the student for."""
    (clone / f"kernel/lab{lab}.h").write_text("int a;\nmine();\n", encoding="utf-8")
    for path in clone.glob(f"arch/*/lab{lab}.S"):
        path.write_text("nop\n", encoding="utf-8")


def result(milestone: str, status: Status = Status.PASSED, **changes: object) -> Result:
    """Returns a result on lab 1's kernel for x86_64; 50 points for a milestone of its own that passed."""
    lab = int(str(changes.get("lab", milestone.split(".")[0])))
    most = 50.0 if milestone.startswith(f"{lab}.") else 0.0
    fields = {
        "lab": lab, "isa": "x86_64", "milestone": milestone, "title": f"Title of {milestone}",
        "points": most if status is Status.PASSED else 0.0, "max": most, "status": status,
        "duration": 0.1,
    }  # fmt: skip
    said = {name: changes.pop(name) for name in [*changes] if name in Verdict.__dataclass_fields__}
    verdict = Verdict(**{"cause": "wrong-frame" if status is Status.FAILED else None, **said})
    return Result(**{**fields, **changes, "verdict": verdict})
