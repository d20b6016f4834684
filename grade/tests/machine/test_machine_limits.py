"""A guest that never ends is stopped, for the right reason, however busy the computer is."""

import os
import time
from collections.abc import Iterator

import pytest

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


def test_idle_guest_ends_at_the_idle_backstop(start):
    machine, _ = start("idle", idle_backstop=0.5)
    stop = machine.run()
    assert (stop.kind, "slept" in stop.detail) == (StopKind.HANG, True)
    assert machine.cpu_time() < 0.5
    assert machine.registers()[machine.isa.registers.pc] == stop.pc


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
