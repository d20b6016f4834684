"""What a stopped CPU's registers say, with one set of names for both ISAs."""

import re
from dataclasses import dataclass
from functools import lru_cache

from grade.machine.machine import Machine


@dataclass(frozen=True)
class CpuState:
    """Registers of a stopped guest. `vectors` holds every address through which the CPU finds its handlers."""

    pc: int
    sp: int
    first_argument: int
    translation_on: bool
    roots: dict[str, int]
    """Physical addresses of the root tables: `kernel`, and `user` where that is another register."""
    vectors: dict[str, int]
    fault_address: int
    """The last address that faulted (CR2, FAR_EL1)."""
    registers: dict[str, int]


def read_cpu_state(machine: Machine) -> CpuState:
    """Reads the registers of a stopped machine."""
    registers = machine.registers()
    return _x86_64(machine, registers) if machine.platform.isa == "x86_64" else _aarch64(registers)


EXCEPTION_LEVEL = 0xC  # PSTATE.EL and SPSR_EL1.M[3:2], Arm ARM C5.2.19
GATE_SIZE = 16  # bytes of an IDT entry, Intel SDM vol. 3, figure 6-8

_PAGING = 1 << 31  # CR0.PG, Intel SDM vol. 3, 2.5
_ROOT = 0x000F_FFFF_FFFF_F000
_MMU = 1 << 0  # SCTLR_EL1.M, Arm ARM D17.2.118
_ARM_ROOT = 0x0000_FFFF_FFFF_FFFE  # TTBRn_EL1.BADDR


def _x86_64(machine: Machine, registers: dict[str, int]) -> CpuState:
    return CpuState(
        pc=registers["rip"],
        sp=registers["rsp"],
        first_argument=registers["rdi"],
        translation_on=bool(registers["cr0"] & _PAGING),
        roots={"kernel": registers["cr3"] & _ROOT},
        vectors=dict(_descriptor_tables(machine.human_monitor_command("info registers"))),
        fault_address=registers.get("cr2", 0),
        registers=registers,
    )


@lru_cache(16)
def _descriptor_tables(text: str) -> dict[str, int]:
    """What QEMU prints as `GDT=     ffff800000208060 00000027`, and of the task register as `TR =0018 ffff... ...`."""
    vectors = {name: int(re.search(rf"{name}=\s+([0-9a-f]+)", text)[1], 16) for name in ("GDT", "IDT")}
    vectors["TSS"] = int(re.search(r"TR =[0-9a-f]+ ([0-9a-f]+)", text)[1], 16)
    return vectors


def _aarch64(registers: dict[str, int]) -> CpuState:
    upper_walks = not registers["tcr_el1"] & 1 << 23  # TCR_EL1.EPD1
    user, kernel = registers["ttbr0_el1"] & _ARM_ROOT, registers["ttbr1_el1"] & _ARM_ROOT
    return CpuState(
        pc=registers["pc"],
        sp=registers["sp"],
        first_argument=registers["x0"],
        translation_on=bool(registers["sctlr_el1"] & _MMU),
        roots={"kernel": kernel, "user": user} if upper_walks else {"kernel": user},
        vectors={"VBAR": registers["vbar_el1"]},
        fault_address=registers["far_el1"],
        registers=registers,
    )


def is_user_mode(cpu: CpuState) -> bool:
    """Whether the stopped CPU runs with the rights of a user."""
    return not cpu.registers["cpsr"] & EXCEPTION_LEVEL if "VBAR" in cpu.vectors else cpu.registers["cs"] & 3 == 3


def gate_target(gate: bytes) -> int:
    """The handler's address in a 64-bit gate (Intel SDM vol. 3, figure 6-8)."""
    return int.from_bytes(gate[0:2] + gate[6:12], "little")
