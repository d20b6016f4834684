"""A guest that never ends is stopped, for the right reason, however busy the computer is."""

import os
import time
from collections.abc import Iterator

import pytest

from grade.machine import run_watcher
from grade.machine.circle import circle_of
from grade.machine.debugged import DebuggedMachine
from grade.machine.machine import MachineBroken
from grade.machine.stop import StopKind


@pytest.fixture
def one_cpu() -> Iterator[None]:
    """Confines this process, and what it starts, to one CPU."""
    all_cpus = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(all_cpus)})
    yield
    os.sched_setaffinity(0, all_cpus)


def test_spinning_guest_ends_at_the_cpu_budget(start):
    machine, _ = start("spin", cpu_budget=0.5)
    stop = machine.run()
    assert (stop.kind, "CPU time" in stop.detail) == (StopKind.HANG, True)
    assert 0.5 <= machine.cpu_time() < 1.0
    assert machine.registers()[machine.isa.registers.pc] == stop.pc


def test_spinning_guest_gets_its_whole_budget_on_busy_cpus(start, load):
    load(2 * os.cpu_count())
    machine, _ = start("spin", cpu_budget=0.5)
    started = time.monotonic()
    stop = machine.run()
    elapsed = time.monotonic() - started
    assert (stop.kind, "CPU time" in stop.detail) == (StopKind.HANG, True)
    assert 0.5 <= machine.cpu_time() < 1.0
    assert elapsed > 0.6, "the load did not slow the guest down, so this proved nothing"


def test_a_guest_that_goes_round_in_a_circle_ends_long_before(start):
    machine, kernel = start("spin", cpu_budget=60)
    stop = machine.run()
    assert (stop.kind, stop.pc) == (StopKind.HANG, kernel.symbols["spin"])
    assert stop.detail == "the CPU executes the same instruction for ever: interrupts are off, and no register changes"
    assert machine.cpu_time() < 5
    machine.use_up_budget()
    assert machine.run().kind is StopKind.HANG, "it can be run on"


def test_who_goes_back_to_a_circle_waits_no_longer(start):
    """`./pagewalk gdb` of a milestone says the same of it as `grade` did."""
    machine, _ = start("spin", cpu_budget=60, kind=DebuggedMachine)
    assert "the same instruction for ever" in machine.run().detail


def test_a_circle_that_an_interrupt_may_end_has_its_whole_budget(start):
    machine, _ = start("spin_open", cpu_budget=1.2)
    assert "CPU time" in machine.run().detail and machine.cpu_time() >= 1.2


def test_a_guest_that_counts_in_memory_goes_in_no_circle(start, monkeypatch):
    looks = []
    monkeypatch.setattr(run_watcher, "_BETWEEN_LOOKS", 0.2)
    monkeypatch.setattr(run_watcher, "circle_of", lambda *state: looks.append(circle_of(*state)))
    machine, _ = start("count_in_memory", cpu_budget=60)
    assert machine.run().kind is StopKind.POWERED_OFF
    assert len(looks) > 1, "it was not looked at twice, so this proved nothing"
    assert set(looks) == {None}


def test_a_guest_that_powers_off_at_the_moment_of_a_stop_is_not_asleep(start):
    """QEMU reports one stop: who looked at the guest just then is told of that look alone, and the guest never goes on."""
    machine, kernel = start("power_off")
    machine.insert_breakpoint(kernel.symbols["power_off"])
    assert machine.run().kind is StopKind.BREAKPOINT
    machine.remove_breakpoint(kernel.symbols["power_off"])
    stop = machine.step()
    while stop.kind is StopKind.STEP and stop.pc is not None and stop.pc < kernel.symbols["idle"]:
        stop = machine.step()  # also over the instruction that powers off
    ended = stop if stop.kind.is_final else machine.run()
    assert ended.kind is StopKind.POWERED_OFF


def test_a_breakpoint_in_a_circle_is_met(start):
    machine, kernel = start("spin", cpu_budget=60)
    machine.insert_breakpoint(kernel.symbols["spin"])
    assert [machine.run().kind for _ in range(3)] == [StopKind.BREAKPOINT] * 3


def test_idle_guest_ends_at_the_idle_backstop(start):
    machine, _ = start("idle", idle_backstop=0.5)
    stop = machine.run()
    assert (stop.kind, "slept" in stop.detail) == (StopKind.HANG, True)
    assert machine.cpu_time() < 0.5
    assert machine.registers()[machine.isa.registers.pc] == stop.pc


def test_a_guest_that_nothing_can_wake_ends_long_before(start):
    machine, _ = start("idle", idle_backstop=60)
    stop = machine.run()
    assert (stop.kind, stop.asleep) == (StopKind.HANG, True)
    assert stop.detail == "the CPU waits with interrupts off, and nothing wakes it"


def test_a_guest_that_an_interrupt_may_wake_sleeps_on(start):
    """However often it is looked at meanwhile, its time runs on."""
    machine, _ = start("idle_open", idle_backstop=2.5)
    assert machine.run().detail == "the guest slept for 2.5 s and printed nothing"


def test_idle_guest_is_found_on_busy_cpus(start, load):
    load(2 * os.cpu_count())
    machine, _ = start("idle", idle_backstop=0.5)
    assert "slept" in machine.run().detail


def test_starved_guest_is_not_taken_for_idle(start, one_cpu, load):
    load(10)
    machine, _ = start("work", idle_backstop=0.1)
    started = time.monotonic()
    stop = machine.run()
    elapsed = time.monotonic() - started
    assert stop.kind is StopKind.POWERED_OFF
    assert elapsed > 3 * machine.cpu_time(), "the guest was not starved, so this proved nothing"


def test_wall_clock_is_the_last_backstop(start):
    machine, _ = start("spin", wall_backstop=0.2)
    stop = machine.run()
    assert (stop.kind, "within 0.2 s" in stop.detail) == (StopKind.HANG, True)


def test_a_qemu_that_has_paused_by_itself_is_a_stop(start, monkeypatch):
    """One that tells gdb nothing of it: whatever made it pause was in the guest."""
    machine, _ = start("spin", cpu_budget=0.2)
    poll, qmp = machine._gdb.poll_stop, machine._qmp
    monkeypatch.setattr(run_watcher, "ANSWER_TIMEOUT", 0.5)
    monkeypatch.setattr(machine._gdb, "poll_stop", lambda: poll() and None)
    monkeypatch.setattr(machine._gdb, "interrupt", lambda: qmp.execute("stop"))
    stop = machine.run()
    assert (stop.kind, stop.detail) == (StopKind.PAUSED, "QEMU has paused the guest by itself: paused")
    assert machine.registers()


def test_a_qemu_that_does_not_stop_is_broken(start, monkeypatch):
    machine, _ = start("spin", cpu_budget=0.2)
    monkeypatch.setattr(run_watcher, "ANSWER_TIMEOUT", 0.5)
    monkeypatch.setattr(machine._gdb, "interrupt", lambda: None)
    with pytest.raises(MachineBroken, match="did not stop the guest"):
        machine.run()


def test_qemu_gets_so_much_memory_and_no_more(start):
    machine, _ = start("spin", cpu_budget=0.2)
    assert machine.human_monitor_command("object_add memory-backend-ram,id=small,size=256M").strip() == ""
    assert "annot allocate memory" in machine.human_monitor_command("object_add memory-backend-ram,id=large,size=2G")
    assert machine.run().kind is StopKind.HANG
    assert machine.registers()
