"""tf, why: the registers of interrupted code, and what the CPU could not reach."""

from collections.abc import Sequence

import gdb

from grade.boot.sight import Sight
from grade.gdb.command import PagingCommand, address, usage
from grade.gdb.why import why_lines
from grade.guest.trapped import trap_frame_of
from grade.inspect.spaces import live_space
from grade.inspect.trap_frame import TrapFrame, frame_at

_MOST_FRAMES = 64


def current_trap_frame(guest: Sight) -> TrapFrame | None:
    """Returns the trap that is being handled: the frame that handle_trap() was given; else that of the live process."""
    if (at := _handled_frame(guest)) is None and not guest.cpu().is_user:
        slot = live_space(guest).slot
        at = slot.stack_top - trap_frame_of(guest).size if slot is not None and slot.pid else None
    return frame_at(guest, at) if at is not None else None


def _handled_frame(guest: Sight) -> int | None:
    """Returns where the assembly put the frame: its stack pointer when it called handle_trap()."""
    frame: gdb.Frame | None = gdb.newest_frame()
    for _ in range(_MOST_FRAMES):
        if frame is None:
            return None
        if frame.name() == "handle_trap":
            caller = frame.older()
            return int(caller.read_register(guest.isa.registers.sp)) % (1 << 64) if caller is not None else None
        frame = frame.older()
    return None


class ShowTrapFrame(PagingCommand):
    """tf: the registers of what was interrupted, by the trap that is being handled now.

    tf ADDRESS           the trap frame at that address"""

    name = "tf"

    def lines(self, guest: Sight, words: Sequence[str]) -> list[str]:
        """Returns what to print."""
        frame = frame_at(guest, address(" ".join(words))) if words else current_trap_frame(guest)
        if frame is None:
            return ["no trap is being handled here"] if not words else ["no trap frame can be read there"]
        values = frame.registers
        lines = [f"trap frame at {frame.address:#x}, of {'a user' if guest.isa.registers.is_users(values) else 'the kernel'}"]
        names = list(values)
        for at in range(0, len(names), 4):
            lines.append("  ".join(f"{name:>6} {values[name]:#018x}" for name in names[at : at + 4]))
        pc = values[guest.isa.registers.frame_pc]
        lines.append(f"interrupted at {pc:#x}" + (f": {place}" if (place := guest.place(pc)) else ""))
        return lines


class Why(PagingCommand):
    """why: what the CPU could not reach. Decodes the last fault, walks its address, and names the cause.

    Use it where the kernel reports a fault, where a process is about to be killed, or where the machine has frozen."""

    name = "why"

    def lines(self, guest: Sight, words: Sequence[str]) -> list[str]:
        """Returns what to print."""
        if words:
            raise usage("why")
        return why_lines(guest, current_trap_frame(guest))
