"""What a member of a family of processes can be told to do, with its memory and with its life."""

from dataclasses import dataclass

from area_model import ANONYMOUS, FIXED, PRIVATE, READ, WRITE, Operation, brk, load, mmap, mprotect, munmap, store

from grade.boot.layout import PAGE
from grade.tests.kernel.family import ANY, Family, Member

MOST_PROCESSES = 4


TEXT_PAGES = 3
"""Of the program's file, which it never touches itself: g_text in user/tests/vmascript.cc."""


OWN_STACK = 4 * PAGE
"""Of the stack, which it needs itself."""


ARENA = (3 << 40) - 3 * PAGE
"""Few pages, so that operations meet, on both sides of a border between tables of every level but the highest."""


@dataclass(frozen=True)
class Place:
    """An address as it is meant, whatever the program's size, and wherever its memory is when its turn comes.

    `mapped` and `touched` count the pages that can be touched, and those that have been, without those of the program's
    own; elsewhere `page` counts from where something is.
    """

    region: str
    page: int
    offset: int = 0

    def in_(self, family: Family, member: Member) -> int:
        """Returns the address for this member."""
        memory = member.memory
        if self.region in ("mapped", "touched"):
            areas = [area for area in memory.areas if area.kind in ("anonymous", "heap")]
            mapped = [va for area in areas for va in range(area.start, area.end, PAGE)]
            pages = mapped if self.region == "mapped" else sorted(memory.touched)
            return (pages[self.page % len(pages)] if pages else ARENA) + self.offset
        start = {
            "arena": ARENA,
            "maps": memory.user.map_start,
            "heap": memory.heap_start,
            "stack": memory.user.stack_limit - PAGE,
            "text": family.stage.program.va("g_text"),
        }[self.region]
        return start + self.page * PAGE + self.offset

    def __repr__(self) -> str:
        return f"{self.region}[{self.page}]" + (f"+{self.offset}" if self.offset else "")


def spared(family: Family, at: int, pages: int) -> int:
    """Returns as many bytes of so many pages as may be taken away from the program without doing it harm."""
    text_end = family.stage.program.va("g_text") + TEXT_PAGES * PAGE
    ends = [end for end in (text_end, family.guest.layout.user.stack_top - OWN_STACK) if at < end]
    return min(pages * PAGE, ends[0] - at) if ends else pages * PAGE


@dataclass(frozen=True)
class Step:
    """Something that one process does. `who` counts those that can, by age, from the oldest on."""

    who: int

    def play(self, family: Family) -> None:
        """Does it, if it can be done now."""
        actors = family.actors()
        member = actors[self.who % len(actors)]
        self.do(family, member)

    def do(self, family: Family, member: Member) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class MemoryStep(Step):
    """A step that area_model.py knows."""

    place: Place
    pages: int

    def do(self, family: Family, member: Member) -> None:
        at = self.place.in_(family, member)
        operation = self.operation(at, spared(family, at, self.pages))
        family.log.append(f"process {member.pid}: {operation}")
        family.use_memory(member, operation)

    def operation(self, at: int, size: int) -> Operation:
        raise NotImplementedError


@dataclass(frozen=True)
class Map(MemoryStep):
    protection: int
    flags: int

    def operation(self, at: int, size: int) -> Operation:
        return mmap(at, size, self.protection, PRIVATE | ANONYMOUS | self.flags)


@dataclass(frozen=True)
class Use(MemoryStep):
    """Maps pages and writes to all of them."""

    def do(self, family: Family, member: Member) -> None:
        at = self.place.in_(family, member)
        size = spared(family, at, self.pages)
        operations = [mmap(at, size, READ | WRITE, PRIVATE | ANONYMOUS | FIXED)]
        operations += [store(va, va + member.pid) for va in range(at, at + size, PAGE)]
        for operation in operations:
            if member.memory.refusal(operation) is None:
                family.log.append(f"process {member.pid}: {operation}")
                family.use_memory(member, operation)
            if operation is operations[0]:
                family.check("before any of it is written to")


@dataclass(frozen=True)
class Unmap(MemoryStep):
    def operation(self, at: int, size: int) -> Operation:
        return munmap(at, size)


@dataclass(frozen=True)
class Protect(MemoryStep):
    protection: int

    def operation(self, at: int, size: int) -> Operation:
        return mprotect(at, size, self.protection)


@dataclass(frozen=True)
class Tighten(MemoryStep):
    """Reads a page, takes rights or the page away, and writes to it: all at one go, so that no switch forgets the page.

    `protection` None: takes the page away.
    """

    protection: int | None

    def do(self, family: Family, member: Member) -> None:
        at = self.place.in_(family, member)
        size = spared(family, at, self.pages)
        change = munmap(at, size) if self.protection is None else mprotect(at, size, self.protection)
        if member.memory.refusal(load(at)) is None:
            family.log.append(f"process {member.pid}: {load(at)}, {change}, {store(at, 1)}")
            family.use_memory(member, load(at), change, store(at, 1))


@dataclass(frozen=True)
class Break(MemoryStep):
    """To `pages` after a place; then it writes to the last word there is, if there is one."""

    def do(self, family: Family, member: Member) -> None:
        super().do(family, member)
        touch = store((member.memory.heap_end - 8) & -8, self.pages)
        if member.memory.heap_end > member.memory.heap_start and member.memory.refusal(touch) is None:
            family.log.append(f"process {member.pid}: {touch}")
            family.use_memory(member, touch)

    def operation(self, at: int, size: int) -> Operation:
        return brk(at + size)


@dataclass(frozen=True)
class Touch(Step):
    """Reads, or writes if there is a value. Unless it dares, it leaves alone what would kill it, or what might."""

    place: Place
    value: int | None = None
    dares: bool = False
    fail: int = 0

    def do(self, family: Family, member: Member) -> None:
        at = self.place.in_(family, member)
        operation = load(at) if self.value is None else store(at, self.value)
        fail = self.fail if self.dares else 0
        if self.dares or member.memory.refusal(operation) is None:
            family.log.append(f"process {member.pid}: {operation} with failure {fail}")
            family.use_memory(member, operation, fail=fail)


@dataclass(frozen=True)
class Fork(Step):
    """If `fail` is not 0, that allocation fails."""

    fail: int = 0

    def do(self, family: Family, member: Member) -> None:
        if len(family.members) < MOST_PROCESSES:
            family.log.append(f"process {member.pid}: fork() with failure {self.fail}")
            family.fork(member, self.fail)


@dataclass(frozen=True)
class Execute(Step):
    """If `fail` is not 0, that allocation fails."""

    fail: int = 0

    def do(self, family: Family, member: Member) -> None:
        family.log.append(f"process {member.pid}: execve() with failure {self.fail}")
        family.execute(member, self.fail)


@dataclass(frozen=True)
class Exit(Step):
    code: int

    def do(self, family: Family, member: Member) -> None:
        family.log.append(f"process {member.pid}: exit({self.code})")
        family.exit(member, self.code)


@dataclass(frozen=True)
class Wait(Step):
    """For the child number `child` of those it has, or for any if it has not so many."""

    child: int
    options: int
    status: Place | None

    def do(self, family: Family, member: Member) -> None:
        children = [other.pid for other in family.members.values() if other.parent == member.pid]
        target = children[self.child] if self.child < len(children) else ANY
        status = self.status.in_(family, member) if self.status else 0
        family.log.append(f"process {member.pid}: wait4({target}, {status:#x}, {self.options})")
        family.wait(member, target, self.options, status)
