"""Runs clang-tidy on the kernel and its programs: which files, and as which compiler.

GCC's commands come from CMake; what clang 14 does not understand is removed from them. Each file is read once: what
all ISAs share as the first of them compiles it, arch/NAME as NAME does.
"""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

from grade.isa import ISAS
from grade.ladder.files import update

FOLDER = Path("build/tidy")
"""The folder, from the root, of everything that clang-tidy needs besides the sources."""
_READ = re.compile(r"(kernel|arch|user)/.+\.cc")
_HEADERS = "headers"
# clang 14 cannot compile the standard headers without floating point.
_UNKNOWN = {"-mgeneral-regs-only", "-Werror", "-fno-eliminate-unused-debug-symbols", "-fno-eliminate-unused-debug-types"}
# <expected> asks for a newer version of concepts than clang says it has. `if consteval` in the headers makes checks crash.
# GCC's own attributes and pragmas are GCC's to judge.
_ADDED = (
    "-U__cpp_concepts",
    "-D__cpp_concepts=202002L",
    "-U__cpp_if_consteval",
    "-Wno-builtin-macro-redefined",
    "-Wno-unknown-attributes",
    "-Wno-unknown-pragmas",
)


def shares(root: Path) -> list[tuple[str, ...]]:
    """Writes how each file is compiled; returns the files, divided into as many runs as there are cores.

    Raises CalledProcessError if CMake or the compiler refuses.
    """
    folder = root / FOLDER
    commands = {command["file"]: command for isa in reversed(ISAS) for command in _commands(root, isa)}
    commands |= {str(lent): _lent(commands[str(root / "kernel/main.cc")], lent) for lent in root.glob("labs/*/lent/**/*.cc")}
    update(folder / "compile_commands.json", json.dumps(list(commands.values()), indent=1).encode(), 0o644)
    update(folder / _HEADERS / "expected", _expected(root).encode(), 0o644)
    cores = os.cpu_count() or 1
    files = sorted(commands)
    return [tuple(files[core::cores]) for core in range(min(cores, len(files)))]


def once(text: str) -> str:
    """Returns what clang-tidy says, without repetitions about a header that several files include."""
    findings = re.split(r"(?m)^(?=/\S+:\d+:\d+: (?:warning|error): )", text)
    return "".join(dict.fromkeys(findings))


def _commands(root: Path, isa: str) -> Iterator[dict[str, str]]:
    """Yields the commands of one ISA, changed for clang."""
    build = root / FOLDER / isa
    configure = ["cmake", "--preset", isa, "-B", str(build), "-DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON"]
    subprocess.run(configure, cwd=root, check=True, capture_output=True, text=True)
    for command in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        if _READ.fullmatch(os.path.relpath(command["file"], root)):
            words = [word for word in shlex.split(command["command"]) if word not in _UNKNOWN]
            words[0] = "clang++"
            words += [f"--target={isa}-linux-gnu", "-isystem", str(root / FOLDER / _HEADERS), *_ADDED]
            yield command | {"command": shlex.join(words)}


def _lent(command: dict[str, str], file: Path) -> dict[str, str]:
    """Returns how a file is compiled that a lab lends until the student's own exists: like any of the kernel's."""
    return command | {"file": str(file), "command": command["command"].replace(command["file"], str(file))}


def _expected(root: Path) -> str:
    """Returns libstdc++'s <expected> with one destructor for all types: clang before 16 cannot choose between two."""
    asked = f"{ISAS[0]}-linux-gnu-g++ -std=gnu++2b -ffreestanding -M -include expected -x c++ /dev/null"
    said = subprocess.run(asked.split(), cwd=root, check=True, capture_output=True, text=True).stdout
    path = next(word for word in said.split() if word.endswith("/expected"))
    text = Path(path).read_text(encoding="utf-8").replace("constexpr ~expected() = default;", "")
    return re.sub(r"constexpr ~expected\(\)\s+requires[^{]*", "constexpr ~expected() ", text)
