"""Building fails: what a student reads, and which of all the errors it is."""

import shutil
from pathlib import Path

import pytest

from grade.ladder.build import BuildError, build_kernel
from grade.ladder.build_errors import FirstError, find_first_error
from grade.tests.building.tiny_tree import CMAKE, output_of, replace, tree, write

pytestmark = pytest.mark.skipif(shutil.which("ninja") is None, reason="needs cmake and ninja")
_ = tree  # the fixture


def failure_of(tree: Path) -> BuildError:
    with pytest.raises(BuildError) as caught:
        build_kernel(tree, "x86_64")
    return caught.value


def test_a_compiler_error_is_told_in_place(tree: Path) -> None:
    output_of(tree)
    replace(tree / "kernel/answer.h", "char", "chaos")
    error = failure_of(tree)
    assert error.first_error is not None
    assert (error.first_error.file, error.first_error.line, error.first_error.column) == ("kernel/answer.h", 1, 7)
    text = str(error)
    assert text.startswith("kernel/answer.h:1:7: error: ")
    assert "    1 | const chaos* answer();\n" in text and "^~~~~" in text
    assert text.endswith(f"The kernel for x86_64 does not build. The whole log: {tree}/build/x86_64/build.log")
    assert "FAILED:" in Path(error.log).read_text(encoding="utf-8")
    assert failure_of(tree).first_error == error.first_error  # and is not forgotten
    replace(tree / "kernel/answer.h", "chaos", "char")
    assert output_of(tree) == "one A1"


def test_a_linker_error_names_the_file(tree: Path) -> None:
    replace(tree / "kernel/answer.cc", "answer()", "question()")
    error = failure_of(tree).first_error
    assert error is not None and "undefined reference to `answer()'" in error.message


def test_a_cmake_error_is_told_in_place(tree: Path) -> None:
    refusal = 'message(FATAL_ERROR "no way\\n  here")\n'
    replace(tree / "CMakeLists.txt", "add_executable(kernel", refusal + "add_executable(kernel")
    for _ in range(2):
        assert str(failure_of(tree)).startswith("CMakeLists.txt:4: error: no way here\n")
    write(tree, {"CMakeLists.txt": CMAKE})
    assert output_of(tree) == "one A1"
    write(tree, {"CMakeLists.txt": CMAKE + "nonsense()\n"})
    assert 'CMakeLists.txt:8: error: Unknown CMake command "nonsense"' in str(failure_of(tree))


def test_an_unknown_preset_is_an_error(tree: Path) -> None:
    with pytest.raises(BuildError, match="vax"):
        build_kernel(tree, "vax")


def test_without_cmake_the_error_says_so(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert "cmake is not installed: ./pagewalk setup" in str(failure_of(tree))


AARCH64_LD = "/usr/lib/gcc-cross/aarch64-linux-gnu/12/../../../../aarch64-linux-gnu/bin/ld"


@pytest.mark.parametrize(
    ("log", "told"),
    [
        ("../../a.h:3:5: warning: hm\n../../a.h:4:5: fatal error: b.h: No such file", "a.h:4:5: error: b.h: No"),
        ("{tree}/a.h:4:5: error: x [-Werror=y]\ncc1plus: all warnings ...", "a.h:4:5: error: x [-Werror=y]"),
        ("../../a.S: Assembler messages:\n../../a.S:12: Error: no such instruction: `nope'", "a.S:12: error: no"),
        ("/usr/bin/ld: m.o: in function `f':\n/usr/bin/ld: {tree}/a.h:7: undefined reference to `g'", "a.h:7: error: un"),
        ("/usr/bin/ld: m.o: in function `f':\na.h:7:(.text+0x5): undefined reference to `g'", "a.h:7: error: undefined"),
        ("/usr/bin/ld: /pagewalk/a.h:7: undefined reference to `g'", "a.h:7: error: undefined"),
        ("/usr/bin/ld: main.o:(.data+0x0): multiple definition of `g'; x.o: first defined", "main.o: error: multiple"),
        (f"{AARCH64_LD}:{{tree}}/k.ld:9: syntax error", "k.ld:9: error: syntax error"),
        (f"{AARCH64_LD}:../../k.ld:8: warning: hm\n{AARCH64_LD}:../../k.ld:9: bad", "k.ld:9: error: bad"),
        (f"{AARCH64_LD}:../../k.ld:9: syntax error", "k.ld:9: error: syntax error"),
        (f"{AARCH64_LD}: warning: x has a LOAD segment\n{AARCH64_LD}: kernel too large", "error: kernel too large"),
        ("CMake Error: The source is missing.", "error: The source is missing."),
        ("ninja: error: '../../x.cc', needed by 'x.o', missing", "error: '../../x.cc', needed by 'x.o', missing"),
        (
            f"{AARCH64_LD}: error: unplaced orphan section `.mine' from `CMakeFiles/kernel.dir/kernel/map/x.cc.obj'",
            "kernel/map/x.cc: error: .mine has no place in memory",
        ),
        (
            "FAILED: CMakeFiles/kernel.dir/kernel/y.cc.obj\ng++ kernel/y.cc\n/tmp/ccAbC123.s: Assembler messages:\n"
            "/tmp/ccAbC123.s:7: Error: no such instruction: `nope'",
            "kernel/y.cc: error: no such instruction",
        ),
        ("/tmp/ccAbC123.s:7: Error: no such instruction: `nope'", "error: no such instruction"),
        ("x86_64-linux-gnu-g++: fatal error: Killed signal terminated", "error: Killed signal terminated"),
    ],
)
def test_the_first_error_is_found(tree: Path, log: str, told: str) -> None:
    write(tree, {"a.h": "", "a.S": "", "k.ld": ""})
    folder = tree / "build/x86_64"
    folder.mkdir(parents=True)
    log = "[1/3] Building build: x\n" + log.format(tree=tree) + "\nninja: build stopped"
    error = find_first_error(log, tree, folder)
    assert str(error).startswith(told)


def test_an_error_is_given_when_all_of_it_has_come(tree: Path) -> None:
    folder = tree / "build/x86_64"
    log = [
        "FAILED: a.o",
        "a.h: In function f:",
        "a.h:4:5: error: no",
        "    4 | f();",
        "      | ^",
        "b.h:1:1: error: more",
        "[2/2] x",
    ]
    first = FirstError(tree, folder)
    given = [first.take(f"{line}\n") for line in log]
    whole = find_first_error("\n".join(log), tree, folder)
    assert given == [None] * 5 + [whole, None] and whole.excerpt.count("\n") == 1
    first = FirstError(tree, folder)
    assert [first.take(line) for line in log[:5]] == [None] * 5
    assert first.rest() == whole and first.rest() is None  # nothing more came
    assert first.take(log[5]) is None and first.rest() is None  # there is one first error


def test_a_log_without_errors_has_none(tree: Path) -> None:
    assert find_first_error("[1/2] Building x\nx.h:1:2: warning: y\nninja: build stopped", tree, tree) is None
