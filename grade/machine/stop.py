"""Why a guest stopped running."""

from dataclasses import dataclass
from enum import Enum


class StopKind(Enum):
    """The reasons, and what can be done with the machine afterwards."""

    BREAKPOINT = "breakpoint"  # paused before the instruction at a breakpoint
    WATCHPOINT = "watchpoint"  # paused after a write to a watched address
    STEP = "step"  # paused after one instruction
    PAUSED = "paused"  # paused because the caller asked for it
    OUTPUT = "output"  # paused because the awaited text came over the serial line
    HANG = "hang"  # paused because a budget is used up
    FLOOD = "flood"  # paused because the serial line carried too much
    POWERED_OFF = "powered-off"  # over, at the guest's own request; registers and RAM are intact
    RESET = "reset"  # over: triple fault or a request for reset; registers and RAM are intact
    EXITED = "exited"  # over: QEMU itself has gone; RAM is intact, registers are not

    @property
    def is_final(self) -> bool:
        """True if the guest can never run again."""
        return self in (StopKind.POWERED_OFF, StopKind.RESET, StopKind.EXITED)


AT_PROMPT = "the guest waits for somebody to type"
"""The detail of a stop for a guest whose script is over: kind HANG."""


@dataclass(frozen=True)
class Stop:
    """One stop. `pc` is a virtual address, or None if QEMU has gone; `detail` is a sentence.

    `watched` is the address of the watchpoint, if that is the reason. `asleep` says that the CPU waited for an interrupt.
    `from_outside` says of a QEMU that has gone that this is not the guest's doing.
    """

    kind: StopKind
    pc: int | None
    detail: str
    watched: int | None = None
    asleep: bool = False
    from_outside: bool = False

    @property
    def address(self) -> int:
        """Returns the pc; ValueError if there is none, because QEMU has gone."""
        if self.pc is None:
            raise ValueError(f"QEMU has gone: {self.detail}")
        return self.pc

    @property
    def watched_va(self) -> int:
        """Returns the address of the watchpoint; ValueError if none was the reason."""
        if self.watched is None:
            raise ValueError(f"no watchpoint stopped the guest, but {self.detail}")
        return self.watched
