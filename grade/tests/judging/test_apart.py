"""What the judge of the host tests makes of an engine that is not honest: it believes nothing, waits for nobody who has ended,
and takes nothing from the shared memory but what a table or a list may be.

Scripts stand in for the engine, which is whatever lies beside the judge's program.
"""

import re
import shutil
import stat
import subprocess
import time
from pathlib import Path

import pytest

from grade.checks import host_tests
from grade.checks.host_tests import check_host_tests
from grade.checks.ran_before import HostTests
from grade.ladder.build import build_host_tests, engine_of
from grade.ladder.trees import Tree, find_root
from grade.prepare import prepare
from grade.results.failure import Failure, NotWritten

ROOT = find_root(Path(__file__))
TESTS = {"PageTableMap*": "page_table_tests", "PageTableUnmap*": "page_table_tests", "Vma*": "vma_tests"}
START = """#!/usr/bin/python3
import mmap, os, random, signal, socket, struct, sys
judge, ram = socket.socket(fileno=3), mmap.mmap(4, 0)
SIZE = {size}
{words}

def message(word, *values, text=b""):
    return struct.pack("<IHBx6Q128s", word, 0, 0, *values, *[0] * (6 - len(values)), text)

def serve(answer):
    while judge.recv(SIZE):
        judge.send(answer())
"""
SIZE = 184
PROTOCOL = (ROOT / "kernel/tests/apart/protocol.h").read_text()
WORDS = "\n".join(f"{name} = {number}" for number, name in enumerate(re.findall(r"^  (k\w+),", PROTOCOL, re.MULTILINE)))
LIARS = {
    "ends at once": "",
    "all is done": "serve(lambda: message(kDone))",
    "nothing is there": "serve(lambda: message(kFailed, 2))",
    "an error that does not exist": "serve(lambda: message(kFailed, 1 << 40))",
    "an area that does not exist": "serve(lambda: message(kDone, 1 << 60, 1 << 60, 1 << 60))",
    "what means nothing": "serve(lambda: message(77))",
    "too short": "serve(lambda: b'x')",
    "nothing": "serve(lambda: b'')",
    "by chance": "random.seed(1)\nserve(lambda: message(random.randrange(kReply), *random.choices((0, 1, 7, 1 << 30, 1 << 63), k=6)))",
    "a zone that does not exist": "serve(lambda: message(kAllocate, 1 << 62))",
    "all frames": "while judge.recv(SIZE): judge.send(message(kAllocate, 0)), judge.recv(SIZE), judge.send(message(kDone))",
    "a text that is none": "serve(lambda: message(kCheckFailed, text=b'\\xff\\x00\\x1b\\n' * 32))",
    "nothing is written, it says": "serve(lambda: message(kTodo, 1 << 63, text=b'\\xff\\n[ RUN      ] Vma.X' * 4))",
    "gives back what nobody has": "serve(lambda: message(kGiveBack, 0x5000))",
    "leaves the line": "judge.close()\nsignal.pause()",
    "kills itself": "judge.recv(SIZE)\nos.kill(os.getpid(), signal.SIGSEGV)",
    "is killed": "judge.recv(SIZE)\nos.kill(os.getpid(), signal.SIGKILL)",
    "ends as if it had been stopped": "os._exit(128 + signal.SIGSTOP)",
    "floods": "judge.recv(SIZE)\nwhile True: os.write(1, b'[ RUN      ] Vma.X\\n@todo function=x\\n' * 999)",
    "rubbish in the memory": "ram[:] = bytes([255]) * len(ram)\nserve(lambda: message(kDone))",
    "zeros in the memory": "ram[:] = bytes(len(ram))\nserve(lambda: message(kDone, 1))",
}


@pytest.fixture(scope="module")
def built() -> dict[str, Path]:
    tree = prepare(Tree(ROOT), 6)
    return {program: build_host_tests(tree, program) for program in set(TESTS.values())}


@pytest.mark.parametrize("liar", LIARS)
@pytest.mark.parametrize("tests", TESTS)
def test_a_liar_fails_and_nothing_waits(built: dict[str, Path], tests: str, liar: str, tmp_path: Path) -> None:
    judge = tmp_path / "judge"
    shutil.copy(built[TESTS[tests]], judge)
    engine_of(judge).write_text(START.format(size=SIZE, words=WORDS) + LIARS[liar] + "\n")
    engine_of(judge).chmod(stat.S_IRWXU)
    with pytest.raises((Failure, NotWritten)) as caught:
        check_host_tests(lambda _: judge, tests, tmp_path)
    assert not isinstance(caught.value, Failure) or caught.value.cause != "hang"
    said = caught.value.seen if isinstance(caught.value, Failure) else str(caught.value)
    assert not set(said) & {"\x1b", "\xff", "\ufffd"}
    assert not said.startswith("Vma.X"), "of what an engine prints nothing is a test"


SLOW = {
    "is slow each time": "import time\nserve(lambda: (time.sleep(1), message(kDone))[1])",
    "says more than anybody asks, and does not listen": "while True: judge.send(message(kFlushed))",
}


@pytest.mark.parametrize("slow", SLOW)
def test_nobody_is_waited_for_long(built: dict[str, Path], slow: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One wall budget for a program, however often it says something; once it has hung, its other tests get less."""
    monkeypatch.setattr(host_tests, "_PATIENCE", 8.0)
    monkeypatch.setattr(host_tests, "_LESS_PATIENCE", 2.0)
    judge = tmp_path / "judge"
    shutil.copy(built["page_table_tests"], judge)
    engine_of(judge).write_text(START.format(size=SIZE, words=WORDS) + SLOW[slow] + "\n")
    engine_of(judge).chmod(stat.S_IRWXU)
    begun, took = time.monotonic(), []
    for tests in ("PageTableLookup*", "PageTableMap*"):
        with pytest.raises(Failure, match="^hang: "):
            check_host_tests(HostTests(lambda _: judge, tmp_path / "memory"), tests, tmp_path)
        took.append(time.monotonic() - begun - sum(took))
    assert took[0] < 20 and took[1] < 8, took


def test_nothing_of_a_student_is_in_the_judges_program(built: dict[str, Path]) -> None:
    for program in built.values():
        assert "PageTable<" not in symbols(program) and "VmaList::place_from" not in symbols(program)
        assert "testing::" not in symbols(engine_of(program))
    assert "PageTable<" in symbols(engine_of(built["page_table_tests"]))


def symbols(program: Path) -> str:
    return subprocess.run(["nm", "--demangle", program], capture_output=True, text=True, check=True).stdout
