"""QEMU's log of the exceptions of an aarch64 CPU.

    Taking exception 3 [Prefetch Abort] on CPU 0
    ...from EL1 to EL1
    ...with ESR 0x21/0x86000007
    ...with FAR 0x40200250
    ...with ELR 0x40200250
    ...to EL1 PC 0x40201200 PSTATE 0x3c5
"""

import re

from grade.isa.aarch64.fault_codes import BREAKPOINT, SYSTEM_CALL, class_words, refused_by, syndrome_class
from grade.isa.exceptions import Kind, Taken

_BEGIN = re.compile(r"Taking exception \d+ \[(.+)\] on CPU \d")
_FIELD = re.compile(r"\.\.\.(?:with )?(ESR 0x[0-9a-f]+/|FAR |ELR |from EL)(?:0x)?([0-9a-f]+)")
_END = re.compile(r"\.\.\.to EL\d PC 0x([0-9a-f]+)")
_INTERRUPTS = ("IRQ", "FIQ")


class ArmExceptions:
    """Reads the log line by line. A call of the firmware (...handled as PSCI call) is no exception of the guest's."""

    def __init__(self) -> None:
        self._name = ""
        self._fields: dict[str, int] = {}

    def take(self, line: str) -> Taken | None:
        """Returns the exception whose report this line ends, if it ends one."""
        if match := _BEGIN.match(line):
            self._name, self._fields = match[1], {}
        elif match := _FIELD.match(line):
            self._fields[match[1][:3]] = int(match[2], 16)
        elif self._fields and (match := _END.match(line)):
            return self._taken(int(match[1], 16))
        return None

    def _taken(self, handler: int) -> Taken:
        fields, self._fields = self._fields, {}
        pc, user, syndrome = fields.get("ELR", 0), fields.get("fro") == 0, fields.get("ESR", 0)
        if self._name in _INTERRUPTS:
            return Taken(Kind.INTERRUPT, self._name, pc, user, handler=handler)
        if syndrome_class(syndrome) == SYSTEM_CALL:
            return Taken(Kind.SYSTEM_CALL, class_words(syndrome), pc, user, handler=handler)
        refused = refused_by(syndrome)
        if refused is None:
            what = f"ESR {syndrome:#x}, class {syndrome_class(syndrome):#x}: {class_words(syndrome)}"
            kind = Kind.BREAKPOINT if syndrome_class(syndrome) == BREAKPOINT else Kind.OTHER
            return Taken(kind, what, pc, user, handler=handler)
        what = f"{class_words(syndrome)}, {refused.access.value}: {refused.words.partition('; ')[0]}"
        return Taken(Kind.PAGE_FAULT, what, pc, user, fields.get("FAR"), refused.access, handler=handler)
