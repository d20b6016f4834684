"""x86_64, on QEMU's microvm. Sections are of the Intel SDM (vol. 3 unless another is named)."""

import re

from grade.isa.barriers import Barriers
from grade.isa.board import Board, device
from grade.isa.code import Code, rounded_up
from grade.isa.isa import Isa
from grade.isa.x86_64.control import X86Control
from grade.isa.x86_64.exceptions import X86Exceptions
from grade.isa.x86_64.paging import X86Paging
from grade.isa.x86_64.registers import X86Registers
from grade.isa.x86_64.traps import X86Traps

_WORD = 8


def _thread_block(size: int, alignment: int) -> int:
    """Returns the size of the variables and a word that points to itself (System V ABI for AMD64: ELF TLS, variant II)."""
    return rounded_up(size, max(alignment, _WORD)) + _WORD


ISA = Isa(
    name="x86_64",
    board=Board(
        qemu="qemu-system-x86_64",
        package="qemu-system-x86",
        machine="microvm,x-option-roms=off,pit=off,pic=off,rtc=off,isa-serial=on",
        cpu="max",
        other_cpus=("qemu64,-pge,phys-bits=36", "max,-smap,-umip,-pdpe1gb"),
        el2_option=None,
        ram_base=0,
        parameters_address=0x180000,
        devices=(device("local-apic", 0xFEE00000), device("power", 0xFEA00000)),
        breakpoint_bytes=1,
        system_registers={"cr0": (), "cr2": (), "cr3": (), "cr4": (), "efer": ()},
        told_by_qemu={"physical_bits": "qom-get /machine/unattached/device[0] phys-bits"},  # MAXPHYADDR, 4.1.4
    ),
    registers=X86Registers(),
    paging=X86Paging(),
    control=X86Control(),
    traps=X86Traps(),
    code=Code(
        returning_42=0xC3_0000_002A_B8,  # mov eax, 42; ret
        thread_block=_thread_block,
        below_stack_pointer=re.compile(r"-0x[0-9a-f]+\(%rsp[,)]"),
    ),
    barriers=Barriers(),  # stores and invalidations count at once, 4.10.4 and 11.6
    aims={
        "null_syscall_insns": 102,
        "yield_round_trip_insns": 660,
        "spawn_exit_wait_insns": 42_000,
        "fork_exit_wait_insns": 35_500,
        "fork_exec_exit_wait_insns": 82_000,
        "fork_per_page_insns": 1.24,
        "demand_zero_fault_insns": 1.87,
    },
    exception_reader=X86Exceptions,
    recorded_on=re.compile(r"(?<!--isa )x86_64|\b(?:[re][abcd]x|[re][is]p|cr[0234]|PML4E)\b|0xffff8[0-9a-f]{11}"),
)
