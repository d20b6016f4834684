"""The processes of a guest, as the kernel's facts tell of them, and where their stacks lie."""

from dataclasses import dataclass

from grade.boot.layout import PAGE
from grade.boot.sight import Sight


@dataclass(frozen=True)
class Process:
    """A process that lives, as the kernel describes it: given code, but a weak witness.

    Milestones 3.2, 3.3 and 3.8 compare `root` and `stack` with the CPU's registers.
    """

    pid: int
    root: int
    stack: int
    """The upper end of its kernel stack, of so many bytes."""
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
        """The pages below it that nobody may map."""
        return range(self.stack - 2 * self.stack_size, self.stack - self.stack_size, PAGE)


def processes(guest: Sight) -> list[Process]:
    """The processes that have been started and have not ended; process 0, which is the kernel's own, is left out."""
    found: dict[int, Process] = {}
    for fact in guest.machine.facts():
        pid = int(fact.values.get("pid", "0"))
        if fact.name == "process" and pid != 0 and "root" in fact.values:
            root, stack = int(fact.values["root"], 0), int(fact.values["stack"], 0)
            found[pid] = Process(pid, root, stack, guest.layout.stack_size, fact.values["program"])
        elif fact.name in ("exit", "killed"):
            found.pop(pid, None)
    return list(found.values())
