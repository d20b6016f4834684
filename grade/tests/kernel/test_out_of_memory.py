"""Memory runs out, at every allocation there is: the call says so or the one process dies, and nothing is lost."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from grade.boot.frame_records import allocations_to_failure, fail_allocation, frame_records
from grade.boot.process_slots import memory_map, process_slots
from grade.boot.user_image import user_image
from grade.diagnosis.diagnose import unexpected_end
from grade.guest.guest import Guest
from grade.inspect.spaces import live_root
from grade.isa import ISAS
from grade.ladder.build import Kernel, build_kernel
from grade.ladder.trees import find_root
from grade.machine.stop import StopKind
from grade.tests.kernel.census import Census, take_census

ROOT = find_root(Path(__file__))
NO_PROGRAM, NO_MEMORY, KILLED = -2, -12, 9  # Linux's ENOENT, ENOMEM and SIGKILL
MOST = 200  # allocations of one operation: far more than any has

ERROR, DEATH, LATER_DEATH = "the call says so", "the process is killed", "the new process is killed"


@dataclass(frozen=True)
class Operation:
    """Something that user/tests/scarce.cc can do, what must become of it, and how many allocations it has at least."""

    name: str
    outcomes: frozenset[str]
    allocations: int


def operation(name: str, allocations: int, *outcomes: str) -> Operation:
    return Operation(name, frozenset(outcomes), allocations)


OPERATIONS = [
    operation("fork", 15, ERROR),  # a stack, a root, a map, tables, and the pages themselves
    operation("spawn", 10, ERROR, LATER_DEATH),  # the new program has faults of its own, which kill it alone
    operation("execve", 8, ERROR, DEATH),  # the same, but the process is that of the old one
    operation("near", 1, DEATH),
    operation("far", 4, DEATH),  # a page, and a table of each level below the root's
    operation("image", 1, DEATH),
    operation("zeros", 1, DEATH),
    operation("code", 1, DEATH),
    operation("stack", 1, DEATH),
    operation("brk", 3, DEATH),
    operation("mmap", 3, DEATH),
    operation("areas", 0),
    operation("write", 2, ERROR),
    operation("pieces", 2, ERROR),
    operation("read", 4, ERROR),
    operation("wait4", 4, ERROR),
    operation("nanosleep", 4, ERROR),
    operation("describe", 4, ERROR),
]


@pytest.fixture(scope="module", params=ISAS)
def kernel(request: pytest.FixtureRequest) -> Kernel:
    return build_kernel(ROOT, request.param)


class Watch:
    """A guest that stops wherever one of its programs comes to one of these functions."""

    def __init__(self, guest: Guest, program: str, *functions: str) -> None:
        self.guest = guest
        image = user_image(guest.image.elf, program)
        self._places = {image.va(name): name for name in functions}

    def run(self) -> tuple[str, int]:
        """Runs to the next of the places; its name, and the argument there."""
        __tracebackhide__ = True
        machine = self.guest.machine
        for place in self._places:
            machine.insert_breakpoint(place)
        stop = self.guest.last_stop = machine.run()
        if stop.kind is not StopKind.BREAKPOINT or stop.pc not in self._places:
            unexpected_end(self.guest, stop, f"one of {', '.join(self._places.values())}")
        argument = self.guest.cpu().first_argument
        return self._places[stop.pc], argument - (1 << 64) if argument >> 63 else argument

    def run_to(self, function: str) -> int:
        """Runs to the next of the places, which must be this one; the argument there."""
        __tracebackhide__ = True
        place, argument = self.run()
        assert place == function, f"{place}({argument}), and not {function}"
        return argument


class Scarce(Watch):
    """A guest in which user/tests/scarce.cc tries one operation again and again."""

    def __init__(self, guest: Guest, wanted: Operation) -> None:
        super().__init__(guest, "scarce", "call_comes", "call_returned", "attempt_is_over")
        self.operation = wanted

    def attempt(self, k: int) -> str | None:
        """Makes one attempt in which allocation number `k` fails; returns what became of it, or None if there are fewer."""
        __tracebackhide__ = True
        guest = self.guest
        self.run_to("call_comes")
        if self.operation.name == "read":
            guest.machine.send("x")
        take_census(guest)
        before = self._areas()
        deaths = len(guest.facts("killed"))
        fail_allocation(guest, k)
        place, result = self.run()
        has_failed = allocations_to_failure(guest) == 0
        fail_allocation(guest, 0)
        take_census(guest)
        if not has_failed:
            assert (place, result) == ("call_returned", 0), f"{self.operation.name}: no allocation number {k}"
            assert self.run_to("attempt_is_over") == 0
            return None
        killed = [fact.values for fact in guest.facts("killed")[deaths:]]
        assert all((f["program"], f["signal"], f["why"]) == ("scarce", "9", "no-memory") for f in killed), killed
        if place == "attempt_is_over":
            assert (result, len(killed)) == (KILLED, 1)
            return DEATH
        assert (place, result) == ("call_returned", NO_MEMORY), f"{self.operation.name}, allocation {k}: {result}"
        if killed:
            assert len(killed) == 1
            self._try_again()
            return LATER_DEATH
        if self.operation.name == "execve":
            assert self._areas() == before, "a failed execve leaves the areas as they were"
        self._try_again()
        return ERROR

    def _try_again(self) -> None:
        """Has the same process do it once more, and nothing fails."""
        __tracebackhide__ = True
        self.run_to("call_comes")
        assert self.run_to("call_returned") == 0
        assert self.run_to("attempt_is_over") == 0

    def _areas(self) -> object:
        """Returns the areas of the process that runs."""
        root = live_root(self.guest)
        return memory_map(self.guest, next(slot for slot in process_slots(self.guest) if slot.root == root))


@pytest.fixture(params=OPERATIONS, ids=lambda wanted: wanted.name)
def scarce(request: pytest.FixtureRequest, kernel: Kernel) -> Iterator[Scarce]:
    wanted = request.param
    with Guest(kernel, f"run scarce {wanted.name}", cpu_budget=60.0, idle_backstop=10.0) as guest:
        yield Scarce(guest, wanted)


def test_every_allocation_fails_once(scarce: Scarce) -> None:
    """For every k: the attempt ends as it must, all frames are back after it, and the last attempt succeeds."""
    assert scarce.run_to("attempt_is_over") == 0
    before = take_census(scarce.guest)
    outcomes: Counter[str] = Counter()
    for k in range(1, MOST):
        outcome = scarce.attempt(k)
        check_same(before, take_census(scarce.guest), f"allocation {k} of {scarce.operation.name}")
        if outcome is None:
            break
        outcomes[outcome] += 1
    assert set(outcomes) == scarce.operation.outcomes
    assert MOST - 1 > outcomes.total() >= scarce.operation.allocations


def check_same(before: Census, after: Census, when: str) -> None:
    """Checks that the same frames and slots are in use, but for the numbers of processes."""
    assert after.frames == before.frames, f"{when}: {len(after.frames)} frames are in use, before {len(before.frames)}"
    assert after.slots == before.slots, f"{when}: {after.slots}, before {before.slots}"


# --- no frame is left -----------------------------------------------------------------------------------------------

# Which zone is full in the end, and how far apart the pages are that a process takes (user/hostile/hoarder.cc).
FULL = {
    "beyond": (4 << 10,),
    "window": (1 << 30, 2 << 20),
}
REQUESTS = ("fork", "spawn", "nanosleep", "wait4", "execve")  # in the order of the program's


@pytest.mark.parametrize("full", FULL)
def test_no_frame_is_left(kernel: Kernel, full: str) -> None:
    """A process takes all frames there are: every request fails, whoever needs one dies, and then all goes on."""
    sizes = " ".join(str(size) for size in FULL[full])
    script = f"frames\nrun hoarder {sizes}\nrun hello\nframes\ncheckpoint end"
    with Guest(kernel, script, ram_mib=64, cpu_budget=60.0, idle_backstop=20.0) as guest:
        hoarder = Watch(guest, "hoarder", "call_comes", "call_returned")
        hoarder.run_to("call_comes")
        assert ask(hoarder) == dict.fromkeys(REQUESTS, 0) | {"execve": NO_PROGRAM}
        assert hoarder.run_to("call_returned") == 0, "memory is not used up"
        assert zones_full(guest) == [full]
        hoarder.run_to("call_comes")
        assert ask(hoarder) == dict.fromkeys(REQUESTS, NO_MEMORY)
        hoarder.run_to("call_comes")
        guest.machine.send("x")
        assert hoarder.run_to("call_returned") == KILLED, "how the process ended that touched one more page"
        take_census(guest)
        hoarder.run_to("call_comes")
        assert ask(hoarder, count=4) == dict.fromkeys(REQUESTS[:4], 0)
        guest.run_to("end")
        assert [f.values["why"] for f in guest.facts("killed")] == ["no-memory"]
        assert [(f.values["status"], f.values["signal"]) for f in guest.facts("exit")] == [("0", "0")] * 2
        first, last = (fact.values for fact in guest.facts("frames"))
        assert first == last


def ask(hoarder: Watch, count: int = len(REQUESTS)) -> dict[str, int]:
    """Returns what becomes of each request; nothing is lost by any."""
    results = {name: hoarder.run_to("call_returned") for name in REQUESTS[:count]}
    take_census(hoarder.guest)
    return results


def zones_full(guest: Guest) -> list[str]:
    """Returns the zones of which no frame is free."""
    return [zone for zone, free in zip(("window", "beyond"), frame_records(guest).free, strict=True) if free == 0]
