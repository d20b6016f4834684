"""QEMU's log of the exceptions of an x86_64 CPU.

     0: v=0e e=0010 i=0 cpl=0 IP=0008:000000000020023e pc=000000000020023e SP=0010:0000000000217fd0 CR2=000000000020023e
    ...registers...
    CR0=80010011 CR2=000000000020023e CR3=000000000025f000 CR4=000000a0
    ...
    Triple fault
"""

import re

from grade.isa.exceptions import Kind, Taken
from grade.isa.x86_64.fault_codes import refused_by

# Intel SDM vol. 3, table 6-1
_NAMES = {
    0: "division by zero", 1: "a debug exception", 3: "a breakpoint (int3)", 4: "overflow", 5: "bound range exceeded",
    6: "an unknown instruction", 7: "no x87", 8: "double fault: the exception before it could not be delivered",
    10: "invalid TSS", 11: "segment not present", 12: "stack segment fault", 13: "general protection",
    16: "an x87 error", 17: "misaligned access", 18: "machine check", 19: "a SIMD error",
}  # fmt: skip
_BREAKPOINT, _PAGE_FAULT, _FIRST_INTERRUPT = 3, 14, 32
_ENTRY = re.compile(
    r" *\d+: v=(?P<vector>[0-9a-f]{2}) e=(?P<error>[0-9a-f]{4}) i=(?P<software>\d) cpl=(?P<cpl>\d) "
    r"IP=[0-9a-f]{4}:(?P<pc>[0-9a-f]+) "
)
_CONTROL = re.compile(r"CR0=[0-9a-f]+ CR2=(?P<address>[0-9a-f]+) CR3=(?P<root>[0-9a-f]+) ")
_ROOT = 0x000F_FFFF_FFFF_F000


class X86Exceptions:
    """Reads the log line by line."""

    def __init__(self) -> None:
        self._begun: re.Match[str] | None = None

    def take(self, line: str) -> Taken | None:
        """Returns the exception whose report this line ends, if it ends one."""
        if match := _ENTRY.match(line):
            self._begun = match
        elif line.startswith("Triple fault"):
            return Taken(Kind.RESET, "triple fault: that could not be delivered either, and the CPU gave up", 0, False)
        elif self._begun is not None and (control := _CONTROL.match(line)):
            begun, self._begun = self._begun, None
            return _taken(begun, control)
        return None


def _taken(begun: re.Match[str], control: re.Match[str]) -> Taken:
    vector, error, pc = int(begun["vector"], 16), int(begun["error"], 16), int(begun["pc"], 16)
    user, root = begun["cpl"] == "3", int(control["root"], 16) & _ROOT
    if vector == _PAGE_FAULT:
        refused = refused_by(error)
        what = f"page fault, {refused.words}"
        return Taken(Kind.PAGE_FAULT, what, pc, user, int(control["address"], 16), refused.access, root)
    if vector >= _FIRST_INTERRUPT:
        is_call = begun["software"] == "1"
        what = f"{'int' if is_call else 'interrupt'} {vector:#x}"
        return Taken(Kind.SYSTEM_CALL if is_call else Kind.INTERRUPT, what, pc, user, root=root)
    what = f"exception {vector}, {_NAMES.get(vector, 'reserved')}" + (f", error code {error:#x}" if error else "")
    return Taken(Kind.BREAKPOINT if vector == _BREAKPOINT else Kind.OTHER, what, pc, user, root=root)
