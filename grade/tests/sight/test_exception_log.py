"""QEMU's log of exceptions is read as QEMU 7.2 wrote it, and no guest can fill a disk with it."""

import os
from pathlib import Path

import pytest

from grade.isa import isa_called
from grade.isa.aarch64.exceptions import ArmExceptions
from grade.isa.exceptions import Kind, Taken
from grade.isa.x86_64.exceptions import X86Exceptions
from grade.machine.exception_log import ExceptionLog
from grade.walker import Access

X86_FAULT = """\
check_exception old: 0xffffffff new 0xe
     0: v=0e e=0010 i=0 cpl=0 IP=0008:000000000020023e pc=000000000020023e SP=0010:0000000000217fd0 CR2=000000000020023e
RAX=000000000025f000 RBX=0000000000217fd8 RCX=00000000c0000080 RDX=0000000000000000
CR0=80010011 CR2=000000000020023e CR3=000000000025f000 CR4=000000a0
EFER=0000000000000d00
"""
X86_REST = """\
check_exception old: 0xe new 0xe
     1: v=08 e=0000 i=0 cpl=0 IP=0008:0000000000200c20 pc=0000000000200c20 SP=0010:0000000000217fa0 env->regs[R_EAX]=000000000025f000
CR0=80010011 CR2=0000000000200c20 CR3=000000000025f000 CR4=000000a0
Servicing hardware INT=0x20
     2: v=20 e=0000 i=0 cpl=3 IP=001b:0000000000401234 pc=0000000000401234 SP=0023:000000003fffff00 env->regs[R_EAX]=0
CR0=80010011 CR2=0000000000200c20 CR3=000000000025f018 CR4=000000a0
     3: v=80 e=0000 i=1 cpl=3 IP=001b:0000000000401236 pc=0000000000401236 SP=0023:000000003fffff00 env->regs[R_EAX]=0
CR0=80010011 CR2=0000000000200c20 CR3=000000000025f018 CR4=000000a0
check_exception old: 0x8 new 0xe
Triple fault
CPU Reset (CPU 0)
CR0=80010011 CR2=0000000000200c20 CR3=000000000025f000 CR4=000000a0
"""
ARM = """\
CPU Reset (CPU 0)
Taking exception 4 [Data Abort] on CPU 0
...from EL0 to EL1
...with ESR 0x24/0x92000046
...with FAR 0x43d000
...with ELR 0x400360
...to EL1 PC 0xffff000040201400 PSTATE 0x3c5
Exception return from AArch64 EL1 to AArch64 EL0 PC 0x400360
Taking exception 5 [IRQ] on CPU 0
...from EL0 to EL1
...with ESR 0x24/0x92000046
...with ELR 0x400364
...to EL1 PC 0xffff000040201480 PSTATE 0x3c5
Taking exception 2 [SVC] on CPU 0
...from EL0 to EL1
...with ESR 0x15/0x56000000
...with ELR 0x400368
...to EL1 PC 0xffff000040201400 PSTATE 0x3c5
Taking exception 7 [Breakpoint] on CPU 0
...from EL1 to EL1
...with ESR 0x3c/0xf2000000
...with ELR 0xffff00004020c010
...to EL1 PC 0xffff000040201200 PSTATE 0x3c5
Taking exception 13 [Secure Monitor Call] on CPU 0
...handled as PSCI call
"""


def read(log: X86Exceptions | ArmExceptions, text: str) -> list[Taken]:
    return [taken for line in text.splitlines() if (taken := log.take(line)) is not None]


def test_x86_64() -> None:
    fault, double, timer, call, reset = read(X86Exceptions(), X86_FAULT + X86_REST)
    words = "page fault, error code 0x10: not present, read, kernel, instruction fetch"
    assert fault == Taken(Kind.PAGE_FAULT, words, 0x20023E, False, 0x20023E, Access.EXECUTE, 0x25F000)
    assert double.kind is Kind.OTHER and double.what.startswith("exception 8, double fault") and double.address is None
    assert (timer.kind, timer.user, timer.root) == (Kind.INTERRUPT, True, 0x25F000)
    assert (call.kind, call.user, call.pc) == (Kind.SYSTEM_CALL, True, 0x401236)
    assert reset.kind is Kind.RESET


def test_aarch64() -> None:
    fault, timer, call, trap = read(ArmExceptions(), ARM)
    assert (fault.kind, fault.user, fault.address, fault.access) == (Kind.PAGE_FAULT, True, 0x43D000, Access.WRITE)
    assert (fault.pc, fault.handler) == (0x400360, 0xFFFF_0000_4020_1400)
    assert fault.what == "a data abort from user mode, write: fault status 0b000110: translation fault, Arm level 2"
    assert (timer.kind, timer.pc) == (Kind.INTERRUPT, 0x400364)
    assert (call.kind, trap.kind, trap.user) == (Kind.SYSTEM_CALL, Kind.BREAKPOINT, False)


def test_an_endless_log_stops_the_guest_once_and_is_not_kept() -> None:
    stops: list[str] = []
    log = ExceptionLog(isa_called("x86_64"))
    log.follow(lambda: stops.append("stop"))
    for _ in range(20_000):  # far more than the pipe holds: whoever writes must not wait for ever
        os.write(log.input, X86_FAULT.encode())
    log.finish()
    assert stops == ["stop"] and log.is_cut_short
    assert len(log.taken) == 1 and 1000 < log.taken[0].times < 2000
    os.write(log.input, X86_FAULT.encode() * 200)  # nor if it goes on then
    log.close()


def test_what_was_caused_before_the_stop_is_there() -> None:
    log = ExceptionLog(isa_called("aarch64"))
    log.follow(lambda: None)
    for byte in ARM.encode():  # in the smallest parts
        os.write(log.input, bytes([byte]))
    log.finish()
    assert [repeated.times for repeated in log.taken] == [1, 1, 1, 1] and not log.is_cut_short
    log.close()


@pytest.mark.parametrize("isa", ["x86_64", "aarch64"])
def test_a_machine_that_never_started_leaves_nothing(isa: str) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    ExceptionLog(isa_called(isa)).close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
