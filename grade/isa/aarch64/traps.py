"""Traps of aarch64: one table of vectors, and what the CPU reports in system registers (Arm ARM D1.3)."""

from collections.abc import Iterator, Mapping

from grade.isa.aarch64.fault_codes import SYSTEM_CALL, UNKNOWN, class_words, refused_by, syndrome_class
from grade.isa.aarch64.registers import EXCEPTION_LEVEL
from grade.isa.exceptions import LastFault, Taken
from grade.isa.registers import CpuState
from grade.isa.traps import Event, Interrupted, Need, Role, StoppedCpu, Traps
from grade.walker import Access

_VECTOR_TABLE_SIZE = 0x800  # Arm ARM D1.3.1
_KERNEL, _USER = 0x200, 0x400  # where the vectors for exceptions from the same and from a lower level begin, table D1-7
_SYNCHRONOUS, _INTERRUPT = 0x00, 0x80
_CLASSES = {Event.SYSTEM_CALL: SYSTEM_CALL, Event.UNKNOWN_INSTRUCTION: UNKNOWN}


class ArmTraps(Traps):
    """All synchronous exceptions of a level share one vector: ESR_EL1 tells them apart."""

    resets = False
    name_of_stack = ""

    def handler(self, guest: StoppedCpu, event: Event, *, of_user: bool) -> int:
        """Returns the address of the vector table's entry."""
        kind = _INTERRUPT if event is Event.TICK else _SYNCHRONOUS
        return guest.cpu().vectors["VBAR"] + (_USER if of_user else _KERNEL) + kind

    def has_taken(self, event: Event, cpu: CpuState) -> bool:
        """Returns whether the exception class is that of the event."""
        return event not in _CLASSES or syndrome_class(cpu.registers["esr_el1"]) == _CLASSES[event]

    def interrupted(self, guest: StoppedCpu) -> Interrupted:
        """Reads ELR_EL1 and SPSR_EL1; nothing is on the stack yet."""
        cpu = guest.cpu()
        flags = cpu.registers["spsr_el1"]
        user = not flags & EXCEPTION_LEVEL
        return Interrupted(user, cpu.registers["elr_el1"], cpu.registers["sp_el0"] if user else cpu.sp, cpu.sp, flags)

    def handler_of(self, guest: StoppedCpu, taken: Taken) -> int | None:
        """Returns the handler that QEMU's log names."""
        del guest
        return taken.handler

    def has_just_taken(self, guest: StoppedCpu, taken: Taken) -> bool:
        """Returns whether ELR_EL1 is where the exception was taken."""
        return guest.cpu().registers["elr_el1"] == taken.pc

    def mark(self, cpu: CpuState) -> tuple[int, int]:
        """Returns the address that faulted and where the exception was taken."""
        return cpu.fault_address, cpu.registers["elr_el1"]

    def is_at_entrance(self, guest: StoppedCpu, cpu: CpuState) -> bool:
        """Returns whether the CPU is in the vector table."""
        del guest
        return 0 <= cpu.pc - cpu.vectors["VBAR"] < _VECTOR_TABLE_SIZE

    def way_to_handler(self, guest: StoppedCpu, cpu: CpuState, *, at_its_end: bool) -> list[Need]:
        """Returns the way; an exception that cannot be delivered recurs, which loses what was done before it."""
        del guest, at_its_end
        table = Need("the vector table", cpu.vectors["VBAR"], Access.EXECUTE, role=Role.HANDLER)
        return [table, Need("the stack", cpu.sp - 8, Access.WRITE, role=Role.STACK)]

    def needed(self, guest: StoppedCpu, cpu: CpuState) -> Iterator[Need]:
        """Yields both ends of the vector table."""
        del guest
        for at in (0, _VECTOR_TABLE_SIZE - 4):
            yield Need("the vector table", cpu.vectors["VBAR"] + at, Access.EXECUTE, "vectors-not-in-root")

    def addresses_held(self, guest: StoppedCpu, cpu: CpuState) -> Iterator[Need]:
        """Yields the address of the vector table."""
        del guest
        yield Need("VBAR", cpu.vectors["VBAR"], Access.EXECUTE, "vectors-still-low")

    def place_of_stack(self, cpu: CpuState) -> int | None:
        """Returns None: SP_EL1 stays what it was when the kernel left."""
        del cpu
        return None

    def last_access(self, cpu: CpuState) -> Access:
        """Returns the access according to ESR_EL1."""
        refused = refused_by(cpu.registers.get("esr_el1", 0))
        return refused.access if refused is not None else Access.READ

    def last_fault(self, cpu: CpuState, frame: Mapping[str, int] | None) -> LastFault | None:
        """Reads ESR_EL1 and FAR_EL1, which stay until the next fault."""
        del frame
        syndrome = cpu.registers.get("esr_el1", 0)
        if (refused := refused_by(syndrome)) is None:
            return None
        head = f"ESR_EL1 = {syndrome:#x}: class {syndrome_class(syndrome):#x}, {class_words(syndrome)}"
        decoded = (head, f"  {refused.words}", f"FAR_EL1 = {cpu.fault_address:#x}")
        return LastFault(cpu.fault_address, refused.access, refused.user, cpu.registers["elr_el1"], decoded)
