"""aarch64, on QEMU's virt. Sections are of the Arm ARM (DDI 0487)."""

import re

from grade.isa.aarch64.control import ArmControl
from grade.isa.aarch64.exceptions import ArmExceptions
from grade.isa.aarch64.paging import ArmPaging
from grade.isa.aarch64.registers import ArmRegisters
from grade.isa.aarch64.traps import ArmTraps
from grade.isa.barriers import Barriers
from grade.isa.board import Board, device
from grade.isa.code import Code, rounded_up
from grade.isa.isa import Isa

_WORD = 8


def _thread_block(size: int, alignment: int) -> int:
    """Returns the size of two words, then the variables (ELF for the Arm 64-bit Architecture: TLS, variant I)."""
    return rounded_up(2 * _WORD, alignment) + size


ISA = Isa(
    name="aarch64",
    board=Board(
        qemu="qemu-system-aarch64",
        package="qemu-system-arm",
        machine="virt",
        cpu="cortex-a72",
        other_cpus=("cortex-a53", "neoverse-n1"),  # 40 and 48 bits of physical addresses
        el2_option="virtualization=on",
        ram_base=0x40000000,
        parameters_address=0x40180000,
        devices=(device("gic-distributor", 0x0800_0000), device("gic-cpu", 0x0801_0000), device("uart", 0x0900_0000)),
        breakpoint_bytes=4,
        # QEMU 7.2 gives registers that also exist in AArch32 their AArch32 names, without _EL1.
        system_registers={
            "ttbr0_el1": (),
            "ttbr1_el1": (),
            "tcr_el1": (),
            "mair_el1": (),
            "sctlr_el1": ("sctlr",),
            "id_aa64mmfr0_el1": (),
            "vbar_el1": ("vbar",),
            "esr_el1": (),
            "far_el1": (),
            "elr_el1": (),
            "spsr_el1": (),
            "sp_el0": (),
            "sp_el1": (),
            "mdscr_el1": (),
        },
    ),
    registers=ArmRegisters(),
    paging=ArmPaging(),
    control=ArmControl(),
    traps=ArmTraps(),
    code=Code(returning_42=0xD65F_03C0_5280_0540, thread_block=_thread_block),  # mov w0, #42; ret
    barriers=Barriers(  # D8.13, B2.4.4
        tables="dsb ishst", invalidation="dsb ish", instructions="isb", cleaned="dsb ish", old_code="ic iallu"
    ),
    aims={
        "null_syscall_insns": 120,
        "yield_round_trip_insns": 505,
        "spawn_exit_wait_insns": 35_500,
        "fork_exit_wait_insns": 27_500,
        "fork_exec_exit_wait_insns": 66_000,
        "fork_per_page_insns": 1.5,
        "demand_zero_fault_insns": 2.46,
    },
    exception_reader=ArmExceptions,
    recorded_on=re.compile(r"(?<!--isa )aarch64|\b(?:TTBR|VBAR|ELR|SCTLR|x\d+ =)|0xffff0[0-9a-f]{11}|0x4[0-7][0-9a-f]{6}\b"),
)
