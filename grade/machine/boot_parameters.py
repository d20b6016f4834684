"""The page of parameters that a kernel finds in its memory when it starts.

QEMU's loader device writes these bytes to a fixed physical address before the
first instruction, the same way on every ISA. A kernel that finds no magic
number there was started by hand and uses its defaults.

Layout, little endian:

    +0   u64  magic            "pagewalk" in ASCII
    +8   u64  nonce            the kernel prints it back: proof of a fresh run
    +16  u64  ram_bytes
    +24  u64  fail_allocation  the allocation (1, 2, ...) to refuse; 0 = none
    +32  u64  script_bytes
    +40  text script           monitor commands, one a line, UTF-8
"""

import struct
from dataclasses import dataclass

MAGIC = int.from_bytes(b"pagewalk", "little")
AREA_BYTES = 64 * 1024
_HEADER = struct.Struct("<5Q")


@dataclass(frozen=True)
class BootParameters:
    """What one run of the kernel is told. `ram_bytes` must be what the guest really has."""

    nonce: int
    ram_bytes: int
    script: str = ""
    fail_allocation: int = 0

    def encode(self) -> bytes:
        """Returns the bytes of the area.

        Raises ValueError if they do not fit in 64 KiB, or if a number does not
        fit in 64 bits.
        """
        script = self.script.encode()
        size = _HEADER.size + len(script)
        if size > AREA_BYTES:
            raise ValueError(
                f"boot parameters take {size} bytes, but the area holds {AREA_BYTES}: "
                f"the script has {len(script)} bytes and may have {AREA_BYTES - _HEADER.size}"
            )
        for name in ("nonce", "ram_bytes", "fail_allocation"):
            if not 0 <= getattr(self, name) < 1 << 64:
                raise ValueError(f"boot parameter {name} = {getattr(self, name)} is not a 64-bit number")
        header = _HEADER.pack(MAGIC, self.nonce, self.ram_bytes, self.fail_allocation, len(script))
        return header + script
