"""Tests judged in copies of pytest's process: what the first process learns, and what becomes of the copies."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

# The tests of this session run in copies, in their order; it says of each what it was told.
SESSION = """
import sys
import pytest
from grade.workers import run_in_copies

class Front:
    def pytest_runtestloop(self, session):
        seen = set()
        def tell(items):
            seen.update(item.name for item in items)
        def lost(item, how):
            return pytest.TestReport(item.nodeid, item.location, {}, "failed", f"ended {how}", "call")
        try:
            run_in_copies(session.items, int(sys.argv[2]), tell, lost)
        finally:
            print("told of", *sorted(seen), flush=True)
        return True

    def pytest_runtest_logreport(self, report):
        if report.when == "call":
            words = [report.nodeid.partition("::")[2], report.outcome, dict(report.user_properties), report.longrepr or ""]
            sys.stdout.write(" ".join(map(str, words)) + "\\n")  # at once: others write as well
            sys.stdout.flush()

status = pytest.main([sys.argv[1], "-s", "-p", "no:terminal", "-p", "no:cacheprovider"], plugins=[Front()])
print("status", int(status), flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "session.py").write_text(SESSION)
    return tmp_path


def start(folder: Path, tests: str, workers: int = 2) -> subprocess.Popen[str]:
    """Returns a session with these tests, in a process group of its own."""
    (folder / "test_it.py").write_text(f"import os, sys, signal, time\nPARENT = os.getpid()\n{tests}")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, str(folder / "session.py"), str(folder / "test_it.py"), str(workers)]
    return subprocess.Popen(
        command, cwd=Path(__file__).parents[3], env={**environment, "PYTHONPATH": "."}, text=True, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def lines_of(session: subprocess.Popen[str]) -> list[str]:
    return session.communicate(timeout=60)[0].splitlines()


def wait_for(session: subprocess.Popen[str], *texts: str) -> None:
    """Reads until all of these have been printed."""
    seen = ""
    while not all(text in seen for text in texts):
        line = session.stdout.readline()
        assert line, seen
        seen += line


def test_every_test_runs_once_in_a_copy(folder: Path) -> None:
    tests = "".join(
        f"def test_{letter}(record_property, tmp_path):\n    record_property('copy', os.getpid() != PARENT)\n    print('lost')\n"
        for letter in "abcde"
    )
    lines = lines_of(start(folder, tests + "def test_f():\n    assert False\n"))
    results = sorted(line for line in lines if line.startswith("test_"))
    assert results[:5] == [f"test_{letter} passed {{'copy': True}} " for letter in "abcde"]
    assert len(results) == 6 and results[5].startswith("test_f failed")
    assert lines[-2:] == ["told of test_a test_b test_c test_d test_e test_f", "status 1"]


def test_they_begin_in_their_order(folder: Path) -> None:
    tests = "".join(f"def test_{letter}():\n    pass\n" for letter in "cabed")
    lines = lines_of(start(folder, tests, workers=1))
    assert [line.split()[0] for line in lines[:5]] == ["test_c", "test_a", "test_b", "test_e", "test_d"]


@pytest.mark.parametrize(
    ("end", "how"), [("os.kill(os.getpid(), signal.SIGKILL)", "by signal 9"), ("os._exit(3)", "with status 3")]
)
def test_a_copy_that_ends_costs_the_test_that_it_had(folder: Path, end: str, how: str) -> None:
    tests = f"def test_a():\n    {end}\n" + "".join(f"def test_{letter}():\n    pass\n" for letter in "bcd")
    lines = lines_of(start(folder, tests, workers=1))
    assert lines[:4] == [f"test_a failed {{}} ended {how}", *(f"test_{letter} passed {{}} " for letter in "bcd")]
    assert lines[-1] == "status 1"


HANGS = """
def test_a():
    pass
def test_hangs(tmp_path):
    try:
        os.write(2, b"hangs\\n")
        time.sleep(600)
    finally:
        os.write(2, b"ended\\n")
"""


@pytest.mark.parametrize("whom", ["all", "first"])
def test_ctrl_c_ends_the_copies_and_what_was_learnt_stays(folder: Path, whom: str) -> None:
    """From a terminal it reaches all of them, from elsewhere the first process alone."""
    session = start(folder, HANGS)
    wait_for(session, "hangs", "test_a passed")
    (os.killpg if whom == "all" else os.kill)(session.pid, signal.SIGINT)
    lines = lines_of(session)
    assert "ended" in lines and lines[-1] == "status 2" and "Traceback" not in "\n".join(lines)
    assert sum(line.startswith("status") for line in lines) == 1, "a copy went where only the first process should go"


def test_a_copy_that_heeds_no_interruption_is_killed(folder: Path) -> None:
    """Its test would take ten minutes."""
    session = start(
        folder,
        HANGS.replace(
            "time.sleep(600)",
            "signal.signal(signal.SIGINT, signal.SIG_IGN); print('deaf', file=sys.stderr, flush=True); time.sleep(600)",
        ),
    )
    wait_for(session, "deaf")
    session.send_signal(signal.SIGINT)
    assert lines_of(session)[-1] == "status 2"


def test_copies_end_when_the_first_process_is_killed(folder: Path) -> None:
    """Each holds the pipe that is read here, until the last has ended."""
    session = start(folder, "def test_a():\n    os.kill(PARENT, signal.SIGKILL)\n    time.sleep(0.2)\n")
    assert lines_of(session) == [] and session.returncode == -signal.SIGKILL
