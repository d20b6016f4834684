"""All that the grader knows of an ISA is in one place."""

import re
from pathlib import Path

import pytest

from grade.isa import ISAS, isa_called
from grade.walker import WALKERS

ROOT = Path(__file__).resolve().parents[2]

OF_ONE = re.compile(
    "|".join(WALKERS)  # the names of ISAs, also of those that have no kernel yet
    + r"|\b(?:VBAR|CR[0-4]|EFER|ESR|TTBR[01]|FAR)(?:_EL1)?\b"
    + r"|[\"'](?:cr[0-4]|efer|e?flags|r[sdi]p|r[sd]i|[re]ax|cpsr|spsr|elr|x\d+|\w+_el[01])[\"']"
)
"""A name of an ISA, or of a register that only one has."""


INSTRUCTION = re.compile(
    r"\b(?:[di]sb|dmb|ishst?|eret|svc|hvc|[wy]f[ie]|tlbi|msr|mrs|movz|brk #|dc [ci]\w+|ic i\w+|sfence|fence\.i|[ms]ret|ecall|csr[rwsc]\w*"
    r"|invlpg|iretq?|hlt|l[gi]dt|swapgs|rdmsr|wrmsr|int3|ud2|nopl?\b|cpuid)\b"
)
"""An instruction that only one ISA has."""

GEOMETRY = re.compile(
    r"(?:<<|>>) *(?:3[3-9]|4\d|5\d|63)\b|\b0x[\da-f]{3,4}(?:_?[\da-f]{4}){2,3}\b|\brange\(256, 512\)|\b512 (?:if\b|\*)|\* 512\b"
    r"|\b(?:entry|leaf)\b.*to_bytes\(8|kIndexBits *=|\bRSP0\b|the (?:IDT|GDT|TSS)\b"
)
"""Where one format has its halves, how wide its tables and entries are, and what only one ISA has in memory for the CPU."""


def _modules() -> list[Path]:
    here = [path for kind in ("*.py", "*.c", "*.h") for path in (ROOT / "grade").rglob(kind)]
    return [path for path in (*here, *(ROOT / "labs").glob("*/*.py")) if "tests" not in path.parts]


def _lines_with(pattern: re.Pattern[str], own: set[Path]) -> list[str]:
    """Returns the lines of all modules that have the pattern, but of those in `own`."""
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in _modules()
        if own.isdisjoint([path, *path.parents])
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_module_names_an_isa_but_its_own() -> None:
    """So that another one is a folder, and a line that lists it.

    The walker stands without the rest, what a mistake is called may name a register, and GDB has names of its own for ISAs.
    """
    own = {ROOT / "grade/isa" / name for name in (*ISAS, "__init__.py")}
    own |= {ROOT / "grade/walker", ROOT / "grade/results/causes.py", ROOT / "grade/machine/gdb_remote.py"}
    assert (found := _lines_with(OF_ONE, own)) == [], "\n".join(found)


def test_no_module_knows_an_instruction_of_one_isa() -> None:
    """What to wait with, and what marks a place in a program, is asked of the ISA."""
    own = {ROOT / "grade/isa" / name for name in ISAS}
    assert (found := _lines_with(INSTRUCTION, own)) == [], "\n".join(found)


def test_no_module_knows_the_geometry_of_one_format() -> None:
    """Where the user half ends, and which entries of a root are for it, is asked of Paging, of the walker and of the kernel."""
    own = {ROOT / "grade/isa", ROOT / "grade/walker"}
    assert (found := _lines_with(GEOMETRY, own)) == [], "\n".join(found)


def test_an_isa_that_is_not_known_is_named_with_those_that_are() -> None:
    with pytest.raises(ValueError, match="'vax'; there is one for " + ", ".join(ISAS)):
        isa_called("vax")


@pytest.mark.parametrize("name", ISAS)
def test_each_isa_says_everything(name: str) -> None:
    """What is annotated in the base classes has a value; that it is the right one is what milestones prove."""
    isa = isa_called(name)
    assert isa.name == name == isa.paging.walker.isa and str(isa) == name
    for part in (isa.registers, isa.paging, isa.traps):
        for attribute in type(part).__mro__[1].__annotations__:
            assert getattr(part, attribute) is not None, f"{name}: {type(part).__name__}.{attribute}"
