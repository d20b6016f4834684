"""Building: what is rebuilt and when, several builds at once, and what an interruption leaves behind."""

import fcntl
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import pytest

from grade.ladder.build import BuildError, Manner, build_all_host_tests, build_host_tests, build_kernel
from grade.ladder.stopper import Stopper
from grade.tests.building.tiny_tree import CMAKE, FILES, output_of, replace, steps_of, tree, write

pytestmark = pytest.mark.skipif(shutil.which("ninja") is None, reason="needs cmake and ninja")
_ = tree  # the fixture


# --- what is rebuilt ---------------------------------------------------------------------------------------


def test_a_kernel_is_built_and_progress_told(tree: Path) -> None:
    seen: list[tuple[int, int]] = []
    kernel = build_kernel(tree, "x86_64", manner=Manner(lambda done, total, text: seen.append((done, total))))
    assert (kernel.isa, kernel.elf, kernel.tree) == ("x86_64", tree / "build/x86_64/kernel.elf", tree)
    assert kernel.elf.is_file()
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_host_tests_are_built(tree: Path) -> None:
    assert build_host_tests(tree, "host_tests") == tree / "build/host/host_tests"
    assert (tree / "build/host/host_tests").is_file()
    assert not (tree / "build/host/kernel.elf").exists()


def test_another_build_folder(tree: Path, tmp_path: Path) -> None:
    assert build_kernel(tree, "x86_64", build_dir=tmp_path / "out").elf == tmp_path / "out/kernel.elf"
    assert (tmp_path / "out/kernel.elf").is_file()
    assert not (tree / "build").exists()


def test_only_what_changed_is_rebuilt(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(steps_of(tree)) == 3
    with monkeypatch.context() as patch:
        patch.setenv("PATH", "")
        assert steps_of(tree) == []  # not even cmake is asked
    replace(tree / "kernel/answer.cc", "A1", "A2")
    steps = steps_of(tree)
    assert len(steps) == 2 and "answer.cc" in steps[0]
    (tree / "build/x86_64/kernel.elf").unlink()
    assert output_of(tree) == "one A2"


def test_an_edit_of_equal_size_at_once_is_seen(tree: Path) -> None:
    for number in range(2, 6):
        replace(tree / "kernel/answer.cc", f"A{number - 1}", f"A{number}")
        assert output_of(tree) == f"one A{number}"


def test_a_file_replaced_by_an_older_one_is_seen(tree: Path) -> None:
    older = tree / "kernel/answer.cc"
    assert output_of(tree) == "one A1"
    os.utime(older, ns=(0, 10**18))
    output_of(tree)
    backup = shutil.copy2(older, tree / "backup")
    replace(older, "A1", "A2")
    assert output_of(tree) == "one A2"
    Path(backup).replace(older)
    assert output_of(tree) == "one A1"


def test_a_file_saved_while_it_is_compiled_is_seen(tree: Path) -> None:
    def save(done: int, total: int, text: str) -> None:
        if done < total:
            (tree / "kernel/answer.cc").write_text(FILES["kernel/answer.cc"].replace("A1", "A2"), encoding="utf-8")

    build_kernel(tree, "x86_64", manner=Manner(save))
    assert output_of(tree) == "one A2"


def test_what_two_programs_share_is_seen_by_both(tree: Path) -> None:
    """It is saved while the one is built, whose object is then newer than what it was made from."""
    program = '#include <cstdio>\n#include "answer.h"\nint main() { std::printf("%s", answer()); }\n'
    cmake = "add_library(shared OBJECT kernel/answer.cc)\n"
    for name in ("first", "second"):
        cmake += f"add_executable({name} kernel/{name}.cc)\ntarget_link_libraries({name} shared)\n"
    write(tree, {"kernel/first.cc": program, "kernel/second.cc": program})
    replace(tree / "CMakeLists.txt", "add_executable(host_tests kernel/answer.cc kernel/host.cc)\n", cmake)

    def answer_of(name: str) -> str:
        return subprocess.run([build_host_tests(tree, name)], capture_output=True, text=True, check=True).stdout

    def save(done: int, total: int, text: str) -> None:
        if done < total:
            source = tree / "kernel/answer.cc"
            source.write_text(source.read_text().replace("A2", "A3"))
            os.utime(source, ns=(started, started))

    assert (answer_of("first"), answer_of("second")) == ("A1", "A1")
    replace(tree / "kernel/answer.cc", "A1", "A2")
    started = time.time_ns()
    build_host_tests(tree, "first", manner=Manner(save))
    assert "A3" in (tree / "kernel/answer.cc").read_text()
    assert (answer_of("second"), answer_of("first")) == ("A3", "A3")


def test_changed_cmake_files_and_presets_are_seen(tree: Path) -> None:
    assert output_of(tree) == "one A1"
    replace(tree / "CMakeLists.txt", 'WORD="${WORD}"', 'WORD="${WORD}!"')
    assert output_of(tree) == "one! A1"
    replace(tree / "CMakePresets.json", '"one"', '"two"')
    assert output_of(tree) == "two! A1"


def test_a_tree_that_moved_is_built_anew(tree: Path, tmp_path: Path) -> None:
    output_of(tree)
    moved = tree.rename(tmp_path / "moved")
    replace(moved / "kernel/answer.cc", "A1", "A2")
    assert output_of(moved) == "one A2"


# --- one at a time, and interruptions ----------------------------------------------------------------------

BUILD = """\
import pathlib, sys
from grade.ladder.build import build_kernel
print(build_kernel(pathlib.Path(sys.argv[1]), "x86_64").elf)
"""
SLOW = "\nadd_custom_command(TARGET kernel PRE_LINK COMMAND sh ${CMAKE_SOURCE_DIR}/slow.sh)\n"


def start_build(tree: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", BUILD, str(tree)],
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=obey_interrupts,
    )


def obey_interrupts() -> None:
    """Makes SIGINT count: what a shell starts in the background, and all that comes from it, would ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_builds_of_one_folder_wait_for_each_other(tree: Path) -> None:
    """A link step that fails if it meets another one."""
    write(tree, {"slow.sh": "mkdir busy && sleep 0.2 && rmdir busy\n", "CMakeLists.txt": CMAKE + SLOW})
    builds = [start_build(tree) for _ in range(3)]
    outputs = [build.communicate()[0].strip() for build in builds]
    assert outputs == [str(tree / "build/x86_64/kernel.elf")] * 3
    assert output_of(tree) == "one A1"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_build_does_no_harm(tree: Path, how: signal.Signals) -> None:
    """The link step reports that it has begun, then blocks. It ends with the build, whatever ends that."""
    os.mkfifo(tree / "begun")
    os.mkfifo(tree / "hold")
    write(tree, {"slow.sh": "cd ${0%/*}; echo > begun; read line < hold\n", "CMakeLists.txt": CMAKE + SLOW})
    build = start_build(tree)
    wait_until_written(tree / "begun")
    build.send_signal(how)
    assert build.wait(60) == -how
    write(tree, {"slow.sh": ""})
    replace(tree / "kernel/answer.cc", "A1", "A2")
    os.utime(tree / "kernel/answer.cc", ns=(0, 10**18))
    assert output_of(tree) == "one A2"
    build.communicate()


def test_an_interrupted_configuration_does_no_harm(tree: Path) -> None:
    os.mkfifo(tree / "begun")
    os.mkfifo(tree / "hold")
    script = "echo > ${CMAKE_SOURCE_DIR}/begun; read line < ${CMAKE_SOURCE_DIR}/hold"
    write(tree, {"CMakeLists.txt": CMAKE + f'execute_process(COMMAND sh -c "{script}")\n'})
    build = start_build(tree)
    wait_until_written(tree / "begun")
    build.send_signal(signal.SIGINT)
    build.communicate(timeout=60)
    assert not (tree / "build/x86_64/build.ninja").exists()
    write(tree, {"CMakeLists.txt": CMAKE, "build/x86_64/CMakeCache.txt": "CMAKE_HOME_DIRECTORY:INTERNAL=/nowhere\n"})
    assert output_of(tree) == "one A1"


def wait_until_written(pipe: Path) -> None:
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    ready, _, _ = select.select([reader], [], [], 60)
    os.close(reader)
    assert ready, "the build did not come that far"


def is_locked(path: Path) -> bool:
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


# --- several at once ---------------------------------------------------------------------------------------

PROGRAMS = ["first", "second", "third"]
THREE = "add_library(shared OBJECT kernel/answer.cc)\n" + "".join(
    f"add_executable({name} kernel/{name}.cc)\ntarget_link_libraries({name} shared)\n" for name in PROGRAMS
)


@pytest.fixture
def programs(tree: Path) -> Path:
    """Returns a tree with three programs that share an object."""
    host_tests = "add_executable(host_tests kernel/answer.cc kernel/host.cc)\n"
    write(
        tree,
        {f"kernel/{name}.cc": "int main() {}\n" for name in PROGRAMS} | {"CMakeLists.txt": CMAKE.replace(host_tests, THREE)},
    )
    return tree


def test_several_programs_are_built_in_one_go(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    totals: list[int] = []
    built = build_all_host_tests(programs, PROGRAMS, manner=Manner(lambda done, total, text: totals.append(total), jobs=1))
    assert built == {name: programs / "build/host" / name for name in PROGRAMS}
    assert all(path.is_file() for path in built.values()) and set(totals) == {7}
    monkeypatch.setenv("PATH", "")
    assert build_all_host_tests(programs, PROGRAMS) == built  # nothing is asked
    assert build_host_tests(programs, "second") == built["second"]


def test_a_program_that_does_not_build_costs_no_other(programs: Path) -> None:
    write(programs, {"kernel/first.cc": "int main() { return one; }\n", "kernel/third.cc": "int main() { three(); }\n"})
    built = build_all_host_tests(programs, PROGRAMS)
    assert built["second"] == programs / "build/host/second" and built["second"].is_file()
    for name, message in (("first", "one"), ("third", "three")):
        alone = build_host_tests_error(programs, name)
        assert str(built[name]) == str(
            alone
        ) and f"\N{LEFT SINGLE QUOTATION MARK}{message}\N{RIGHT SINGLE QUOTATION MARK} was not declared" in str(alone)
        assert str(alone).splitlines()[0].startswith(f"kernel/{name}.cc:1:")


def build_host_tests_error(tree: Path, name: str) -> BuildError:
    with pytest.raises(BuildError) as caught:
        build_host_tests(tree, name)
    return caught.value


def test_what_all_programs_share_costs_all(programs: Path) -> None:
    replace(programs / "kernel/answer.cc", "A1", '" + nonsense + "')
    built = build_all_host_tests(programs, PROGRAMS)
    assert len({str(error).splitlines()[0] for error in built.values()}) == 1
    assert all(isinstance(error, BuildError) and error.first_error.file == "kernel/answer.cc" for error in built.values())
    replace(programs / "kernel/answer.cc", '" + nonsense + "', "A1")
    assert all(path.is_file() for path in build_all_host_tests(programs, PROGRAMS).values())


def test_a_tree_that_cannot_be_configured_costs_all(programs: Path) -> None:
    write(programs, {"CMakeLists.txt": "nonsense()\n"})
    errors = build_all_host_tests(programs, PROGRAMS)
    assert all("Unknown CMake command" in str(error) for error in errors.values())


def test_an_error_is_told_while_other_tools_still_run(tree: Path) -> None:
    """The other one ends only when the error has been told."""
    os.mkfifo(tree / "told")
    wait = "cd ${CMAKE_SOURCE_DIR}; [ -e over ] || read line < told; touch over build/host/slow"
    both = f"add_executable(broken kernel/answer.cc)\nadd_custom_target(slow COMMAND sh -c '{wait}')\n"
    write(tree, {"CMakeLists.txt": CMAKE + both, "kernel/answer.cc": "int answer() { return x; }\n"})
    said: list[str] = []
    pipe = os.open(tree / "told", os.O_RDWR)

    def tell(error: object) -> None:
        said.append(str(error))
        os.write(pipe, b"go on\n")

    built = build_all_host_tests(tree, ["slow", "broken"], manner=Manner(on_error=tell, jobs=2))
    os.close(pipe)
    first, *excerpt = said[0].splitlines()
    assert (
        len(said) == 1
        and first
        == "kernel/answer.cc:1:23: error: \N{LEFT SINGLE QUOTATION MARK}x\N{RIGHT SINGLE QUOTATION MARK} was not declared in this scope"
    )
    assert any("^" in line for line in excerpt)
    assert str(built["broken"]).startswith(said[0]) and built["slow"] == tree / "build/host/slow"


def test_a_build_is_stopped_from_another_thread(tree: Path) -> None:
    os.mkfifo(tree / "begun")
    os.mkfifo(tree / "hold")
    write(tree, {"slow.sh": "cd ${0%/*}; echo > begun; read line < hold\n", "CMakeLists.txt": CMAKE + SLOW})
    stopper, ended = Stopper(), []

    def build() -> None:
        with pytest.raises(BuildError):
            build_kernel(tree, "x86_64", manner=Manner(stopper=stopper))
        ended.append(True)

    thread = Thread(target=build)
    thread.start()
    wait_until_written(tree / "begun")
    stopper.stop()
    thread.join(60)
    assert ended == [True] and not is_locked(tree / "build/x86_64.lock")
    with pytest.raises(BuildError):  # one that begins later is stopped as well
        build_kernel(tree, "x86_64", manner=Manner(stopper=stopper))
    write(tree, {"slow.sh": ""})
    assert output_of(tree) == "one A1"
