"""Has user/vmascript.cc carry out operations on its memory, and compares what came of them with the model."""

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

from grade.boot.guest import Guest
from grade.boot.process_slots import ProcessSlot, memory_map, slot_of
from grade.boot.user_image import user_image
from grade.checks.area_checks import check_areas, present_pages
from grade.checks.area_model import CALL, LOAD, STORE, AreaModel, Operation
from grade.checks.demand_checks import check_promised, run_or_end
from grade.checks.process_checks import walk_in
from grade.checks.user_memory import read_user, write_user
from grade.diagnosis.failure import expect, fail
from grade.machine.facts import Fact

PROGRAM = "vmascript"
MOST_OPERATIONS = 256  # g_operations in user/vmascript.cc
_SIZE = 64  # of struct Operation
_FAULT = "kernel/mm/fault.cc"


class AreaScript:
    """A process that runs user/vmascript.cc, stopped before it looks for operations; and what it must be like."""

    def __init__(self, guest: Guest, pid: int) -> None:
        """Runs the process, which has been started, to where it can be given operations."""
        self.guest = guest
        self.program = user_image(Path(guest.recipe.elf), PROGRAM)
        run_or_end(guest, self.program.va("call_comes"), f"{PROGRAM} comes to its first operation")
        self.slot: ProcessSlot = slot_of(guest, pid)
        self.model = AreaModel.of(memory_map(guest, self.slot))

    @property
    def root(self) -> int:
        """The root of the process."""
        return self.slot.root or 0

    def play(self, operations: Sequence[Operation], what: str = "") -> list[int]:
        """Has all of them carried out, none of which gets the process killed. Their results, after every check."""
        __tracebackhide__ = True
        before = deepcopy(self.model)
        wanted = [self.model.apply(operation) for operation in operations]
        self.hand_over(operations)
        words = what or f"{len(operations)} operations, the last of them {operations[-1]}"
        cpu = run_or_end(self.guest, self.program.va("call_returned"), words)
        if cpu is None:
            self._explain_end(before, operations)
        results = self.results(len(operations))
        for number, (operation, right, seen) in enumerate(zip(operations, wanted, results, strict=True)):
            if right is not None and seen != right:
                self._explain_result(operations[: number + 1], right, seen)
        self.check(f"after {operations[-1]}")
        run_or_end(self.guest, self.program.va("call_comes"), f"{PROGRAM} comes to its next operations")
        return results

    def play_to_death(self, operations: Sequence[Operation], checkpoint: str) -> Fact:
        """The same, but the last of them gets the process killed. What @killed says, at this checkpoint."""
        __tracebackhide__ = True
        *harmless, last = operations
        for operation in harmless:
            self.model.apply(operation)
        why = self.model.refusal(last)
        if why is None:
            raise ValueError(f"{last} is permitted")
        self.hand_over(operations)
        cpu = run_or_end(self.guest, self.program.va("call_returned"), f"the end of the process by {last}")
        walk = walk_in(self.guest, self.root, last.arguments[0])
        if cpu is not None:
            stale = walk.mapping is None or not walk.mapping.user or (last.kind == STORE and not walk.mapping.user_write)
            cause = "stale-tlb" if stale else "process-survived"
            fail(cause, f"{last} gets the process killed: {why}", "it goes on", walk, _FAULT)
        self.check(f"when {last} has been refused")
        self.guest.run_to(checkpoint)
        killed = self.guest.fact("killed")
        seen = (killed.values["pid"], killed.values["why"])
        wanted = f"{last} gets process {self.slot.pid} killed with why={why}"
        expect(seen == (f"{self.slot.pid}", why), "fault-misreported", wanted, killed.line, walk)
        return killed

    def hand_over(self, operations: Sequence[Operation]) -> None:
        """Writes them into the program's memory."""
        __tracebackhide__ = True
        if not 0 < len(operations) <= MOST_OPERATIONS:
            raise ValueError(f"{len(operations)} operations; there is room for 1 to {MOST_OPERATIONS}")
        data = b"".join(operation.encoded() for operation in operations)
        write_user(self.guest, self.root, self.program.va("g_operations"), data)
        write_user(self.guest, self.root, self.program.va("g_count"), len(operations).to_bytes(8, "little"))

    def results(self, count: int) -> list[int]:
        """What the first of them came to."""
        __tracebackhide__ = True
        data = read_user(self.guest, self.root, self.program.va("g_operations"), count * _SIZE)
        return [int.from_bytes(data[at - 8 : at], "little", signed=True) for at in range(_SIZE, len(data) + 1, _SIZE)]

    def check(self, when: str) -> None:
        """The list is the model's, the pages follow it, and those are there that were touched."""
        __tracebackhide__ = True
        check_promised(self.guest, self.slot, self.model.areas, when)
        memory = check_areas(self.guest, self.slot)
        seen = (memory.heap_start, memory.heap_end)
        wanted = (self.model.heap_start, self.model.heap_end)
        words = f"{when}, the heap is {wanted[0]:#x}-{wanted[1]:#x}"
        expect(seen == wanted, "memory-call-wrong", words, f"{seen[0]:#x}-{seen[1]:#x}")
        for area in memory.areas:
            self._check_presence(area, when)

    def _check_presence(self, area, when: str) -> None:
        """The program itself touches its own pages and its stack; nobody but the script touches the others."""
        __tracebackhide__ = True
        present = present_pages(self.guest, self.slot, area)
        touched = {page for page in self.model.touched if page in area}
        missing, extra = touched - present.keys(), present.keys() - touched
        va = min(missing, default=0)
        wanted = f"{when}, the page {va:#x}, which was touched, is there"
        expect(not missing, "page-not-brought", wanted, "it is not", walk_in(self.guest, self.root, va))
        if area.kind in ("anonymous", "heap") and extra:
            va = min(extra)
            wanted = f"{when}, the page {va:#x} of {area}, which nobody touched, is not there"
            fail("page-brought-early", wanted, "it is", walk_in(self.guest, self.root, va), _FAULT)

    def _explain_result(self, operations: Sequence[Operation], right: int, seen: int) -> None:
        """The last of the operations gave another result than the right one."""
        __tracebackhide__ = True
        last = operations[-1]
        context = "; before it: " + ", ".join(map(str, operations[-4:-1])) if len(operations) > 1 else ""
        cause = "memory-call-wrong"
        walk = None
        if last.kind in (LOAD, STORE, CALL):
            cause = "wrong-user-bytes" if right else "user-page-not-cleared"
            walk = walk_in(self.guest, self.root, last.arguments[0])
        fail(cause, f"{last} returns {right:#x}{context}", f"{seen:#x}", walk)

    def _explain_end(self, model: AreaModel, operations: Sequence[Operation]) -> None:
        """The process has been killed, or ends, and is still there."""
        __tracebackhide__ = True
        done = int.from_bytes(read_user(self.guest, self.root, self.program.va("g_done"), 8), "little")
        for operation in operations[:done]:
            model.apply(operation)
        last = operations[min(done, len(operations) - 1)]
        check_promised(self.guest, self.slot, model.areas, f"when {last} killed the process")
        check_areas(self.guest, self.slot)
        killed = self.guest.fact("killed")
        walk = walk_in(self.guest, self.root, last.arguments[0])
        fail("page-not-brought", f"{last} is permitted", killed.line, walk)
