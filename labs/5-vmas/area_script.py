"""Makes user/tests/vmascript.cc carry out operations on its memory, and compares the outcome with the model."""

from collections.abc import Iterable, Sequence
from copy import deepcopy

from area_model import CALL, DEEDS, LOAD, NOT_PERMITTED, STORE, SWEEP, AreaModel, Operation
from area_steps import Places
from demand_checks import check_promised, run_or_end, running_slot

from grade.boot.frame_records import frame_records
from grade.boot.layout import PAGE
from grade.boot.process_slots import Area, memory_map
from grade.boot.user_image import loaded_pages, user_image
from grade.checks.area_checks import check_areas, permissions, present_pages
from grade.checks.process_checks import walk_in
from grade.checks.user_memory import read_user, write_user
from grade.guest.guest import Guest
from grade.machine.facts import Fact
from grade.results.failure import expect, fail

PROGRAM = "vmascript"
_SOURCE = "user/tests/vmascript.cc"
_FAULT = "kernel/space/fault.cc"
_WORD = (1 << 64) - 1


class AreaScript:
    """A process that runs user/tests/vmascript.cc, stopped before it looks for operations; and the model that it must follow."""

    def __init__(self, guest: Guest) -> None:
        """Runs the next process that starts to where it can be given operations."""
        __tracebackhide__ = True
        self._meet(guest)
        what = f"{PROGRAM} comes to its first operation"
        while run_or_end(guest, self.program.va("call_comes"), what) is None:
            if running_slot(guest).program == PROGRAM:
                self._check_alive(what)
        self.slot = running_slot(guest)
        self.model = AreaModel.of(memory_map(guest, self.slot), guest.image)

    def _meet(self, guest: Guest) -> None:
        """Reads what the build says of the kernel and of the program."""
        self.guest, self.places = guest, Places(guest.layout.user, guest.isa)
        self.program = user_image(guest.image.elf, PROGRAM)
        self._pages = loaded_pages(self.program)
        defined = self.program.defined(_SOURCE)
        self._deeds, self._operation = defined.enumerations["Deed"], defined.record("Operation")
        self.most_operations = self.program.size("g_operations") // self._operation.size

    @property
    def root(self) -> int:
        """The root of the process."""
        return self.slot.root or 0

    # --- operations ---

    def play(self, operations: Sequence[Operation], what: str = "") -> list[int]:
        """Has operations carried out, none of which gets the process killed; returns their results, after every check."""
        __tracebackhide__ = True
        before = deepcopy(self.model)
        wanted = [self._apply(operation) for operation in operations]
        self.hand_over(operations)
        if not self.run(what or f"{len(operations)} operations, the last of them {operations[-1]}"):
            self._explain_end(before, operations)
        results = self.results(len(operations))
        for number, (operation, right, seen) in enumerate(zip(operations, wanted, results, strict=True)):
            if right is not None and seen != right:
                self._explain_result(operations[: number + 1], right, seen)
        self.check(what or f"after {operations[-1]}")
        self._go_on()
        return results

    def system_call(self, operation: Operation, touches: Iterable[tuple[int, int]], what: str) -> int:
        """Has a system call made of which the model knows only which bytes it touches; returns its result."""
        __tracebackhide__ = True
        for start, size in touches:
            self.model.bring(start, size)
        self.hand_over([operation])
        if not self.run(what):
            self._check_alive(what)
        (result,) = self.results(1)
        return result

    def play_to_death(self, operations: Sequence[Operation], checkpoint: str) -> Fact:
        """Has operations carried out, the last of which gets the process killed; returns what @killed says, at a checkpoint."""
        __tracebackhide__ = True
        *harmless, last = operations
        model = deepcopy(self.model)
        for operation in harmless:
            self._apply(operation)
        why = self.model.refusal(last)
        if why is None:
            raise ValueError(f"{last} is permitted")
        before = frame_records(self.guest).in_use
        self.hand_over(operations)
        survived = self.run(f"the end of the process by {last}")
        walk = walk_in(self.guest, self.root, last.arguments[0])
        if survived:
            self._explain_survival(last, f"{last} gets the process killed: {why}")
        if self._done() != len(harmless):
            self._explain_end(model, harmless)
        taken = frame_records(self.guest).in_use - before
        wanted = f"{last}, which is refused, takes no frame"
        cause = "protection-not-asked" if why == NOT_PERMITTED else "frames-leaked"
        expect(bool(harmless) or not taken, cause, wanted, f"it took {len(taken)}", walk, _FAULT)
        self.check(f"when {last} has been refused")
        self.guest.run_to(checkpoint)
        killed = self.guest.fact("killed")
        seen = (killed.values["pid"], killed.values["why"])
        wanted = f"{last} gets process {self.slot.pid} killed with why={why}"
        cause = "protection-not-asked" if seen[1] == "already-mapped" else "fault-misreported"
        expect(seen == (f"{self.slot.pid}", why), cause, wanted, killed.line, walk)
        self.guest.meant_deaths.add(self.slot.pid)
        return killed

    def finish(self, checkpoint: str) -> None:
        """Lets the program end: it has nothing more to do, and exits with 0."""
        __tracebackhide__ = True
        self.guest.run_to(checkpoint)
        ended = self.guest.fact("exit")
        seen = tuple(ended.values[key] for key in ("pid", "status", "signal"))
        right = seen == (f"{self.slot.pid}", "0", "0")
        expect(right, "process-killed", f"process {self.slot.pid} exits with 0", ended.line)

    # --- the parts of that ---

    def hand_over(self, operations: Sequence[Operation]) -> None:
        """Writes operations into the program's memory."""
        __tracebackhide__ = True
        if not 0 < len(operations) <= self.most_operations:
            raise ValueError(f"{len(operations)} operations; there is room for 1 to {self.most_operations}")
        data = b"".join(operation.encoded(self._number_of(operation.kind)) for operation in operations)
        write_user(self.guest, self.root, self.program.va("g_operations"), data)
        write_user(self.guest, self.root, self.program.va("g_count"), len(operations).to_bytes(8, "little"))

    def run(self, what: str) -> bool:
        """Runs until they are carried out; returns False if the process ends before that, and is then still complete."""
        __tracebackhide__ = True
        return run_or_end(self.guest, self.program.va("call_returned"), what, self.root) is not None

    def results(self, count: int) -> list[int]:
        """Returns the results of the first operations."""
        __tracebackhide__ = True
        size, result = self._operation.size, self._operation["result"]
        data = read_user(self.guest, self.root, self.program.va("g_operations"), count * size)
        return [result.read_signed(data, at) for at in range(0, len(data), size)]

    def _number_of(self, kind: str) -> int:
        return self._deeds[f"k{kind.capitalize()}"] if kind in DEEDS else self.guest.image.system_call(kind)

    def check(self, when: str) -> None:
        """Checks that the list is the model's, that the pages follow it, and that the touched pages are present and right."""
        __tracebackhide__ = True
        check_promised(self.guest, self.slot, self.model.areas, when)
        memory = check_areas(self.guest, self.slot, left_pages=_FAULT)
        seen = (memory.heap_start, memory.heap_end)
        wanted = (self.model.heap_start, self.model.heap_end)
        words = f"{when}, the heap is {wanted[0]:#x}-{wanted[1]:#x}"
        expect(seen == wanted, "memory-call-wrong", words, f"{seen[0]:#x}-{seen[1]:#x}")
        for area in memory.areas:
            self._check_presence(area, when)
        for page in sorted(self.model.touched):
            self._check_contents(page, when)

    def _apply(self, operation: Operation) -> int | None:
        if (why := self.model.refusal(operation)) is not None:
            raise ValueError(f"{operation} gets the process killed: {why}")
        return self.model.apply(operation)

    def go_on(self) -> None:
        """Runs from after a system call to where the program can be given operations again."""
        __tracebackhide__ = True
        self._go_on()

    def _go_on(self) -> None:
        __tracebackhide__ = True
        run_or_end(self.guest, self.program.va("call_comes"), f"{PROGRAM} comes to its next operations", self.root)

    def _done(self) -> int:
        __tracebackhide__ = True
        return int.from_bytes(read_user(self.guest, self.root, self.program.va("g_done"), 8), "little")

    def _check_presence(self, area: Area, when: str) -> None:
        """Checks which pages are present: only the script touches them, except the program's own pages and its stack."""
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

    def _check_contents(self, page: int, when: str) -> None:
        """Checks a page's contents: what was stored and zeros, or the file's bytes if the page cannot be written."""
        __tracebackhide__ = True
        area = self.model.area_of(page)
        if area is None or area.kind == "thread" or (area.kind == "image" and "w" in area.protection):
            return
        if page == self.guest.layout.user.stack_top - PAGE:  # the program's own stack is there
            return
        wanted = bytearray(self._pages[page] if area.kind == "image" else bytes(PAGE))
        for va in range(page, page + PAGE, 8):
            if (word := self.model.words.get(va)) is not None:
                wanted[va - page : va - page + 8] = word.to_bytes(8, "little")
        walk = walk_in(self.guest, self.root, page)
        seen = self.guest.read_physical(walk.page.pa, PAGE)
        at = next((at for at in range(0, PAGE, 8) if seen[at : at + 8] != wanted[at : at + 8]), None)
        if at is None:
            return
        right = bytes(wanted[at : at + 8])
        cause = "wrong-user-bytes" if any(right) else "user-page-not-cleared"
        fail(cause, f"{when}, {page + at:#x} of {area} holds {right.hex()}", seen[at : at + 8].hex(), walk, _FAULT)

    # --- why ---

    def _explain_result(self, operations: Sequence[Operation], right: int, seen: int) -> None:
        """Explains why the last of the operations gave another result than the right one."""
        __tracebackhide__ = True
        last = operations[-1]
        context = "; before it: " + ", ".join(map(str, operations[-4:-1])) if len(operations) > 1 else ""
        expected, found = f"{last} returns {right & _WORD:#x}{context}", f"{seen & _WORD:#x}"
        if last.kind not in DEEDS:
            fail("memory-call-wrong", expected, found)
        va = last.arguments[0]
        has_bytes = right != 0 or self._in_file(va) == seen & _WORD
        cause = "wrong-user-bytes" if has_bytes else "user-page-not-cleared"
        fail(cause, expected, found, walk_in(self.guest, self.root, va), _FAULT if has_bytes else "")

    def _in_file(self, va: int) -> int | None:
        """Returns the word that the program's file has for an address; None if it has none."""
        page, at = self._pages.get(va & -PAGE), va % PAGE
        return None if page is None else int.from_bytes(page[at : at + 8], "little")

    def _explain_survival(self, last: Operation, wanted: str) -> None:
        """Explains why the operation did not get the process killed, as it should have."""
        __tracebackhide__ = True
        va = last.arguments[0]
        walk, area = walk_in(self.guest, self.root, va), memory_map(self.guest, self.slot).area_of(va)
        letter = {LOAD: "r", CALL: "x"}.get(last.kind, "w")
        if area is not None and area.kind == "stack" and self.model.area_of(va) is None:
            fail("stack-grown-too-far", wanted, f"the stack is {area} now", walk)
        check_areas(self.guest, self.slot)
        is_stale = walk.mapping is None or letter not in permissions(walk.mapping)
        cause = "stale-tlb" if is_stale else "process-survived"
        seen = "it goes on, by a translation that is not in the tables" if is_stale else "it goes on"
        fail(cause, wanted, seen, walk, _FAULT)

    def _explain_end(self, model: AreaModel, operations: Sequence[Operation]) -> None:
        """Explains why the process has been killed, or is ending but not yet gone."""
        __tracebackhide__ = True
        done = self._done()
        for number, (operation, seen) in enumerate(zip(operations[:done], self.results(done), strict=True)):
            right = model.apply(operation)
            if right is not None and seen != right:
                self._explain_result(operations[: number + 1], right, seen)
        last = operations[min(done, len(operations) - 1)]
        check_promised(self.guest, self.slot, model.areas, f"when {last} killed the process")
        va = last.arguments[0]
        if last.kind in (LOAD, STORE, SWEEP) and model.area_of(va) is None:
            walk = walk_in(self.guest, self.root, va)
            fail("stack-not-grown", f"{last} makes the stack grow", self.guest.fact("killed").line, walk)
        self._check_alive(f"{last} is permitted")

    def _check_alive(self, wanted: str) -> None:
        """Explains why the process is about to be killed for something that it was promised."""
        __tracebackhide__ = True
        slot = running_slot(self.guest)
        check_areas(self.guest, slot)
        killed, faults = self.guest.fact("killed"), self.guest.facts("fault")
        va = faults[-1].number("address") if faults else 0
        seen = f"{faults[-1].line}, then {killed.line}" if faults else killed.line
        fail("page-not-brought", wanted, seen, walk_in(self.guest, slot.root or 0, va))
