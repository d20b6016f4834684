"""The registers of interrupted code, as the kernel's trap entry has saved them."""

from dataclasses import dataclass

from grade.boot.sight import Sight


@dataclass(frozen=True)
class TrapFrame:
    """The registers of interrupted code, by name, as the kernel has saved them at `address`."""

    address: int
    registers: dict[str, int]


def frame_at(guest: Sight, va: int) -> TrapFrame | None:
    """Returns the frame at an address, or None if that is not mapped. An array of registers `x` becomes x0, x1 and so on."""
    values = {}
    for name, field in guest.image.defined.record("TrapFrame").fields.items():
        for number, at in enumerate(field.places()):
            if (pa := guest.walk(va + at).pa) is None:
                return None
            values[f"{name}{number}" if field.count > 1 else name] = guest.read_word(pa)
    return TrapFrame(va, values)
