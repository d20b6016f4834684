"""Lays out a small main with a ladder of labs, to be cut."""

from pathlib import Path

import pytest

MAP_H = """\
#pragma once

int map() {
    // @lab 1 begin: map
    //: Walk down the table.
    //:
    //: Then write the entry.
    return walk() + 1;
    // @lab 1 end
}
"""

SWITCH_S = """\
switch_to:
    // @lab 2 begin: switch_to
    //: Save, then load.
    mov %rsp, (%rdi)
    // @lab 2 end
    ret
"""

MAIN_CC = """\
void kernel_main() {
    start();

    // @from 2
    move_up();
    // @end

    run();
}
"""


def lab_toml(number: int, owned: str = "", adds: str = "", retires: str = "", more: str = "") -> str:
    lists = f"owned = [{owned}]\nadds = [{adds}]\nretires = [{retires}]\n{more}"
    return f'number = {number}\ntitle = "Lab {number}"\n{lists}'


BUG = """\
Symptom: Odd.
ISAs: x86_64
Fails: 1.1
Cause: hang
From: own

diff --git a/kernel/map.h b/kernel/map.h
"""
MAIN_FILES = {
    "CMakeLists.txt": "project(x)\n# @from 2\nset(HIGH 1)\n# @end\n",
    "README.md": "all\n<!-- @from 2 -->\nlater\n<!-- @end -->\n",
    "pagewalk": "#!/bin/sh\n",
    "arch/aarch64/boot.S": "nop\n",
    "arch/x86_64/boot.S": "nop\n",
    "arch/x86_64/kernel.ld": "a\n/* @from 2 */\nb\n/* @end */\nc\n",
    "arch/x86_64/switch.S": SWITCH_S,
    "build/x86_64/kernel.elf": "not source",
    "docs/markers.md": "// @lab 9 begin\n",
    "grade/cli.py": "# @end\n",
    "kernel/logo.h": "// caf\u00e9\n",
    "kernel/main.cc": MAIN_CC,
    "kernel/map.h": MAP_H,
    "labs/1-map/README.md": "one\n<!-- @from 2 -->\ntwo\n<!-- @end -->\n",
    "labs/1-map/bugs/off_by_one.patch": BUG,
    "labs/1-map/lab.toml": lab_toml(1, owned='"kernel/map.h"'),
    "labs/2-high/lab.toml": lab_toml(2, '"arch/{isa}/switch.S"', '"user/"', '"1.3"'),
    "labs/2-high/test_high.py": "",
    "user/sh.cc": "int main() {}\n",
}


def write(root: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return root


def listing(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def main(tmp_path: Path) -> Path:
    return write(tmp_path / "main", MAIN_FILES)


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "cut"
