"""QEMU in a sandbox: it sees nothing of this machine, its time is counted, and it ends when it is told to."""

import os
import signal
from pathlib import Path

import pytest

from grade.guest.guest import Guest
from grade.ladder.build import build_kernel
from grade.ladder.trees import find_root
from grade.machine.machine import MachineBroken
from grade.machine.qemu_version import require
from grade.machine.stop import StopKind
from grade.submission.sandbox import around_qemu
from grade.tests.submission.submission_trees import SEALED

ROOT = find_root(Path(__file__))
pytestmark = pytest.mark.skipif(not SEALED, reason="this machine makes no sandbox")


@pytest.fixture(params=["x86_64", "aarch64"])
def guest(request: pytest.FixtureRequest) -> Guest:
    kernel = build_kernel(ROOT, request.param)
    guest = Guest(kernel, "checkpoint ready")
    guest.machine.sandbox = around_qemu(kernel.elf, require(request.param))
    return guest


def test_it_runs_and_sees_nothing(guest: Guest) -> None:
    with guest:
        qemu = Path(f"/proc/{guest.machine.pid}")
        assert (qemu / "comm").read_text().startswith("qemu-system-"), "its pid is known"
        for space in ("net", "pid", "mnt", "ipc"):
            assert os.readlink(qemu / "ns" / space) != os.readlink(f"/proc/self/ns/{space}")
        for path in (ROOT / "pagewalk", Path("/etc/passwd"), Path.home()):
            assert not (qemu / f"root{path}").exists(), path
        assert (qemu / f"root{guest.image.elf}").is_file()
        assert (qemu / "status").read_text().count("0000000000000000\n") >= 4, "a capability is left"
        guest.run_to("ready")
        assert guest.machine.cpu_time() > 0.01, "QEMU's, not the sandbox's"
        assert guest.machine.run().kind is not StopKind.EXITED
    assert not qemu.exists() and "boot" in {fact.name for fact in guest.machine.facts()}


def test_it_ends_with_a_kill_of_either(guest: Guest) -> None:
    with guest:
        os.kill(guest.machine.pid, signal.SIGKILL)
        stop = guest.machine.run()
        assert stop.kind is StopKind.EXITED, stop


def test_it_is_gone_at_once(guest: Guest) -> None:
    """RAM is read after that, and nothing may be writing to it."""
    with guest:
        guest.run_to("ready")
        guest.machine._process.kill()
        assert not Path(f"/proc/{guest.machine.pid}").exists()


def test_a_sandbox_that_cannot_be_made_says_why(guest: Guest) -> None:
    guest.machine.sandbox = (*guest.machine.sandbox, "--ro-bind", "/no/such/file", "/x")
    with pytest.raises((OSError, MachineBroken), match="bwrap: .*no/such/file"):
        guest.machine.start()
