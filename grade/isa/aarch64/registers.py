"""The registers of aarch64, and what they say about a stopped CPU."""

from collections.abc import Callable, Mapping

from grade.isa.registers import Bits, CpuState, Registers

EXCEPTION_LEVEL = 0xC  # PSTATE.EL and SPSR_EL1.M[3:2], Arm ARM C5.2.19; 0 is a user's
_MMU = 1 << 0  # SCTLR_EL1.M, D17.2.118
_NO_UPPER_WALKS = 1 << 23  # TCR_EL1.EPD1, D17.2.131
_ROOT = 0x0000_FFFF_FFFF_FFFE  # TTBRn_EL1.BADDR, D17.2.144
_DEBUG_EXCEPTIONS = 1 << 15 | 1 << 0  # MDSCR_EL1.MDE and SS, D19.3.20


class ArmRegisters(Registers):
    """Arguments follow the Procedure Call Standard, AAPCS64, 6.8.2, and kernel/calls/system_call_numbers.h."""

    word_bytes = 8
    pc = "pc"
    sp = "sp"
    general = tuple(f"x{i}" for i in range(31))
    arguments = ("x0", "x1", "x2")
    link = "x30"
    call_number = "x8"
    call_arguments = ("x0", "x1", "x2")
    result = "x0"
    thread_pointer = "tpidr_el0"
    flags = Bits("cpsr", 0xF << 28)
    interrupts = Bits("cpsr", 0xF << 6)  # PSTATE.DAIF, which mask them: Arm ARM C5.2.2
    fault_address = "FAR_EL1"
    by_dwarf = {**{i: f"x{i}" for i in range(31)}, 31: "sp"}  # DWARF for the Arm 64-bit architecture, 4.1
    stack_by_dwarf = 31
    frame_pc = "elr"
    frame_sp = "sp_el0"

    def state(self, registers: dict[str, int], ask_qemu: Callable[[str], str]) -> CpuState:
        """Returns the state; all of it is in registers."""
        del ask_qemu
        upper_walks = not registers["tcr_el1"] & _NO_UPPER_WALKS
        user, kernel = registers["ttbr0_el1"] & _ROOT, registers["ttbr1_el1"] & _ROOT
        debug = registers["mdscr_el1"]
        return CpuState(
            pc=registers["pc"],
            sp=registers["sp"],
            first_argument=registers["x0"],
            is_user=not registers["cpsr"] & EXCEPTION_LEVEL,
            translation_off="" if registers["sctlr_el1"] & _MMU else "SCTLR_EL1.M is 0",
            roots={"kernel": kernel, "user": user} if upper_walks else {"kernel": user},
            vectors={"VBAR": registers["vbar_el1"]},
            breakpoints_of_its_own=f"MDSCR_EL1 is {debug:#x}" if debug & _DEBUG_EXCEPTIONS else "",
            fault_address=registers["far_el1"],
            registers=registers,
        )

    def is_users(self, frame: Mapping[str, int]) -> bool:
        """Returns whether the frame is of user code, by SPSR_EL1."""
        return not frame["spsr"] & EXCEPTION_LEVEL
