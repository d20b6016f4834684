"""All that the grader knows about each ISA, in a folder of that name.

A new ISA is a folder whose `__init__.py` defines ISA, and a line in _ALL; nothing else in grade/ or labs/ names one. (The
formats of page tables are in grade/walker/, which can be used on its own.)
"""

from grade.isa import aarch64, x86_64
from grade.isa.isa import Isa

_ALL = {isa.name: isa for isa in (x86_64.ISA, aarch64.ISA)}

ISAS = tuple(_ALL)
"""The names of the ISAs, in the order in which they are shown."""


def isa_called(name: str) -> Isa:
    """Returns what is known about an ISA. Raises ValueError for an unknown one."""
    try:
        return _ALL[name]
    except KeyError:
        raise ValueError(f"there is no machine for the ISA {name!r}; there is one for {', '.join(_ALL)}") from None
