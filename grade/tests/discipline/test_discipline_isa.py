"""What the witness knows of an ISA: instructions as the assembler writes them, entries as the outside walker reads them."""

import ctypes
import random
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from grade.isa import ISAS, isa_called
from grade.ladder.trees import find_root
from grade.walker.entry import KERNEL_EXECUTE, READ, USER, USER_EXECUTE, WRITE

ROOT = find_root(Path(__file__))
PLUGIN = ROOT / "grade/discipline/plugin"
PC, NO_REGISTER, NOTHING = 0x1000, -1, 0


class Instruction(ctypes.Structure):
    """As in grade/discipline/plugin/isa.h."""

    _fields_ = [
        ("pc", ctypes.c_uint64), ("kind", ctypes.c_int), ("word", ctypes.c_uint32),
        *((name, ctypes.c_int) for name in ("reg", "base", "index", "scale")), ("displacement", ctypes.c_int64),
        *((name, ctypes.c_bool) for name in ("has_operand", "calls", "returns")),
    ]  # fmt: skip


@cache
def library(isa: str) -> ctypes.CDLL:
    """Returns the plugin without what QEMU calls."""
    of_isa = ROOT / "grade/isa" / isa
    sources = [*(path for path in PLUGIN.glob("*.c") if path.name != "witness.c"), of_isa / "discipline.c"]
    with TemporaryDirectory(prefix="pagewalk-discipline-") as folder:
        made = Path(folder) / "isa.so"
        options = ["-std=c17", "-D_GNU_SOURCE", "-fPIC", "-shared", f"-I{ROOT}", f"-I{of_isa}"]
        subprocess.run(["cc", *options, *sources, "-o", made], check=True)
        loaded = ctypes.CDLL(str(made))
    loaded.decode.restype = Instruction
    loaded.decode.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]
    loaded.entry_target.restype = ctypes.c_uint64
    loaded.entry_target.argtypes = [ctypes.c_uint64, ctypes.c_uint]
    for name, arguments in (
        ("entry_is_valid", []), ("entry_is_table", [ctypes.c_uint]), ("entry_is_global", []),
        ("entry_permits", [ctypes.c_int, ctypes.c_bool]),
    ):  # fmt: skip
        getattr(loaded, name).restype = ctypes.c_bool
        getattr(loaded, name).argtypes = [ctypes.c_uint64, *arguments]
    return loaded


def decoded(isa: str, text: str) -> Instruction:
    """Returns the instruction that the assembler makes of the text, as the witness reads it; it is at PC."""
    with TemporaryDirectory(prefix="pagewalk-discipline-") as folder:
        made, bare = Path(folder) / "one.o", Path(folder) / "one"
        newest = ["-march=armv8.5-a"] if isa == "aarch64" else []
        subprocess.run([f"{isa}-linux-gnu-as", *newest, "-o", made], input=f"{text}\n".encode(), check=True)
        subprocess.run([f"{isa}-linux-gnu-objcopy", "-O", "binary", "-j", ".text", made, bare], check=True)
        found: Instruction = library(isa).decode(bare.read_bytes(), bare.stat().st_size, PC)
    return found


RAX, RBP, RSP, RSI, RDI, R9, R12, R13 = 0, 6, 7, 4, 5, 9, 12, 13
MEMORY: dict[str, tuple[int, int, int, int]] = {
    "(%rax)": (RAX, NO_REGISTER, 0, 0),
    "(%r12)": (R12, NO_REGISTER, 0, 0),
    "(%rsp)": (RSP, NO_REGISTER, 0, 0),
    "8(%rbp)": (RBP, NO_REGISTER, 0, 8),
    "0x12345(%r13)": (R13, NO_REGISTER, 0, 0x12345),
    "-16(%r13,%r12,8)": (R13, R12, 3, -16),
    "(%rax,%r9)": (RAX, R9, 0, 0),
    "0x1000": (NO_REGISTER, NO_REGISTER, 0, 0x1000),
    "0x20(,%rdi,4)": (NO_REGISTER, RDI, 2, 0x20),
    "0x30(%rip)": (NO_REGISTER, NO_REGISTER, 0, PC + 7 + 0x30),
    "%gs:(%rax)": (RAX, NO_REGISTER, 0, 0),
}


@pytest.mark.parametrize("operand", MEMORY)
def test_what_invlpg_names(operand: str) -> None:
    found = decoded("x86_64", f"invlpg {operand}")
    base, index, scale, displacement = MEMORY[operand]
    assert found.kind != NOTHING and found.has_operand
    assert (found.base, found.index, found.displacement) == (base, index, displacement)
    assert index == NO_REGISTER or found.scale == scale


SAME: dict[str, tuple[tuple[str, ...], ...]] = {
    "x86_64": (
        ("mov %rax, %cr3", "mov %r9, %cr3"), ("mov %rax, %cr0", "mov %r13, %cr0"), ("mov %rax, %cr4",),
        ("invlpg (%rax)", "invlpg 4(%r12)"), ("invpcid (%rdi), %rsi", "invpcid 8(%r12), %r9"),
    ),
    "aarch64": (
        ("dsb ish", "dsb sy", "dsb ishst", "dsb nsh", "dsb ishld"), ("dmb ish", "dmb sy"), ("isb",), ("eret",),
        ("tlbi vmalle1is", "tlbi vmalle1", "tlbi vae1is, x5", "tlbi vaale1, x9", "tlbi aside1is, xzr"), ("dc zva, x1",),
        ("dc cvau, x0", "dc cvac, x0", "dc civac, x30"), ("ic ialluis", "ic iallu"), ("ic ivau, x0",),
        ("stlr x0, [x1]", "stlrb w0, [x1]", "stlxr w2, x0, [x1]", "stlxp w2, x0, x3, [x1]", "stlur x0, [x1, #8]",
         "casl x0, x2, [x1]", "casal x0, x2, [x1]", "swpl x0, x2, [x1]", "swpal x0, x2, [x1]", "caspl x0, x1, x2, x3, [x4]"),
        ("msr vbar_el1, x1",), ("msr ttbr0_el1, x3", "msr ttbr0_el1, xzr"), ("msr ttbr1_el1, x3",),
        ("msr tcr_el1, x3",), ("msr mair_el1, x3",), ("msr sctlr_el1, x3",),
    ),
}  # fmt: skip
"""Instructions of one kind each, and of no other's."""

OF_NO_INTEREST = {
    "x86_64": ("mov %cr3, %rax", "mov %rax, %cr8", "mov %rax, %cr2", "swapgs", "lgdt (%rax)", "lmsw %ax", "nop", "mov %rax, (%rdi)"),
    "aarch64": (
        "mrs x0, ttbr0_el1", "ssbb", "pssbb", "dc ivac, x0", "dc isw, x0", "str x0, [x1]", "stxr w2, x0, [x1]", "ldar x0, [x1]",
        "cas x0, x2, [x1]", "casa x0, x2, [x1]", "swp x0, x2, [x1]", "ldxr x0, [x1]", "stur x0, [x1, #8]", "msr tpidr_el1, x0",
    ),
}  # fmt: skip


@pytest.mark.parametrize("isa", ISAS)
def test_the_kinds_of_instructions(isa: str) -> None:
    kinds = [{decoded(isa, text).kind for text in texts} for texts in SAME[isa]]
    assert all(len(kind) == 1 for kind in kinds), list(zip(SAME[isa], kinds, strict=True))
    assert len(set.union(*kinds)) == len(kinds) and NOTHING not in set.union(*kinds)
    assert {text: decoded(isa, text).kind for text in OF_NO_INTEREST[isa]} == dict.fromkeys(OF_NO_INTEREST[isa], NOTHING)


def test_the_registers_of_operands() -> None:
    assert [decoded("x86_64", f"mov %{name}, %cr3").reg for name in ("rax", "rbx", "rsi", "r9")] == [RAX, 1, RSI, R9]
    found = decoded("x86_64", "invpcid 8(%r12), %r9")
    assert (found.reg, found.base, found.displacement) == (R9, R12, 8)
    texts = ("msr ttbr0_el1, x3", "tlbi vae1is, x17", "dc zva, x9", "dc cvau, x9", "tlbi aside1is, xzr")
    assert [decoded("aarch64", text).reg for text in texts] == [3, 17, 9, 9, 31]


CALLS = {
    "x86_64": (
        ("call .+100", "call *%rax", "call *8(%r12)"),
        ("ret", "ret $8"),
        ("jmp *%rax", "jmp .+100", "push %rax", "iretq"),
    ),
    "aarch64": (("bl .+8", "blr x3"), ("ret",), ("b .+8", "br x3", "cbz x0, .+8")),
}


@pytest.mark.parametrize("isa", ISAS)
def test_calls_and_returns(isa: str) -> None:
    for expected, texts in zip(((True, False), (False, True), (False, False)), CALLS[isa], strict=True):
        for text in texts:
            found = decoded(isa, text)
            assert (found.calls, found.returns) == expected, text


# --- entries ---------------------------------------------------------------------------------------------------------

SETTINGS: dict[str, dict[str, int]] = {
    "x86_64": {"cr0": 0x8001_0001, "cr3": 0, "cr4": 0x20, "efer": 0xD00},
    "aarch64": {"sctlr_el1": 1, "ttbr0_el1": 0, "ttbr1_el1": 0, "tcr_el1": 16 | 16 << 16 | 2 << 30 | 5 << 32, "mair_el1": 0},
}
ACCESSES = {0: (READ, READ), 1: (WRITE, WRITE), 2: (KERNEL_EXECUTE, USER_EXECUTE)}
"""What an access needs of the kernel and of a user, by its number in isa.h."""


@pytest.mark.parametrize("isa", ISAS)
def test_entries_mean_what_the_walker_says(isa: str) -> None:
    """Of random entries, those that the walker refuses are left out: no kernel may write them."""
    chance, walker, witness = random.Random(1), isa_called(isa).paging.walker(_nowhere, SETTINGS[isa]), library(isa)
    seen: dict[str, int] = {}
    for _ in range(4000):
        level, entry = chance.randrange(4), chance.getrandbits(64) & ~(0xFF << 40) & ~(chance.getrandbits(1) * 0x3FE000)
        found = walker.decode(level, entry)
        seen[found.kind] = seen.get(found.kind, 0) + 1
        assert witness.entry_is_valid(entry) == (found.kind != "empty") or found.kind == "reserved"
        if found.kind == "table":
            assert witness.entry_is_table(entry, level) and witness.entry_target(entry, level) == walker.table_address(entry)
        if found.kind != "leaf":
            continue
        assert not witness.entry_is_table(entry, level)
        assert witness.entry_target(entry, level) == walker.page_address(level, entry)
        for access, needed in ACCESSES.items():
            for is_user in (False, True):
                granted = bool(found.grants & needed[is_user]) and _may_come_near(isa, found.grants, access, is_user)
                assert witness.entry_permits(entry, access, is_user) == granted, (hex(entry), level, access, is_user)
    assert min(seen.get(kind, 0) for kind in ("empty", "table", "leaf")) > 50, seen


def _may_come_near(isa: str, grants: int, access: int, is_user: bool) -> bool:
    """Returns whether a user may do anything there; on Arm the right to execute does not depend on it."""
    return not is_user or bool(grants & USER) or (isa == "aarch64" and access == 2)


def _nowhere(*_: Any) -> bytes:
    raise AssertionError("an entry alone is decoded")
