"""The driver and the computer it runs on: tools that are missing, and nothing left behind."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from grade.machine.boot_parameters import BootParameters
from grade.machine.machine import Machine, MachineBroken, MachineError, State
from grade.machine.qemu_version import ToolMissing, ToolTooOld, require, sandbox_of

PARAMETERS = BootParameters(nonce=1, ram_bytes=128 << 20)
ROOT = Path(__file__).parents[3]

# Starts the guest named on the command line, says which process QEMU is, and lets the guest run.
STARTER = """
import sys
from pathlib import Path
from grade.machine.boot_parameters import BootParameters
from grade.machine.machine import Machine

machine = Machine(sys.argv[1], Path(sys.argv[2]), BootParameters(1, 1), cpu_budget=60.0).start()
print(machine.pid, flush=True)
machine.run()
"""


def fake_qemu(folder: Path, isa: str, script: str) -> None:
    binary = folder / f"qemu-system-{isa}"
    binary.write_text(f"#!/bin/sh\n{script}\n")
    binary.chmod(0o755)


def open_files() -> set[str]:
    """Returns what this process has open, apart from the list itself."""
    return {os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.exists()}


def test_missing_qemu_is_named_with_its_package(isa, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    package = {"x86_64": "qemu-system-x86", "aarch64": "qemu-system-arm"}[isa]
    with pytest.raises(ToolMissing, match=f"qemu-system-{isa} is not on PATH: 7.2 or newer .* {package}$"):
        Machine(isa, Path("none"), PARAMETERS).start()


def test_old_qemu_is_named_with_its_version(isa, monkeypatch, tmp_path):
    fake_qemu(tmp_path, isa, "echo 'QEMU emulator version 6.2.0 (Debian 1:6.2+dfsg-2)'")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    with pytest.raises(ToolTooOld, match="is version 6.2.0: 7.2 or newer is needed"):
        require(isa)


def test_newer_qemu_is_welcome(isa, monkeypatch, tmp_path):
    fake_qemu(tmp_path, isa, "echo 'QEMU emulator version 10.0.2'")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    assert require(isa) == tmp_path / f"qemu-system-{isa}"


def test_qemu_that_does_not_work_counts_as_missing(isa, monkeypatch, tmp_path):
    fake_qemu(tmp_path, isa, "exit 127")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    with pytest.raises(ToolMissing, match="does not seem to work"):
        require(isa)


def test_unknown_isa_is_refused():
    with pytest.raises(ValueError, match="no machine for the ISA 'vax'; there is one for x86_64, aarch64"):
        Machine("vax", Path("none"), PARAMETERS)


def test_kernel_file_that_is_not_there(isa, tmp_path):
    machine = Machine(isa, tmp_path / "none.elf", PARAMETERS)
    with pytest.raises(MachineBroken, match="none.elf"):
        machine.start()
    with pytest.raises(MachineBroken, match="none.elf"):
        machine.registers()
    machine.close()
    assert machine.state is State.CLOSED


@pytest.mark.parametrize("isa", ["x86_64"])  # aarch64 takes any file for a raw image
def test_kernel_file_that_is_no_kernel(isa, tmp_path):
    kernel = tmp_path / "text.elf"
    kernel.write_text("not a kernel")
    with pytest.raises(MachineBroken, match="QEMU ended with status 1: .*kernel"):
        Machine(isa, kernel, PARAMETERS).start()


def test_el2_is_refused_where_there_is_none():
    with pytest.raises(ValueError, match="no EL2"):
        Machine("x86_64", Path("none"), PARAMETERS, el2=True)


def test_nothing_stays_open(kernels, isa, tmp_path):
    kernel = kernels.build(isa, "hello").path
    before = open_files()
    for _ in range(3):
        with Machine(isa, kernel, PARAMETERS) as machine:
            machine.run()
        with pytest.raises(MachineBroken):
            Machine(isa, tmp_path / "none.elf", PARAMETERS).start()
    assert open_files() == before


def test_qemu_is_in_its_own_sandbox(kernels, isa):
    """If it was built with one, as Debian's is: a filter of system calls, and no new privileges."""
    if not sandbox_of(require(isa), 0):
        pytest.skip("this QEMU has no sandbox")
    with Machine(isa, kernels.build(isa, "hello").path, PARAMETERS) as machine:
        status = Path(f"/proc/{machine.pid}/status").read_text()
    assert "NoNewPrivs:\t1\n" in status and "Seccomp:\t2\n" in status


def test_qemu_without_a_sandbox_is_started_without(isa, tmp_path):
    fake_qemu(tmp_path, isa, 'case $1 in -sandbox) echo "not enabled" >&2; exit 1 ;; esac')
    assert sandbox_of(tmp_path / f"qemu-system-{isa}", 0) == ()


def test_close_after_an_exception_ends_qemu(kernels, isa):
    machine = Machine(isa, kernels.build(isa, "hello").path, PARAMETERS)
    with pytest.raises(MachineError, match="is paused"), machine:
        pid = machine.pid
        machine.pause()
    machine.close()
    assert not Path(f"/proc/{pid}").exists()
    assert machine.serial() == ""


def test_transcript_that_cannot_be_kept_stops_the_start(kernels, isa, tmp_path):
    before = open_files()
    machine = Machine(isa, kernels.build(isa, "hello").path, PARAMETERS, keep=tmp_path / "none" / "serial")
    with pytest.raises(FileNotFoundError):
        machine.start()
    machine.close()
    assert open_files() == before


def test_death_of_the_grader_takes_qemu_along(kernels, isa):
    kernel = kernels.build(isa, "spin").path
    starter = subprocess.Popen([sys.executable, "-c", STARTER, isa, kernel], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    with starter:
        pid = int(starter.stdout.readline())
        qemu = os.pidfd_open(pid)
        assert f"qemu-system-{isa}" in Path(f"/proc/{pid}/cmdline").read_text()
        starter.send_signal(signal.SIGKILL)
    ended, _, _ = select.select([qemu], [], [], 30)
    os.close(qemu)
    assert ended, "QEMU outlived the process that started it"
