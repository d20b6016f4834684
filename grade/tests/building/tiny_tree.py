"""Lays out a tiny tree that builds in no time, and builds it."""

import json
import subprocess
from pathlib import Path

import pytest

from grade.ladder.build import Manner, build_kernel

PRESET = {"generator": "Ninja", "binaryDir": "${sourceDir}/build/${presetName}"}
PRESETS = {
    "version": 3,
    "configurePresets": [
        {"name": "base", "hidden": True, **PRESET},
        {"name": "x86_64", "inherits": "base", "cacheVariables": {"WORD": "one"}},
        {"name": "host", "inherits": "base"},
    ],
}
# Only the C++ compiler of this machine is asked for, and not tried out, so that configuring is quick.
CMAKE = """\
cmake_minimum_required(VERSION 3.25)
set(CMAKE_CXX_COMPILER_WORKS 1)
project(tiny LANGUAGES CXX)
add_executable(kernel kernel/main.cc kernel/answer.cc)
set_target_properties(kernel PROPERTIES SUFFIX .elf)
target_compile_definitions(kernel PRIVATE WORD="${WORD}")
add_executable(host_tests kernel/answer.cc kernel/host.cc)
"""
FILES = {
    "CMakeLists.txt": CMAKE,
    "CMakePresets.json": json.dumps(PRESETS),
    "kernel/answer.h": "const char* answer();\n",
    "kernel/answer.cc": '#include "answer.h"\nconst char* answer() { return "A1"; }\n',
    "kernel/main.cc": '#include <cstdio>\n#include "answer.h"\nint main() { std::printf("%s %s", WORD, answer()); }\n',
    "kernel/host.cc": "int main() {}\n",
}


def write(root: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return root


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write(tmp_path / "tree", FILES)


def output_of(tree: Path) -> str:
    """Returns what the kernel, built now, prints."""
    return subprocess.run([build_kernel(tree, "x86_64").elf], capture_output=True, text=True, check=True).stdout


def steps_of(tree: Path) -> list[str]:
    """Returns the steps that building now takes."""
    steps: list[str] = []
    build_kernel(tree, "x86_64", manner=Manner(lambda done, total, text: steps.append(text)))
    return steps


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
