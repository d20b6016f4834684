"""All that the grader knows of each ISA, in a folder of its name.

A new ISA is a folder whose `__init__.py` defines ISA, and a line in _ALL; nothing else in grade/ or labs/ names one. (The
formats of page tables are in grade/walker/, which can be used without anything else.)
"""

from grade.isa import aarch64, x86_64
from grade.isa.isa import Isa

_ALL = {isa.name: isa for isa in (x86_64.ISA, aarch64.ISA)}

ISAS = tuple(_ALL)
"""Their names, in the order in which they are shown."""


def isa_called(name: str) -> Isa:
    """Returns what is known of an ISA. Raises ValueError for one that is not known."""
    try:
        return _ALL[name]
    except KeyError:
        raise ValueError(f"there is no machine for the ISA {name!r}; there is one for {', '.join(_ALL)}") from None
