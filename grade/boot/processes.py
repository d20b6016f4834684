"""The processes of a guest according to the kernel's facts, and where their stacks lie."""

from dataclasses import dataclass

from grade.boot.layout import PAGE
from grade.boot.sight import Sight


@dataclass(frozen=True)
class Process:
    """A live process as the kernel describes it: the code is given, but a weak witness.

    Milestones 3.2, 3.3 and 3.8 compare `root` and `stack` with the CPU's registers.
    """

    pid: int
    root: int
    stack: int
    """The upper end of its kernel stack of `stack_size` bytes."""
    stack_size: int
    program: str

    def __str__(self) -> str:
        return f"process {self.pid} ({self.program})"

    @property
    def stack_pages(self) -> range:
        """The pages of its kernel stack."""
        return range(self.stack - self.stack_size, self.stack, PAGE)

    @property
    def guard_pages(self) -> range:
        """The pages below its kernel stack, which nobody may map."""
        return range(self.stack - 2 * self.stack_size, self.stack - self.stack_size, PAGE)


def processes(guest: Sight) -> list[Process]:
    """Returns the processes that have been started and have not ended, without process 0, which is the kernel's own."""
    found: dict[int, Process] = {}
    for fact in guest.machine.facts():
        pid = fact.number("pid") if "pid" in fact.values else 0
        if fact.name == "process" and pid != 0 and "root" in fact.values:
            root, stack = fact.number("root"), fact.number("stack")
            found[pid] = Process(pid, root, stack, guest.layout.stack_size, fact.values["program"])
        elif fact.name in ("exit", "killed"):
            found.pop(pid, None)
    return list(found.values())
