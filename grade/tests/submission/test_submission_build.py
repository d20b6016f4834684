"""What the files of a submission have the compiler read, however they say it, and builds that take too much.

On a small tree of CMake's, with the compilers of the real ones; nothing that is built here is run.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from grade.checks.host_tests import programs_for
from grade.cutting.cutter import cut
from grade.isa import ISAS
from grade.ladder.build import BuildError, build_host_tests, build_kernel
from grade.ladder.labs import LadderError, load_labs
from grade.ladder.trees import Tree, find_root
from grade.prepare import prepare
from grade.results.failure import Failure
from grade.submission import watched_build
from grade.submission.digests import NotAsBuilt, check_digests, digests_of
from grade.submission.include_graph import files_that_reach
from grade.submission.laid_out import folder_of, laid_out, tree_in
from grade.submission.selection import owned_paths
from grade.submission.watched_build import check_unchanged, watched_host_tests, watched_kernel
from grade.tests.submission.submission_trees import LAB, SEALED

ROOT = find_root(Path(__file__))

# Each compiles, and reads {}.h (C++) or {}.s (assembly), which are outside the tree.
QUIET = {
    "absolute.cc": '#include "{}.h"\n',
    "in_brackets.cc": "#include <{}.h>\n",
    "climbing.cc": '#include "../../../../../../../../../../../..{}.h"\n',
    "by_a_macro.cc": '#define FILE "{}.h"\n#include FILE\n',
    "digraph.cc": '%:include "{}.h"\n',
    "line_splice.cc": '#inc\\\nlude "{}\\\n.h"\n',
    "import.cc": '#import "{}.h"\n',
    "include_next.cc": '#include_next "{}.h"\n',
    "probe.cc": '#if __has_include("{}.h")\nint seen = 1;\n#endif\n',
    "pasted_probe.cc": '#define JOIN(a, b) a##b\n#if JOIN(__has_, include)("{}.h")\nint there = 1;\n#endif\n',
    "date.cc": '#pragma GCC dependency "{}.h"\n',
    "incbin.cc": 'asm(".incbin \\"{}.s\\"");\n',
    "incbin_in_pieces.cc": 'asm(".inc" "bin \\"" "{}" "\\x2e" "s\\"");\n',
    "assembly.cc": 'asm(".include \\"{}.s\\"");\n',
    "assembly_macro.cc": 'asm(".macro m a, b\\n.\\\\a\\\\b \\"{}.s\\"\\n.endm\\nm inc, bin\\n");\n',
    "assembly_irp.cc": 'asm(".irp x, clude, cbin\\n.in\\\\x \\"{}.s\\"\\n.endr\\n");\n',
    "line_number.cc": '#line 1 "{}.h"\nint f(int n) {{ int unused; return n; }}\n',
    "preprocessed.S": '#define KEEP .incbin\n    KEEP "{}.s"\n',
}
# Each fails to compile; the error would show what is in the file.
LOUD = {
    "message.cc": '#include "{}.txt"\n',
    "line.cc": '#line 1 "{}.txt"\nint y = unknown;\n',
    "assembler.cc": 'asm(".include \\"{}.txt\\"");\n',
}
NO_FILES = {"pipe.cc": '#include "{}.pipe"\n', "zeros.cc": 'asm(".incbin \\"/dev/zero\\"");\n'}
HONEST = '#include <vector>\n#include "kernel/header.h"\n#include "../kernel/header.h"\n#if __has_include(<set>)\n#endif\n'
OWNED = sorted([*QUIET, *LOUD, *NO_FILES, "honest.cc", "header.h"])

CMAKE = """
cmake_minimum_required(VERSION 3.25)
project(x LANGUAGES CXX ASM)
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
include_directories(${CMAKE_SOURCE_DIR})
add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wall>)
file(GLOB sources CONFIGURE_DEPENDS kernel/*.cc kernel/*.S)
if(ISA STREQUAL host)
  add_executable(host_tests ${sources})
  if(EXISTS ${CMAKE_SOURCE_DIR}/kernel/taken_over.sh)
    add_custom_command(TARGET host_tests POST_BUILD COMMAND sh ${CMAKE_SOURCE_DIR}/kernel/taken_over.sh)
  endif()
else()
  add_library(kernel OBJECT ${sources})
endif()
"""


def presets() -> str:
    variables = {"CMAKE_EXPORT_COMPILE_COMMANDS": "ON"}
    host = {"name": "host", "generator": "Ninja", "cacheVariables": {"ISA": "host", **variables}}
    cross = [{"name": isa, "generator": "Ninja", "toolchainFile": str(ROOT / "arch" / isa / "toolchain.cmake"),
              "cacheVariables": {"ISA": isa, **variables}} for isa in ISAS]  # fmt: skip
    return json.dumps({"version": 4, "configurePresets": [host, *cross]})


@pytest.fixture
def main(tmp_path: Path) -> Tree:
    files = {f"kernel/{name}": "" for name in OWNED}
    files |= {
        "pagewalk": "", "CMakeLists.txt": CMAKE, "CMakePresets.json": presets(),
        "kernel/given.cc": '#include "kernel/header.h"\nint main() {}\n', "kernel/alone.cc": "int alone;\n",
        "labs/1-x/lab.toml": LAB.format(1, ", ".join(f'"kernel/{name}"' for name in OWNED)),
        **{f"arch/{isa}/x.h": "" for isa in ISAS},
    }  # fmt: skip
    for path, text in files.items():
        (tmp_path / "main" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "main" / path).write_text(text, encoding="utf-8")
    return Tree(tmp_path / "main")


@pytest.fixture
def spied(tmp_path: Path) -> Path:
    """Returns the name, without its end, of the files that are outside."""
    (tmp_path / "spied.h").write_text("#pragma once\n", encoding="utf-8")
    (tmp_path / "spied.s").write_text('    .ascii "the secret solution"\n', encoding="utf-8")
    (tmp_path / "spied.txt").write_text("the secret solution\n", encoding="utf-8")
    os.mkfifo(tmp_path / "spied.pipe")
    return tmp_path / "spied"


@contextmanager
def building(main: Tree, files: dict[str, str], preset: str = "host", sealed: bool = SEALED) -> Iterator[Path]:
    """Builds a submission of these files, and yields its tree; the error that it ends with is raised."""
    student = main.root.parent / "student"
    (student / "kernel").mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (student / "kernel" / name).write_text(text, encoding="utf-8")
    with laid_out(main, str(student), [1], sealed=sealed) as found:
        tree = tree_in(found.folder, 1)
        try:
            if preset == "host":
                watched_host_tests(tree, "host_tests", sealed=sealed)
            else:
                watched_kernel(tree, preset, sealed=sealed)
            yield tree
        finally:
            for file in tree.glob("build/*.watched.json"):
                (main.root.parent / "outcome.json").write_text(file.read_text(encoding="utf-8"), encoding="utf-8")


def build(main: Tree, files: dict[str, str], preset: str = "host", sealed: bool = SEALED) -> Path:
    """Does the same; returns what is kept of the tree."""
    with building(main, files, preset, sealed):
        return folder_of(main, str(main.root.parent / "student")) / "lab-1"


def reads(main: Tree) -> dict[str, set[str]]:
    """Returns what the last build read outside, by who read it."""
    found: dict[str, set[str]] = {}
    for who, what in json.loads((main.root.parent / "outcome.json").read_text(encoding="utf-8"))["reads"]:
        found.setdefault(who, set()).add(what)
    return found


@pytest.mark.parametrize("preset", ["host", *ISAS])
def test_every_way_to_read_outside(main: Tree, spied: Path, preset: str) -> None:
    """Without a sandbox, where it succeeds."""
    header = {"header.h": QUIET["absolute.cc"].format(spied)}
    quiet = {name: text.format(spied) for name, text in QUIET.items()}
    with pytest.raises(Failure) as caught:
        build(main, {**quiet, **header, "honest.cc": HONEST if preset == "host" else ""}, preset, sealed=False)
    assert caught.value.cause == "reads-outside-the-tree"
    assert f"reads {spied}" in caught.value.seen and "more" in caught.value.seen
    expected = {f"kernel/{name}": {f"{spied}.{'s' if '.s' in text or 'x2e' in text else 'h'}"} for name, text in QUIET.items()}
    expected["kernel/header.h (in kernel/given.cc)"] = {f"{spied}.h"}
    if preset == "host":
        expected["kernel/honest.cc"] = {f"{spied}.h"}  # by way of the header
    assert reads(main) == expected


@pytest.mark.skipif(not SEALED, reason="this machine makes no sandbox")
@pytest.mark.parametrize("name", QUIET)
def test_in_the_sandbox_each_is_seen_and_nothing_is_read(main: Tree, spied: Path, name: str) -> None:
    with pytest.raises(Failure, match=f"^reads-outside-the-tree.*kernel/{name} reads {spied}"):
        build(main, {name: QUIET[name].format(spied)})
    built = [path.read_bytes() for path in main.root.glob("build/submissions/*/lab-1/build/host/**/*") if path.is_file()]
    assert not [content for content in built if b"the secret solution" in content]


@pytest.mark.parametrize("name", LOUD)
def test_no_error_message_shows_what_is_outside(main: Tree, spied: Path, name: str) -> None:
    with pytest.raises(Failure) as caught:
        build(main, {name: LOUD[name].format(spied)})
    assert caught.value.cause == "reads-outside-the-tree"
    assert caught.value.seen == f"kernel/{name} reads {spied}.txt" and caught.value.file == f"kernel/{name}"
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", NO_FILES)
def test_what_is_no_file_is_not_waited_for(main: Tree, spied: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(watched_build, "_LIMITS", ("timeout", "60", *watched_build._LIMITS))
    with pytest.raises(Failure, match=f"kernel/{name} reads /"):
        build(main, {name: NO_FILES[name].format(spied)})


def test_honest_code(main: Tree) -> None:
    """It may read the tree and the system's headers; the second time, too, it is compiled, and not taken from a cache."""
    for _ in range(2):
        tree = build(main, {"honest.cc": HONEST})
        assert reads(main) == {}
    assert sorted(path.name for path in (tree / "build/host").iterdir()) == ["host_tests", "host_tests.log"]


def test_code_that_only_the_linker_would_compile(main: Tree, spied: Path, tmp_path: Path) -> None:
    """An object can hold code in the compiler's own form, for link-time optimisation."""
    hidden = tmp_path / "hidden.cc"
    hidden.write_text(QUIET["incbin.cc"].format(spied), encoding="utf-8")
    command = ["g++", "-flto", "-S", "-o", "-", hidden]
    assembly = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert ".gnu.lto_" in assembly
    with suppress(BuildError), building(main, {"preprocessed.S": assembly}) as tree:
        assert b"the secret solution" not in (tree / "build/host/host_tests").read_bytes()
    assert reads(main) == {}


def test_tools_that_cannot_be_watched_are_not_trusted(main: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a compiler that is linked with everything it needs."""
    monkeypatch.setattr(watched_build, "environment", lambda library, records: {})
    with pytest.raises(LadderError, match="cannot be watched here, so this is not graded"):
        build(main, {"honest.cc": HONEST})


GREEDY = {
    "time": "template <unsigned long A, int N> struct T { static constexpr unsigned long v = T<2 * A, N - 1>::v + "
    "T<2 * A + 1, N - 1>::v; };\ntemplate <unsigned long A> struct T<A, 0> { static constexpr unsigned long v = A; };\n"
    "unsigned long z = T<1, 40>::v;\n",
    "memory": 'asm(".rept 1000000000\\n.quad 1\\n.endr");\n',
    "file": 'asm(".fill 0x7fffffff, 8, 1");\n',
}


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("time", "kernel/honest.cc: error: compiling it takes more than 1 seconds of CPU time"),
        ("memory", "kernel/honest.cc: error: compiling it takes more than 4 GiB of memory"),
        ("file", "kernel/honest.cc: error: compiling it makes a file of more than 256 MiB"),
    ],
)
def test_greedy_code_does_not_compile(main: Tree, monkeypatch: pytest.MonkeyPatch, what: str, message: str) -> None:
    if what == "time":
        limits = tuple("--cpu=1:3" if word.startswith("--cpu") else word for word in watched_build._LIMITS)
        monkeypatch.setattr(watched_build, "_LIMITS", limits)
        sign = next(iter(watched_build._SIGNS))
        monkeypatch.setitem(watched_build._SIGNS, sign, "compiling it takes more than 1 seconds of CPU time")
    with pytest.raises(BuildError) as caught:
        build(main, {"honest.cc": GREEDY[what]})
    assert str(caught.value).startswith(message)


def test_tools_that_print_without_end(main: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ninja keeps what they print, and has a limit of its own; here a smaller one."""
    limits = tuple("--as=400000000" if word.startswith("--as") else word for word in watched_build._LIMITS)
    monkeypatch.setattr(watched_build, "_LIMITS", limits)
    line = f'.print \\"{"x" * 100}\\"\\n'
    endless = f'asm(".rept 100000\\n.rept 10000\\n{line}.endr\\n.endr");\n'
    with pytest.raises(BuildError, match="^kernel/honest.cc: error: what the tools print takes more than 4 GiB of memory"):
        build(main, {"honest.cc": endless})


@pytest.mark.skipif(not SEALED, reason="this machine makes no sandbox")
def test_all_files_together_are_greedy(main: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = watched_build.around_compiler
    frugal = lambda *given: [word.replace('"cpu": 900', '"cpu": 1') for word in whole(*given)]  # noqa: E731
    monkeypatch.setattr(watched_build, "around_compiler", frugal)
    with pytest.raises(BuildError, match="error: compiling all files takes more than 1 seconds of CPU time"):
        build(main, {"honest.cc": GREEDY["time"]})


def test_errors_are_short(main: Tree) -> None:
    with pytest.raises(BuildError) as caught:
        build(main, {"honest.cc": f"#error {'x' * 100_000}\n" * 3})
    assert "kernel/honest.cc:1:2: error: #error xxx" in str(caught.value) and len(str(caught.value)) < 1500


def test_given_code_that_does_not_build_is_not_the_students_fault(main: Tree) -> None:
    (main.root / "kernel/alone.cc").write_text("#error of ours\n", encoding="utf-8")
    with pytest.raises(LadderError, match="what is given does not build here, which is not the student's fault") as caught:
        build(main, {"honest.cc": HONEST})
    assert "of ours" in str(caught.value) and not isinstance(caught.value, BuildError)


def test_main_may_change_between_two_submissions(main: Tree) -> None:
    """They are built in the same place, which knows the files that there were."""
    for name in ("alone", "other", "alone", "third"):
        for path in main.root.glob("kernel/*.cc"):
            if path.stem in ("alone", "other"):
                path.unlink()
        (main.root / f"kernel/{name}.cc").write_text("int alone;\n", encoding="utf-8")
        assert (build(main, {"honest.cc": HONEST}) / "build/host/host_tests").exists()
    assert len(list(main.root.glob("build/submissions/.place-*-1"))) == SEALED  # without a sandbox each gets a new one


@pytest.mark.parametrize(
    ("name", "seen", "words"),
    [
        ("submission.watched_build._killed_for_memory", [3, 4], "this machine ran out of memory during a build"),
        ("ladder.files.shutil.disk_usage", [SimpleNamespace(free=1 << 20)], "no space is left on the disk of"),
    ],
)
def test_what_the_machine_lacks_is_not_the_students_fault(
    main: Tree, monkeypatch: pytest.MonkeyPatch, name: str, seen: list[object], words: str
) -> None:
    monkeypatch.setattr(f"grade.{name}", lambda *_: seen.pop(0))
    with pytest.raises(LadderError, match=words) as caught:
        build(main, {"honest.cc": "#error mine\n"})
    assert not isinstance(caught.value, BuildError)


@pytest.mark.parametrize(
    "said", ["g++: fatal error: Killed signal terminated program cc1plus", "fatal error: No space left on device"]
)
def test_a_student_who_says_that_the_machine_is_at_fault_is_not_believed(main: Tree, said: str) -> None:
    with pytest.raises(BuildError):
        build(main, {"honest.cc": f'asm(".print \\"{said}\\"");\n#error {said}\n'})
    with pytest.raises(BuildError):
        build(main, {"honest.cc": f'asm(".print \\"{said}\\"\\n.error \\"{said}\\"");\n'})


needs_sandbox = pytest.mark.skipif(not SEALED, reason="this machine makes no sandbox")


def taken_over(main: Tree, script: str) -> AbstractContextManager[Path]:
    """Returns a build whose tools a student has taken over: in the sandbox they do this when the program has been linked."""
    (main.root / "kernel/taken_over.sh").write_text(f"PATH=/bin:/usr/bin\nset +e\n{script}\ntrue\n", encoding="utf-8")
    return building(main, {"honest.cc": HONEST})


@needs_sandbox
@pytest.mark.parametrize(
    ("deed", "refused"),
    [
        ("rm host_tests; mkfifo host_tests", "host_tests is no plain file"),
        ("ln -sf {secret} host_tests", "host_tests is no plain file"),
        ("rm host_tests; mkdir host_tests", "host_tests is no plain file"),
        ("mkfifo host_tests_engine", "host_tests_engine is no plain file"),
        ("mkfifo opened/pipe", "pipe is no plain file"),
        ("ln -s {secret} opened/link", "link is no plain file"),
        ("mkdir elsewhere; mv opened/* elsewhere; rmdir opened; ln -s elsewhere opened", "is no plain file"),
    ],
)
def test_what_a_sandbox_leaves_is_taken_out_as_plain_files(main: Tree, tmp_path: Path, deed: str, refused: str) -> None:
    (tmp_path / "secret").write_text("the secret solution")
    with pytest.raises(LadderError, match=refused), taken_over(main, deed.format(secret=tmp_path / "secret")):
        pass
    assert not list(main.root.glob("build/submissions/*/lab-1/build/*.sealed")), "the copy is gone"


@needs_sandbox
def test_names_without_end(main: Tree) -> None:
    """That a file has the tools look for more names than can be recorded is the student's doing, and nobody else's."""
    folder = "/" + "/".join(["x" * 200] * 18)
    asked = "".join(f"#if __has_include(FOLDER a{number}>)\n#endif\n" for number in range(20000))
    with pytest.raises(
        Failure, match="^reads-outside-the-tree.*kernel/probe.cc reads files whose names alone take more than 64"
    ):
        build(main, {"probe.cc": f"#define FOLDER <{folder}/\n{asked}"})
    wanted = "reads files whose names alone take more than 64 MiB"
    with pytest.raises(Failure, match=wanted), taken_over(main, "truncate -s 100M opened/large"):
        pass


@needs_sandbox
def test_what_we_write_and_obey_is_out_of_reach(main: Tree) -> None:
    """The log, the rules of ninja and CMake, the outcome, what other builds left: a sandbox has only a copy."""
    mine = (
        "host_tests.log",
        "build.ninja",
        "CMakeCache.txt",
        "compile_commands.json",
        "host_tests.stamp",
        "pagewalk.configured",
    )
    deeds = "".join(f"ln -sf ../../pagewalk {name}\n" for name in mine)
    deeds += "mkdir -p user; echo mine > user/hello; for name in ../mine ../host.watched.json ../../kernel/main.cc; do\n"
    with taken_over(main, f"{deeds}echo mine > $name && touch wrote; done; test -e wrote && rm host_tests") as tree:
        folder = tree / "build/host"
        assert not any((folder / name).is_symlink() for name in mine) and not (folder / "user").exists()
        assert (tree / "pagewalk").read_text() == "" and not (tree / "build/mine").exists()
    # What stays for the next submission is what was there before the sandbox was.
    assert (folder / "CMakeCache.txt").exists() and not (folder / "host_tests").exists()


def test_what_is_run_later_is_what_was_built(main: Tree) -> None:
    with building(main, {"honest.cc": HONEST}) as tree:
        _is_found_changed(tree)


def _is_found_changed(tree: Path) -> None:
    check_unchanged(tree, "host_tests")
    program = tree / "build/host/host_tests"
    content = program.read_bytes()
    program.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(NotAsBuilt, match=f"^{program} is not the file that was built: something has replaced"):
        check_unchanged(tree, "host_tests")
    program.write_bytes(content)
    check_unchanged(tree, "host_tests")
    program.unlink()
    os.mkfifo(program)
    with pytest.raises(NotAsBuilt, match=f"^{program} is not the file that was built: .* no plain file"):
        check_unchanged(tree, "host_tests")
    program.unlink()
    with pytest.raises(NotAsBuilt, match=f"^{program} is not the file that was built: .*No such file"):
        check_unchanged(tree, "host_tests")


def test_a_file_that_is_read_once_is_read_again_when_it_has_changed(tmp_path: Path) -> None:
    (tmp_path / "user").mkdir()
    program = tmp_path / "user/hello"
    program.write_bytes(b"12")
    digests = digests_of([program])
    for _ in range(2):
        check_digests(digests, read_once="user")
    for content in (b"123", b"12"):
        program.write_bytes(content)
        os.utime(program, ns=(0, 0))
        with nullcontext() if content == b"12" else pytest.raises(NotAsBuilt, match=f"^{program} is not"):
            check_digests(digests, read_once="user")


@pytest.mark.parametrize("lab", [1, 6])
def test_what_is_compiled_outside_the_sandbox_has_nothing_of_a_student(monkeypatch: pytest.MonkeyPatch, lab: int) -> None:
    """Nor a probe that compiles a header by itself."""
    tree = prepare(Tree(ROOT), lab)
    folder = build_kernel(tree, "x86_64").elf.parent
    monkeypatch.setattr(watched_build, "build_library", lambda into: pytest.exit("the watch begins"))
    objects: set[str] = set()
    with pytest.raises(pytest.exit.Exception):
        for step in watched_build._Watch(tree, folder, owned_paths(load_labs(tree)), None).steps(folder, "kernel"):
            objects |= set(step.targets)
    sources = [unit.source for unit in watched_build._units(tree, folder) if unit.object in objects]
    assert "kernel/main.cc" in sources and ("user/hello.cc" in sources) == (lab > 2)
    assert any(name.endswith(".gch") for name in objects)
    for name in owned_paths(load_labs(tree)):
        assert not [path for path in objects if name in path], name


@needs_sandbox
def test_a_judge_is_linked_outside_the_sandbox(tmp_path: Path) -> None:
    """It runs without one: whoever takes over a compiler in there must not reach it."""
    cut(ROOT, 1, 1, tmp_path / "alice")
    with laid_out(Tree(ROOT), str(tmp_path / "alice"), [1], keep=False) as found:
        tree = tree_in(found.folder, 1)
        watched_host_tests(tree, "page_table_tests", sealed=True)
        assert (tree / "build/host/taken").read_text() == "page_table_tests_engine\0"
        assert (tree / "build/host/page_table_tests").exists()


@pytest.mark.parametrize("lab", [1, 6])
def test_every_source_that_a_students_file_reaches_is_known(lab: int) -> None:
    """By what the compilers read when they built the reference: what is not known is not watched."""
    tree = prepare(Tree(ROOT), lab)
    owned = set(owned_paths(load_labs(tree)))
    reached = files_that_reach(tree, owned)
    hits = 0
    programs = [build_host_tests(tree, program) for program in programs_for(lab)]
    for folder in (build_kernel(tree, "x86_64").elf.parent, programs[0].parent):
        listed = subprocess.run(["ninja", "-t", "deps"], cwd=folder, check=True, capture_output=True, text=True).stdout
        for block in listed.split("\n\n"):
            paths = [(folder / line.strip()).resolve() for line in block.splitlines()[1:]]
            read = {path.relative_to(tree.resolve()).as_posix() for path in paths if path.is_relative_to(tree.resolve())}
            if read & owned and "headers.dir/" not in block:
                hits += 1
                assert read & reached >= read & owned
                source = block.partition(".dir/")[2].partition(".o")[0]
                assert source in reached, f"{source} reads {read & owned}"
    assert hits >= 4, "map_kernel.cc, boot_map.cc, and who compiles the engine: kernel_table.cc and map_engine.cc"
    sources = [path for folder in ("kernel", "arch", "user") for path in (tree / folder).rglob("*.cc")]
    assert len([path for path in reached if path.endswith(".cc")]) < len(sources) / 2, "most come from the cache"
