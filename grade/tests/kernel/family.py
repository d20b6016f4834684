"""A family of processes, played on a stage (puppets.py), and the model of what must become of each."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from area_model import AreaModel, Operation, store

from grade.boot.frame_records import allocations_to_failure, fail_allocation
from grade.boot.process_slots import memory_map
from grade.results.failure import expect
from grade.tests.kernel.census import take_census
from grade.tests.kernel.puppets import Puppet

if TYPE_CHECKING:
    from grade.tests.kernel.puppets import Stage

NO_HANG = 1
ANY = -1
NO_CHILD, NO_MEMORY, BAD_ADDRESS = -10, -12, -14  # Linux's ECHILD, ENOMEM and EFAULT
KILL, SEGMENTATION = 9, 11  # Linux's signals

_KERNEL = 0
_LOW_HALF = (1 << 32) - 1


@dataclass
class Wait:
    """A wait4 that has nobody yet to return with."""

    target: int
    status: int


@dataclass
class Member:
    """A process as the model has it. `status` is how it ended."""

    pid: int
    parent: int
    memory: AreaModel
    status: int | None = None
    wait: Wait | None = None

    @property
    def can_act(self) -> bool:
        """Returns whether it lives, and will come to ask for operations."""
        return self.status is None and self.wait is None


class Family:
    """Plays with processes that began as one. After every step all of them are as the model says, and no frame is lost."""

    def __init__(self, stage: "Stage", log: list[str]) -> None:
        """Starts the first member; `log` is for those who say what the family does."""
        self.stage, self.guest, self.log = stage, stage.guest, log
        pid = self._first = stage.start()
        self._fresh = AreaModel.of(
            memory_map(self.guest, stage.slots()[pid]), self.guest.image
        )  # of any process that begins the program
        self.members = {pid: Member(pid, stage.nursery, deepcopy(self._fresh))}

    def actors(self) -> list[Member]:
        """Returns those who can be told to do something, by age."""
        return [member for member in self.members.values() if member.can_act]

    # --- steps ---

    def use_memory(self, member: Member, *operations: Operation, fail: int = 0) -> None:
        """Steps of area_model.py's at one go, of which the last may kill. If `fail` is not 0, that allocation fails."""
        __tracebackhide__ = True
        *harmless, last = operations
        right = [member.memory.apply(operation) for operation in harmless]
        why = member.memory.refusal(last)
        results = self._try(member, operations, fail)
        if self._has_failed(fail):
            why = "no-memory"
        wanted = f"process {member.pid} is killed by {last}: {why}" if why else f"it survives {last}"
        expect((results is None) == (why is not None), "process-killed", wanted, f"it returns {results}")
        if why is not None:
            self._see_death(member, last, KILL if why == "no-memory" else SEGMENTATION, why)
            return
        right.append(member.memory.apply(last))
        for operation, wanted, seen in zip(operations, right, results, strict=True):
            expect(wanted in (None, seen), "memory-call-wrong", f"{operation} returns {wanted}", f"{seen}")

    def fork(self, member: Member, fail: int = 0) -> None:
        """Gives the member a child, which is like it; or an allocation fails, and nothing has changed."""
        __tracebackhide__ = True
        (pid,) = self.stage.play(member.pid, [Operation("fork", ())], fail)
        if self._has_failed(fail):
            expect(pid == NO_MEMORY, "wrong-answer", f"fork without memory returns {NO_MEMORY}", f"{pid}")
            return
        taken = {_KERNEL, self.stage.nursery, *self.members}
        expect(pid > 0 and pid not in taken, "wrong-answer", "fork returns the number of a new process", f"{pid}")
        self.members[pid] = Member(pid, member.pid, deepcopy(member.memory))
        (zero,) = self.stage.await_results(pid)
        expect(zero == 0, "wrong-answer", "fork returns 0 in the child", f"{zero}")

    def execute(self, member: Member, fail: int = 0) -> None:
        """Has the member begin the program anew; or an allocation fails, and nothing has changed, or it is killed."""
        __tracebackhide__ = True
        operation = Operation("execve", (self.stage.write_name(member.pid), 0, 0))
        results = self._try(member, [operation], fail)
        has_failed = self._has_failed(fail)
        if results is None and has_failed:
            self._see_death(member, operation, KILL, "no-memory")
            return
        right = [NO_MEMORY if has_failed else 0]
        expect(results == right, "wrong-answer", f"execve of process {member.pid} returns {right}", f"{results}")
        if not has_failed:
            member.memory = deepcopy(self._fresh)

    def exit(self, member: Member, code: int) -> None:
        """Ends the member."""
        __tracebackhide__ = True
        self.stage.tell(member.pid, [Operation("exit", (code,))])
        self._see_end(member, code << 8)

    def wait(self, member: Member, target: int, options: int, status: int) -> None:
        """Has the member wait for a child, `target` or ANY; how that ended goes to `status`, if it is not 0."""
        __tracebackhide__ = True
        wait = Wait(target, status)
        operation = Operation("wait4", (target, status, options))
        children = self._awaited(member, wait)
        if any(child.status is not None for child in children):
            self._return_from_wait(member, wait, self.stage.play(member.pid, [operation])[0])
            return
        if not children or options & NO_HANG:
            (result,) = self.stage.play(member.pid, [operation])
            right = 0 if children else NO_CHILD
            expect(result == right, "wrong-answer", f"{operation} of {member.pid} returns {right}", f"{result}")
            return
        member.wait = wait
        self.stage.tell(member.pid, [operation])
        what = f"process {member.pid} waits for a child"
        self.stage.run_until(lambda: self.stage.slots()[member.pid].state == "waiting", what)

    def finish(self) -> None:
        """Ends all members; then everything is as it was before there was a family."""
        __tracebackhide__ = True
        while actors := self.actors():
            self.exit(actors[-1], 0)
        first = self.members.pop(self._first)
        status = self.stage.end(self._first)
        expect(status == first.status, "wrong-answer", f"the first process ended with {first.status}", f"{status}")
        alone = {_KERNEL, self.stage.nursery}
        self.stage.run_until(lambda: set(self.stage.slots()) == alone, "the kernel takes note of the end of orphans")
        after, before = take_census(self.guest), self.stage.before
        more, less = after.frames - before.frames, before.frames - after.frames
        wanted = f"the {len(before.frames)} frames are in use that were before"
        expect(not more and not less, "frames-leaked", wanted, f"{len(more)} others are, {len(less)} of them are not")

    def check(self, when: str) -> None:
        """Checks that everybody who should be there is, with the memory that the model has, and that frames and tables are in order."""
        __tracebackhide__ = True
        slots = self.stage.slots()
        orphans = {slot.pid for slot in slots.values() if slot.state == "zombie" and slot.parent == _KERNEL}
        seen = {pid: slot.state == "zombie" for pid, slot in slots.items() if pid not in orphans}
        right = {pid: member.status is not None for pid, member in self.members.items()}
        right |= {_KERNEL: False, self.stage.nursery: False}
        wanted = f"{when}, these processes are there, and these of them have ended: {right}"
        expect(seen == right, "wrong-answer", wanted, f"{seen}")
        for pid, member in self.members.items():
            parent = slots[pid].parent
            expect(parent == member.parent, "wrong-answer", f"the parent of {pid} is {member.parent}", f"{parent}")
            if member.status is None:
                Puppet(self.stage, slots[pid], member.memory).check(when)
        take_census(self.guest)

    # --- ends ---

    def _try(self, member: Member, operations: Sequence[Operation], fail: int) -> list[int] | None:
        """Returns the results; None if the member does not survive it."""
        __tracebackhide__ = True
        stage, what = self.stage, f"the end of {operations[-1]}"
        stage.tell(member.pid, operations, fail)
        stage.run_until(lambda: stage.has_results(member.pid) or self._has_ended(member), what)
        return None if self._has_ended(member) else stage.await_results(member.pid)

    def _has_failed(self, fail: int) -> bool:
        """Returns whether the allocation has failed that was to fail; if it is still to come, it will not fail any more."""
        has_failed = fail != 0 and allocations_to_failure(self.guest) == 0
        fail_allocation(self.guest, 0)
        return has_failed

    def _has_ended(self, member: Member) -> bool:
        slots = self.stage.slots()
        return member.pid not in slots or slots[member.pid].state == "zombie"

    def _see_death(self, member: Member, operation: Operation, signal: int, why: str) -> None:
        __tracebackhide__ = True
        self._see_end(member, signal)
        killed = self.guest.fact("killed")
        right = {"pid": f"{member.pid}", "signal": f"{signal}", "why": why}
        seen = {key: killed.values[key] for key in right}
        expect(seen == right, "fault-misreported", f"{operation} kills: {right}", killed.line)

    def _see_end(self, member: Member, status: int) -> None:
        """Runs until the member has ended, and whoever waits for that has got to know."""
        __tracebackhide__ = True
        self.stage.run_until(lambda: self._has_ended(member), f"process {member.pid} ends")
        member.status = status
        for child in [child for child in self.members.values() if child.parent == member.pid]:
            child.parent = _KERNEL
            self._forget_orphan(child)
        self._forget_orphan(member)
        parent = self.members.get(member.parent)
        if parent is not None and parent.wait is not None and member in self._awaited(parent, parent.wait):
            wait, parent.wait = parent.wait, None
            self._return_from_wait(parent, wait, self.stage.await_results(parent.pid)[0])

    def _forget_orphan(self, member: Member) -> None:
        """Forgets an orphan: the kernel asks nobody how orphans ended."""
        if member.parent == _KERNEL and member.status is not None:
            del self.members[member.pid]

    # --- waits ---

    def _awaited(self, member: Member, wait: Wait) -> list[Member]:
        children = [child for child in self.members.values() if child.parent == member.pid]
        return [child for child in children if wait.target in (ANY, child.pid)]

    def _return_from_wait(self, member: Member, wait: Wait, result: int) -> None:
        """Ends a wait: `result` is one of those that have ended; or the status has no place to go to, and nobody is lost."""
        __tracebackhide__ = True
        place = store(wait.status, 0)
        if wait.status and member.memory.refusal(place) is not None:
            expect(result == BAD_ADDRESS, "wrong-answer", f"wait4 to {wait.status:#x} is refused", f"{result}")
            return
        ended = {child.pid: child.status for child in self._awaited(member, wait) if child.status is not None}
        expect(result in ended, "wrong-answer", f"wait4 returns one of {sorted(ended)}", f"{result}")
        del self.members[result]
        if wait.status:
            before = member.memory.words.get(wait.status, 0)
            member.memory.apply(store(wait.status, before & ~_LOW_HALF | ended[result]))
