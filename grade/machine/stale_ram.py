"""What RAM holds where nobody has written yet: on hardware anything, and in QEMU zeros, which hide that something was not cleared."""

from dataclasses import dataclass
from typing import BinaryIO

STALE_BYTE = 0xA5
"""Eight of it are an entry that is there, and that is malformed in all tables above those of pages: of every ISA."""


@dataclass(frozen=True)
class StaleRam:
    """RAM that is filled with that byte before the first instruction: `size` bytes from the physical address `start` on."""

    start: int
    size: int

    def write_to(self, file: BinaryIO) -> None:
        """Writes the contents to a file for QEMU's loader device."""
        file.write(bytes([STALE_BYTE]) * self.size)

    def option(self, file: BinaryIO) -> list[str]:
        """Returns QEMU's options that load that file, which it inherits; none if there is nothing to load."""
        if self.size == 0:
            return []
        return ["-device", f"loader,file=/dev/fd/{file.fileno()},addr={self.start:#x},force-raw=on"]
