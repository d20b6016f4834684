"""The registers of x86_64, and what they say about a stopped CPU."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from grade.isa.registers import Bits, CpuState, Registers

_PAGING = 1 << 31  # CR0.PG, Intel SDM vol. 3, 2.5
_LONG_MODE = 1 << 8  # EFER.LME, 2.2.1; QEMU continues without it, which no CPU would
_ROOT = 0x000F_FFFF_FFFF_F000  # CR3, 4.5.2
_USER = 3  # CPL, the low bits of CS, 5.5
_BREAKPOINTS = 0xFF  # DR7.L0 to G3, 17.2.4


class X86Registers(Registers):
    """Arguments follow the System V ABI for AMD64, 3.2.3, and kernel/calls/system_call_numbers.h."""

    word_bytes = 8
    pc = "rip"
    sp = "rsp"
    general = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", *(f"r{i}" for i in range(8, 16)))
    arguments = ("rdi", "rsi", "rdx")
    call_number = "rax"
    call_arguments = ("rdi", "rsi", "rdx")
    result = "rax"
    thread_pointer = "fs_base"
    segments = ("ds", "es", "fs", "gs")
    flags = Bits("eflags", 0x24_4CD5)  # Intel SDM vol. 1, 3.4.3
    interrupts = Bits("eflags", 1 << 9, wanted=1 << 9)  # IF
    fault_address = "CR2"
    by_dwarf = dict(enumerate(("rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", *(f"r{i}" for i in range(8, 16)))))
    stack_by_dwarf = 7  # System V ABI for AMD64, 3.6.2
    frame_pc = "rip"
    frame_sp = "rsp"

    def state(self, registers: dict[str, int], ask_qemu: Callable[[str], str]) -> CpuState:
        """Returns the state; asks QEMU for the descriptor tables and DR7, which its gdb stub does not have."""
        said = ask_qemu("info registers")
        dr7 = _number_after("DR7=", said)
        return CpuState(
            pc=registers["rip"],
            sp=registers["rsp"],
            first_argument=registers["rdi"],
            is_user=registers["cs"] & _USER == _USER,
            translation_off=_translation_off(registers),
            roots={"kernel": registers["cr3"] & _ROOT},
            vectors=dict(_descriptor_tables(said)),
            breakpoints_of_its_own=f"DR7 is {dr7:#x}" if dr7 & _BREAKPOINTS else "",
            fault_address=registers.get("cr2", 0),
            registers=registers,
        )

    def is_users(self, frame: Mapping[str, int]) -> bool:
        """Returns whether the frame is of user code, by the code segment that the CPU has pushed."""
        return frame["cs"] & _USER == _USER


def _translation_off(registers: Mapping[str, int]) -> str:
    bits = (("cr0", _PAGING, "CR0.PG"), ("efer", _LONG_MODE, "EFER.LME"))
    return next((f"{name} is 0" for register, bit, name in bits if not registers[register] & bit), "")


@lru_cache(16)
def _descriptor_tables(text: str) -> dict[str, int]:
    """Parses `GDT=     ffff800000208060 00000027` and, for the task register, `TR =0018 ffff... ...` as QEMU prints them."""
    beginnings = {"GDT": r"GDT=\s+", "IDT": r"IDT=\s+", "TSS": r"TR =[0-9a-f]+ "}
    return {name: _number_after(beginning, text) for name, beginning in beginnings.items()}


def _number_after(beginning: str, text: str) -> int:
    if (found := re.search(rf"{beginning}([0-9a-f]+)", text)) is None:
        raise ValueError(f"QEMU does not say {beginning}: {text[:200]}")
    return int(found[1], 16)
