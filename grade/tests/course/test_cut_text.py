"""Cutting main into labs: what remains of a file, by its markers; and what a wrong marker is told."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from grade.cutting import cutter
from grade.cutting.cutter import Hole, cut, holes, render
from grade.cutting.markers import MarkerError
from grade.tests.course.small_course import MAIN_CC, MAP_H, SWITCH_S, into, main, write

_ = main, into  # the fixtures


def test_a_solved_hole_keeps_only_its_code(main: Path, into: Path) -> None:
    cut(main, 2, 2, into)
    assert (into / "kernel/map.h").read_text() == "#pragma once\n\nint map() {\n    return walk() + 1;\n}\n"
    assert (into / "arch/x86_64/switch.S").read_text() == "switch_to:\n    mov %rsp, (%rdi)\n    ret\n"


def test_a_starter_has_the_hint_and_stops(main: Path, into: Path) -> None:
    cut(main, 1, 0, into)
    assert (into / "kernel/map.h").read_text() == (
        "#pragma once\n\nint map() {\n    // Walk down the table.\n    //\n    // Then write the entry.\n"
        '    lab_todo(1, "map");\n}\n'
    )
    cut(main, 2, 1, into)
    assert "return walk() + 1;" in (into / "kernel/map.h").read_text()
    assert (into / "arch/x86_64/switch.S").read_text() == (
        "switch_to:\n    // Save, then load.\n    lab_todo 2, switch_to\n    ret\n"
    )


def test_lines_of_a_later_lab_are_left_out(main: Path, into: Path) -> None:
    cut(main, 1, 1, into)
    assert (into / "kernel/main.cc").read_text() == "void kernel_main() {\n    start();\n\n    run();\n}\n"
    assert (into / "CMakeLists.txt").read_text() == "project(x)\n"
    assert (into / "arch/x86_64/kernel.ld").read_text() == "a\nc\n"
    assert (into / "labs/1-map/README.md").read_text() == "one\n"
    assert (into / "README.md").read_text() == "all\n"
    cut(main, 2, 2, into)
    assert (into / "kernel/main.cc").read_text() == "".join(
        line for line in MAIN_CC.splitlines(keepends=True) if "@" not in line
    )
    assert (into / "CMakeLists.txt").read_text() == "project(x)\nset(HIGH 1)\n"
    assert (into / "arch/x86_64/kernel.ld").read_text() == "a\nb\nc\n"
    assert (into / "labs/1-map/README.md").read_text() == "one\ntwo\n"


@pytest.mark.skipif(shutil.which("clang-format") is None, reason="needs clang-format")
def test_a_file_that_is_cut_is_formatted(main: Path, into: Path) -> None:
    """All of it: what a line looks like depends on its neighbours. Files without a marker stay as they are."""
    hint = "//: " + "word " * 30
    logo = "int  logo( );\n"
    text = MAP_H.replace("//: Walk down the table.", hint).replace("return walk", "return  walk")
    aligned = "int a;  // one\n// @from 2\nint longer;  // two\n// @end\n"
    style = "BasedOnStyle: Google\nColumnLimit: 80\nIndentWidth: 4\n"
    write(main, {".clang-format": style, "kernel/map.h": text, "kernel/logo.h": logo, "kernel/main.cc": aligned})
    cut(main, 2, 0, into)
    text = (into / "kernel/map.h").read_text()
    assert text.count("word") == 30 and max(len(line) for line in text.splitlines()) <= 80
    assert (into / "kernel/main.cc").read_text() == "int a;       // one\nint longer;  // two\n"
    assert (into / "kernel/logo.h").read_text() == logo
    cut(main, 1, 1, into)
    assert (into / "kernel/map.h").read_text() == "#pragma once\n\nint map() { return walk() + 1; }\n"


@pytest.fixture
def counted_formatter(main: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yields the file in which a clang-format notes each of its runs; each test begins without what was remembered."""
    program, runs = tmp_path / "bin/clang-format", tmp_path / "runs"
    write(tmp_path, {"bin/clang-format": f"#!/bin/sh\necho run >> {runs}\nsed s/return/RETURN/\n"})
    program.chmod(0o755)
    runs.touch()
    write(main, {".clang-format": "BasedOnStyle: Google\n"})
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    yield runs
    cutter._by_clang_format.cache_clear()


def cut_anew(main: Path, into: Path) -> str:
    """Returns a file of the cut, as another process would make it: one that remembers nothing."""
    cutter._by_clang_format.cache_clear()
    cut(main, 1, 1, into)
    return (into / "kernel/map.h").read_text()


def test_the_next_process_does_not_format_again(main: Path, into: Path, counted_formatter: Path) -> None:
    formatted = cut_anew(main, into)
    assert "RETURN" in formatted
    runs = counted_formatter.read_text()
    assert cut_anew(main, into) == formatted and counted_formatter.read_text() == runs != ""
    write(main, {"kernel/map.h": MAP_H.replace("+ 1", "+ 2")})
    assert "RETURN walk() + 2" in cut_anew(main, into)


def test_another_formatter_or_style_formats_again(main: Path, into: Path, counted_formatter: Path) -> None:
    cut_anew(main, into)
    runs = counted_formatter.read_text()
    write(main, {".clang-format": "BasedOnStyle: LLVM\n"})
    cut_anew(main, into)
    assert len(counted_formatter.read_text()) == 2 * len(runs)
    program = counted_formatter.parent / "bin/clang-format"
    program.write_text(program.read_text().replace("RETURN", "Return"))
    assert "Return walk()" in cut_anew(main, into)


def test_what_was_kept_of_formatting_and_is_damaged_changes_no_cut(main: Path, into: Path, counted_formatter: Path) -> None:
    formatted = cut_anew(main, into)
    kept = list((main / "build/formatted").iterdir())
    assert kept
    for record in kept:
        record.write_bytes(record.read_bytes().replace(b"walk", b"talk"))
    assert cut_anew(main, into) == formatted


def test_holes_are_listed(main: Path) -> None:
    assert holes(main) == [
        Hole(1, "map", "kernel/map.h", 4, "Walk down the table.\n\nThen write the entry."),
        Hole(2, "switch_to", "arch/x86_64/switch.S", 2, "Save, then load."),
    ]


BEGIN, HINT, END = "// @lab 1 begin: map\n", "//: Do it.\n", "// @lab 1 end\n"


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        (BEGIN + HINT, 1, "@lab 1 begin has no @lab 1 end"),
        ("\n" + END, 2, "@lab 1 end without @lab 1 begin"),
        (BEGIN + HINT + BEGIN + END, 3, "@lab 1 begin nested in @lab 1 begin (line 1)"),
        (BEGIN + HINT + "// @from 1\n", 3, "@from 1 nested in @lab 1 begin (line 1)"),
        (BEGIN + HINT + "// @end\n", 3, "@end does not close @lab 1 begin"),
        (BEGIN + HINT + "// @lab 2 end\n", 3, "@lab 2 end does not close @lab 1 begin"),
        ("// @end\n", 1, "@end without @from"),
        ("// @from 1\n\n", 1, "@from 1 has no @end"),
        ("// @from 1\n// @from 1\n// @end\n// @end\n", 2, "@from 1 nested in @from 1 (line 1)"),
        ("// @from 1\n" + END, 2, "@lab 1 end does not close @from 1"),
        ("// @main\n\n", 1, "@main has no @end"),
        ("// @main\n// @from 1\n// @end\n// @end\n", 2, "@from 1 nested in @main (line 1)"),
        (BEGIN + HINT + "// @main\n", 3, "@main nested in @lab 1 begin (line 1)"),
        ("// @main\n// @end\n", 1, "@main in a file of lab 1: no later handout may touch it"),
        (BEGIN + "code\n" + END, 1, "a hole without a hint line"),
        (BEGIN + HINT + "code\n" + HINT + END, 4, "a hint line (//:) that does not follow a begin"),
        (HINT, 1, "a hint line (//:) that does not follow a begin"),
        ("// @lab 1 start: map\n", 1, "unknown marker '@lab 1 start: map'"),
        ("// @lab one begin: map\n", 1, "unknown marker '@lab one begin: map'"),
        ("// @lab 1 begin: two words\n", 1, "unknown marker"),
        ("// @lab 1 begin\n", 1, "unknown marker"),
        ("// @from lab 2\n", 1, "unknown marker"),
        ("code();  // @from 2\n", 1, "a marker must stand on a line of its own"),
        (BEGIN.replace("1", "2") + HINT + END.replace("1", "2"), 1, "a hole of lab 2 in a file that lab 1 owns"),
        ("// @from 2\n// @end\n", 1, "no later handout may touch it"),
    ],
)
def test_a_wrong_marker_is_refused(main: Path, into: Path, text: str, line: int, problem: str) -> None:
    write(main, {"kernel/map.h": text})
    with pytest.raises(MarkerError) as caught:
        cut(main, 1, 1, into)
    assert (caught.value.file, caught.value.line) == ("kernel/map.h", line)
    assert problem in caught.value.problem
    assert str(caught.value).startswith(f"kernel/map.h:{line}: ")
    with pytest.raises(MarkerError):
        holes(main)
    assert not into.exists()


@pytest.mark.parametrize(
    ("path", "text", "problem"),
    [
        ("kernel/main.cc", BEGIN + HINT + END, "a hole of lab 1 in a file that no lab owns"),
        ("labs/1-map/test_map.py", "# @lab 1 begin: map\n# @lab 1 end\n", "a hole can only be in a C++ or assembly file"),
        ("CMakeLists.txt", "# @end\n", "@end without @from"),
    ],
)
def test_a_marker_in_the_wrong_file_is_refused(main: Path, path: str, text: str, problem: str) -> None:
    write(main, {path: f"\n{text}"})
    with pytest.raises(MarkerError) as caught:
        holes(main)
    assert str(caught.value) == f"{path}:2: {problem}"


def test_from_may_hold_a_hole(main: Path, into: Path) -> None:
    write(main, {"kernel/map.h": "// @from 1\n" + BEGIN + HINT + "code\n" + END + "// @end\n"})
    assert [(hole.lab, hole.line) for hole in holes(main)] == [(1, 2), (2, 2)]
    cut(main, 1, 0, into)
    assert (into / "kernel/map.h").read_text() == '// Do it.\nlab_todo(1, "map");\n'


def test_a_turned_hole_is_filled_alone_or_left_open_alone(main: Path) -> None:
    starter, solved = render(main, 2, 1), render(main, 2, 2)
    functions = [hole.function for hole in holes(main) if hole.lab == 2]
    path = "arch/x86_64/switch.S"
    assert starter[path] != solved[path]
    assert render(main, 2, 1, turned=functions)[path] == solved[path]
    assert render(main, 2, 2, turned=functions)[path] == starter[path]
    assert render(main, 2, 2, turned=["another"])[path] == solved[path]


def test_a_hole_of_an_earlier_lab_is_not_turned(main: Path) -> None:
    """Two labs may each have a function of the same name."""
    write(main, {"arch/x86_64/switch.S": SWITCH_S.replace("begin: switch_to", "begin: map")})
    for solved in (1, 2):
        assert render(main, 2, solved, turned=["map"])["kernel/map.h"] == render(main, 2, solved)["kernel/map.h"]


def test_what_a_student_writes_for_another_isa_is_left_out(main: Path) -> None:
    write(main, {"arch/aarch64/switch.S": SWITCH_S})
    files = render(main, 2, 1, ["aarch64"])
    assert "arch/aarch64/switch.S" in files and "arch/x86_64/switch.S" not in files
    assert "arch/x86_64/boot.S" in files and "kernel/map.h" in files


def test_what_only_main_can_do_is_left_out(main: Path) -> None:
    files = ("grade/cutting/cutter.py", "grade/submission/sources.py", "grade/ladder/labs.py")
    write(main, dict.fromkeys(files, ""))
    assert set(files) & set(render(main, 1, 0, with_grader=True)) == {"grade/ladder/labs.py"}


def test_a_course_on_one_isa_has_no_commands_for_another(main: Path) -> None:
    """Commands of pages alone, and what is explained after a command stays in its column."""
    page = "./pagewalk gdb 2 --isa {0}     stop\n./pagewalk run --isa {1}  go\n`--isa {0}` on {0} [--isa ISA] --isa {0}_be\n"
    page += "<!-- @from 2 -->\n./pagewalk run --isa {0}\n<!-- @end -->\n"
    write(main, {"README.md": page.format("aarch64", "x86_64"), "pagewalk": "--isa aarch64\n"})
    files = render(main, 1, 0, ["x86_64"])
    assert files["README.md"][0].decode() == (
        "./pagewalk gdb 2 --isa x86_64      stop\n./pagewalk run --isa x86_64  go\n"
        "`--isa x86_64` on aarch64 [--isa ISA] --isa aarch64_be\n"
    )
    assert files["pagewalk"][0] == b"--isa aarch64\n"
    other = render(main, 2, 0, ["aarch64"])["README.md"][0].decode()
    assert other.splitlines()[1] == "./pagewalk run --isa aarch64 go" and "x86_64" not in other
    assert "--isa aarch64  " in render(main, 2, 0)["README.md"][0].decode()
