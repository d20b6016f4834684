"""A process that was killed has gone when a test notices: GDB and the picture go back to where it still has everything."""

from collections.abc import Callable
from pathlib import Path

import pytest

from grade.boot.frame_records import fill_of_freed
from grade.diagnosis.process_ends import kill_behind, killed_process
from grade.diagnosis.programs import meant_to_die
from grade.failed import failed_run
from grade.failed.failed_run import FailedRun
from grade.failed.gdb_session import run_last_failure_under_gdb
from grade.failed.kill_point import at_kill
from grade.guest.guest import Guest
from grade.kept_failure import keep_failure
from grade.ladder.trees import Tree, find_root
from grade.machine.facts import Fact
from grade.results.failure import Failure, Kill
from grade.results.verdict import Verdict
from grade.run_plan import Target
from grade.walker import Step, Walk

ROOT = find_root(Path(__file__))
SCRIPT = ("run hello", "run intruder read 0", "run hello", "run intruder read 0", "run hello", "checkpoint ready")
KILLED = (3, 5)  # their numbers
NONSENSE = Fact("process", {"pid": "many", "root": "0x1234000"}, "@process pid=many")

Boot = Callable[..., Guest]
Fail = Callable[[int], FailedRun]


@pytest.fixture
def fail(boot: Boot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fail:
    """Has milestone 3.1 fail, for a process was killed; or so it says."""
    monkeypatch.setenv(failed_run.ELSEWHERE, str(tmp_path / "failed"))
    monkeypatch.chdir(tmp_path)
    guest = boot(*SCRIPT)
    guest.run_to("ready")

    def keep(pid: int) -> FailedRun:
        kill = Kill(pid, "intruder", 11, 0x401234, 0, "@fault address=0x0 access=read")
        failure = Failure("process-killed", "it lives", str(kill), kill=kill)
        keep_failure(Verdict(), Target(6, guest.isa.name, ROOT, frozenset()), "3.1", failure, guest, None)
        return failed_run.load(6, "3.1", guest.isa.name)

    return keep


@pytest.mark.parametrize("pid", KILLED)
def test_picture_and_gdb_show_the_process_as_it_was(pid: int, fail: Fail, capfd: pytest.CaptureFixture[str]) -> None:
    who = f"process {pid} (intruder)"
    failed = fail(pid)
    page = (failed.folder / "view.html").read_text(encoding="utf-8")
    assert "end_current" in page and who in page and "what it was killed for" in page
    assert run_last_failure_under_gdb(Tree(ROOT)) == 0
    printed = capfd.readouterr().out
    assert f"{who} is killed, and has all that it had; `bt` says why" in printed
    assert "end_current (status=" in printed.split("is killed, and")[1]


def test_a_kill_that_does_not_come_again_is_shown_as_it_was_noticed(fail: Fail, capfd: pytest.CaptureFixture[str]) -> None:
    failed = fail(4)  # it lives on, and exits
    with at_kill(failed) as guest:
        assert guest is None
    page = (failed.folder / "view.html").read_text(encoding="utf-8")
    assert "checkpoint_reached" in page and "end_current" not in page
    assert run_last_failure_under_gdb(Tree(ROOT)) == 0
    assert ": at checkpoint_reached.\n" in capfd.readouterr().out


def test_a_failure_knows_which_of_the_kills_it_is_about(boot: Boot, monkeypatch: pytest.MonkeyPatch) -> None:
    guest = boot(*SCRIPT)
    guest.run_to("ready")
    assert killed_process(guest, "all live") is None
    monkeypatch.delitem(meant_to_die(), "intruder")
    failure = killed_process(guest, "all live")
    assert failure is not None and "(intruder)" in failure.seen and failure.kill.pid == KILLED[0]
    assert [killed_process(guest, "all live", pid).kill.pid for pid in KILLED] == list(KILLED)
    assert killed_process(guest, "all live", 4) is None


def freed_at(guest: Guest, root: int) -> Failure:
    """Returns a walk from a root that was given back, and is filled with what says so."""
    filled = int.from_bytes(bytes([fill_of_freed(guest)] * 8))
    table = Step(3, root, 0, root, filled, "reserved", ())
    return Failure("user-page-not-mapped", "a page", "none", Walk(0x400000, root, (table,), None, "reserved-bit"))


def test_a_kill_is_behind_a_freed_root_unless_that_is_of_a_process_that_lives(
    boot: Boot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frames are used again: a root that one process has given back may be the next one's."""
    guest = boot("run intruder read 0", "start hello", "checkpoint ready")
    guest.run_to("ready")
    monkeypatch.delitem(meant_to_die(), "intruder")
    dead, alive = (int(fact.values["root"], 0) for fact in guest.facts("process"))
    freed = freed_at(guest, 0x1234000)
    assert kill_behind(guest, freed).kill.pid == 2
    assert kill_behind(guest, Failure("user-page-not-mapped", "a page", "none")) is None
    assert kill_behind(guest, freed_at(guest, alive)) is None
    assert dead == alive or kill_behind(guest, freed_at(guest, dead)).kill.pid == 2
    monkeypatch.setattr(guest.machine, "facts", lambda: [NONSENSE])
    assert kill_behind(guest, freed) is None
