"""The host tests of user memory and the fuzz targets see kernels that are broken by hand.

One file of the kernel is compiled with a mistake in it, and linked with what the right kernel's program is made of.
"""

import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from grade.ladder.build import BuildError, build_all_host_tests
from grade.ladder.trees import find_root

ROOT = find_root(Path(__file__))
PROGRAMS = ("user_memory_tests", "fuzz_elf", "fuzz_archive", "fuzz_script")
pytestmark = pytest.mark.xdist_group("user_memory")  # the programs are built once


@dataclass(frozen=True)
class Mistake:
    """A text in a file of the kernel, and what stands there instead."""

    file: str
    right: str
    wrong: str


FLUSHES_TOO_LATE = Mistake(
    "kernel/space/fault.cc",
    """    page.unmap().flush();
    const OwnedFrame freed = OwnedFrame::adopt(Frame::containing(page.mapping().address));
""",
    """    StaleTlb stale = page.unmap();
    { const OwnedFrame freed = OwnedFrame::adopt(Frame::containing(page.mapping().address)); }
    stale.flush();
""",
)
NEVER_FLUSHES = Mistake(
    "kernel/map/temp_map.cc",
    "Tables().clear(temp_window_table(), slot_, address()).flush();",
    "Tables().write(temp_window_table(), slot_, 0);",
)
LEAKS = Mistake(
    "kernel/space/clone.cc",
    "const TempMap from = TRY(TempMap::open(Frame::containing(page.address)));",
    """const Frame kept = copy.release();
  const TempMap from = TRY(TempMap::open(Frame::containing(page.address)));
  copy = OwnedFrame::adopt(kept);""",
)
GOES_AROUND_THE_WINDOW = Mistake(
    "kernel/space/user_copy.cc", "to.data(), byte_in(window, *mapping), size", "to.data(), pointer_to(mapping->address), size"
)


@pytest.fixture(scope="module")
def programs() -> dict[str, Path]:
    built = build_all_host_tests(ROOT, PROGRAMS)
    errors = [came for came in built.values() if isinstance(came, BuildError)]
    assert not errors, errors[0]
    return {name: came for name, came in built.items() if isinstance(came, Path)}


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=300, check=False)


def broken(program: Path, mistake: Mistake, folder: Path) -> Path:
    """Returns the same program of a kernel with this mistake."""
    text = (ROOT / mistake.file).read_text(encoding="utf-8")
    assert text.count(mistake.right) == 1, mistake
    source, made, result = folder / Path(mistake.file).name, folder / "made.o", folder / program.name
    source.write_text(text.replace(mistake.right, mistake.wrong), encoding="utf-8")
    listed = run("ninja", "-C", program.parent, "-t", "commands", program.name).stdout.splitlines()
    right_object = f"CMakeFiles/{program.name}.dir/{mistake.file}.o"
    (compiling,) = (line for line in listed if f" -o {right_object} " in line)
    linking = listed[-1]
    compiled = compiling.replace(str(ROOT / mistake.file), str(source)).replace(f" -o {right_object} ", f" -o {made} ")
    linked = linking.replace(f" {right_object} ", f" {made} ").replace(f" -o {program.name} ", f" -o {result} ")
    for command in (compiled, linked):
        without_dependencies = re.sub(r" -MD -MT \S+ -MF \S+", "", command)
        words = [word for word in shlex.split(without_dependencies) if word not in (":", "&&")]
        subprocess.run(words, cwd=program.parent, check=True)
    return result


@pytest.mark.parametrize(
    ("mistake", "seen_by", "words"),
    [
        (FLUSHES_TOO_LATE, "FaultTest.PagesThatAreDropped*", "can still reach a frame that is free"),
        (NEVER_FLUSHES, "TempMapTest.ASlotUsedAgain*", "the CPU was not told to forget"),
        (LEAKS, "CloneTest.NeedsTwoSlots", "frames that nobody has given back"),
        (GOES_AROUND_THE_WINDOW, "UserCopyTest.CopiesInsideAPage", "SEGV"),
    ],
)
def test_the_tests_see(programs: dict[str, Path], tmp_path: Path, mistake: Mistake, seen_by: str, words: str) -> None:
    right = programs["user_memory_tests"]
    asked = f"--gtest_filter={seen_by}"
    passed = run(right, asked)
    assert passed.returncode == 0 and "[  PASSED  ] 1 test" in passed.stdout
    failed = run(broken(right, mistake, tmp_path), asked)
    assert failed.returncode != 0 and words in failed.stdout + failed.stderr


def test_each_allocation_fails_in_turn(programs: dict[str, Path]) -> None:
    """And all the rest of it passes."""
    everything = run(programs["user_memory_tests"])
    assert everything.returncode == 0, everything.stdout
    assert len(re.findall(r"^\[       OK \] ", everything.stdout, re.MULTILINE)) >= 60


@pytest.mark.parametrize("target", [name for name in PROGRAMS if name.startswith("fuzz_")])
def test_a_fuzz_target_tries_good_inputs_and_bad_ones(programs: dict[str, Path], target: str) -> None:
    said = run(programs[target], "--rounds", "2000")
    rounds, accepted = (int(number) for number in re.findall(r"(\d+) rounds, (\d+) accepted", said.stdout)[0])
    assert said.returncode == 0 and rounds == 2000 and accepted > 200
    assert run(programs[target], "--rounds", "2000").stdout == said.stdout, "the same rounds every time"


def test_a_round_that_fails_can_be_run_again(programs: dict[str, Path], tmp_path: Path) -> None:
    mistake = Mistake("kernel/program/elf.cc", "ElfProblem::kWriteAndExecute;", "std::nullopt;")
    program = broken(programs["fuzz_elf"], mistake, tmp_path)
    failed = run(program)
    assert failed.returncode == 1 and "broken promise: permissions" in failed.stderr
    again = re.findall(r"^again: (.+)$", failed.stderr, re.MULTILINE)[0]
    assert run(*shlex.split(again)).stderr == failed.stderr
