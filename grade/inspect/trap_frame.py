"""The registers of interrupted code, as the kernel's trap entry has saved them."""

from dataclasses import dataclass

from grade.boot.guest import Guest

FIELDS = {
    "x86_64": "r15 r14 r13 r12 r11 r10 r9 r8 rdi rsi rbp rbx rdx rcx rax vector error rip cs rflags rsp ss".split(),
    "aarch64": [*(f"x{i}" for i in range(31)), "sp", "elr", "spsr", "kind", "sp_el0"],
}
"""The fields of struct TrapFrame in memory, 8 bytes each (arch/<isa>/trap_frame.h)."""


@dataclass(frozen=True)
class TrapFrame:
    """The registers of interrupted code, by name, as the kernel has saved them at `address`."""

    address: int
    registers: dict[str, int]


def frame_at(guest: Guest, va: int) -> TrapFrame | None:
    """The frame at an address, or None if that is not mapped."""
    values = {}
    for number, name in enumerate(FIELDS[guest.isa]):
        pa = guest.walk(va + 8 * number).pa
        if pa is None:
            return None
        values[name] = guest.read_word(pa)
    return TrapFrame(va, values)
