"""Traps of x86_64: gates of the IDT, the frame that the CPU pushes, the stacks in the TSS (Intel SDM vol. 3, chapter 6)."""

from collections.abc import Iterator, Mapping

from grade.isa.exceptions import Kind, LastFault, Taken
from grade.isa.registers import CpuState
from grade.isa.traps import Event, Interrupted, Need, Role, StoppedCpu, Traps, Unmapped
from grade.isa.x86_64.fault_codes import refused_by
from grade.walker import Access

_BREAKPOINT, _DOUBLE_FAULT, _PAGE_FAULT = 3, 8, 14  # Intel SDM vol. 3, table 6-1
_TIMER, _SYSTEM_CALL = 32, 0x80  # arch/x86_64/traps.h
_VECTORS = {Event.BREAKPOINT: _BREAKPOINT, Event.UNKNOWN_INSTRUCTION: 6, Event.TICK: _TIMER, Event.SYSTEM_CALL: _SYSTEM_CALL}
_NEEDED = (_DOUBLE_FAULT, _PAGE_FAULT, _TIMER, _SYSTEM_CALL)
_EXCEPTIONS = 32  # vectors below are the CPU's own, table 6-1
_GATE_SIZE = 16  # bytes of an IDT entry, figure 6-8
_PRESENT_GATE = 0x8E  # byte 5 of an interrupt gate that is present, figure 6-8
_IDT_SIZE, _GDT_SIZE, _TSS_SIZE = 256 * _GATE_SIZE, 7 * 8, 104
_RSP0, _IST1 = 4, 36  # in the TSS, figure 7-11


class X86Traps(Traps):
    """Each event has a vector of its own."""

    resets = True
    name_of_stack = "TSS.RSP0"

    def handler(self, guest: StoppedCpu, event: Event, *, of_user: bool) -> int:
        """Returns the handler in the event's gate, the same for the kernel and for users."""
        del of_user
        return _handler(guest, _VECTORS[event])

    def has_taken(self, event: Event, cpu: CpuState) -> bool:
        """Returns True: no other event shares the handler."""
        del event, cpu
        return True

    def interrupted(self, guest: StoppedCpu) -> Interrupted:
        """Reads the frame that the CPU has pushed for an event without an error code (Intel SDM vol. 3, figure 6-9)."""
        sp = guest.cpu().sp
        if (pa := guest.walk(sp).pa) is None:
            wanted = "the frame of a trap is on a stack that is mapped"
            raise Unmapped("kernel-stack-not-in-root", wanted, f"{sp:#x} is not", sp)
        pc, cs, flags, users_sp, _ = (guest.read_word(pa + 8 * i) for i in range(5))
        return Interrupted(cs & 3 == 3, pc, users_sp, sp + 5 * 8, flags)

    def handler_of(self, guest: StoppedCpu, taken: Taken) -> int | None:
        """Returns the handler of a page fault or a breakpoint: for others QEMU's log does not give the vector."""
        gates = guest.walk(guest.cpu().vectors["IDT"]).pa
        vector = _BREAKPOINT if taken.kind is Kind.BREAKPOINT else _PAGE_FAULT if taken.address is not None else None
        if gates is None or vector is None:
            return None
        return _target(guest.read_physical(gates + vector * _GATE_SIZE, _GATE_SIZE)) or None

    def has_just_taken(self, guest: StoppedCpu, taken: Taken) -> bool:
        """Returns whether the frame fits: an error code, if the exception has one, is below the return address."""
        frame = guest.walk(guest.cpu().sp).pa
        return frame is not None and not {guest.read_word(frame), guest.read_word(frame + 8)}.isdisjoint(taken.resumes)

    def mark(self, cpu: CpuState) -> tuple[int, int]:
        """Returns the address that faulted and sp: the stack does not grow if the exception comes again and again."""
        return cpu.fault_address, cpu.sp

    def is_at_entrance(self, guest: StoppedCpu, cpu: CpuState) -> bool:
        """Returns whether a gate of one of the exceptions leads to where the CPU is."""
        gates = guest.walk(cpu.vectors["IDT"]).pa
        if gates is None:
            return False
        table = guest.read_physical(gates, _EXCEPTIONS * _GATE_SIZE)
        return cpu.pc in {_target(table[at : at + _GATE_SIZE]) for at in range(0, len(table), _GATE_SIZE)}

    def way_to_handler(self, guest: StoppedCpu, cpu: CpuState, *, at_its_end: bool) -> list[Need]:
        """Returns the way of a page fault. What the CPU was doing when it reset was itself an access that failed."""
        gate = cpu.vectors["IDT"] + _PAGE_FAULT * _GATE_SIZE
        way = [Need("the IDT", gate, Access.READ, role=Role.TABLE)]
        pa = guest.walk(gate).pa
        entry = guest.read_physical(pa, _GATE_SIZE) if pa is not None else bytes(_GATE_SIZE)
        if entry[5] == _PRESENT_GATE:
            way.append(Need("the page-fault handler", _target(entry), Access.EXECUTE, role=Role.HANDLER))
        way += [Need(f"the {name}", cpu.vectors[name], Access.READ, role=Role.TABLE) for name in ("GDT", "TSS")]
        way.append(Need("the stack", cpu.sp - 8, Access.WRITE, role=Role.STACK))
        if at_its_end:
            way.append(Need("the code", cpu.pc, Access.EXECUTE))
            way.append(Need("the address in use", cpu.fault_address, Access.READ))
        return way

    def needed(self, guest: StoppedCpu, cpu: CpuState) -> Iterator[Need]:
        """Yields tables, handlers, and the stack of a double fault."""
        for name, size in (("IDT", _IDT_SIZE), ("GDT", _GDT_SIZE), ("TSS", _TSS_SIZE)):
            for at in (0, size - 1):
                yield Need(f"the {name}", cpu.vectors[name] + at, Access.READ, "vectors-not-in-root")
        for vector in _NEEDED:
            yield Need(f"the handler of vector {vector}", _handler(guest, vector), Access.EXECUTE, "vectors-not-in-root")
        if (entry := guest.walk(cpu.vectors["TSS"] + _IST1).pa) is not None:
            yield Need("the double fault's stack", guest.read_word(entry) - 8, Access.WRITE, "kernel-stack-not-in-root")

    def addresses_held(self, guest: StoppedCpu, cpu: CpuState) -> Iterator[Need]:
        """Yields those in registers, in the page-fault handler's gate, and in IST1 of the TSS."""
        for name, va in cpu.vectors.items():
            yield Need(name, va, Access.READ, "descriptor-tables-still-low")
        yield Need("the page-fault handler", _handler(guest, _PAGE_FAULT), Access.EXECUTE, "vectors-still-low")
        tss = cpu.vectors["TSS"]
        if (entry := guest.walk(tss + _IST1).pa) is None:
            raise Unmapped("descriptor-tables-still-low", f"the TSS at {tss:#x} is mapped", "it is not", tss + _IST1)
        stack = guest.read_word(entry)
        yield Need("the emergency stack in the TSS", stack, Access.WRITE, "descriptor-tables-still-low")

    def place_of_stack(self, cpu: CpuState) -> int | None:
        """Returns the place of RSP0 in the TSS."""
        return cpu.vectors["TSS"] + _RSP0

    def last_access(self, cpu: CpuState) -> Access:
        """Returns READ: only an error code on the stack might have told more."""
        del cpu
        return Access.READ

    def last_fault(self, cpu: CpuState, frame: Mapping[str, int] | None) -> LastFault | None:
        """Reads the frame: CR2 alone does not say when."""
        if frame is None or frame["vector"] != _PAGE_FAULT:
            return None
        refused = refused_by(frame["error"])
        decoded = (f"page fault, {refused.words}", f"CR2 = {cpu.fault_address:#x}")
        return LastFault(cpu.fault_address, refused.access, refused.user, frame["rip"], decoded)


def _handler(guest: StoppedCpu, vector: int) -> int:
    """Returns the handler in the gate of a vector. Raises Unmapped."""
    gate = guest.cpu().vectors["IDT"] + vector * _GATE_SIZE
    pa = guest.walk(gate).pa
    if pa is None:
        raise Unmapped("vectors-not-mapped", f"the IDT's gate {vector} at {gate:#x}", "it is not mapped", gate)
    return _target(guest.read_physical(pa, _GATE_SIZE))


def _target(gate: bytes) -> int:
    """Returns the handler's address in a 64-bit gate (Intel SDM vol. 3, figure 6-8)."""
    return int.from_bytes(gate[0:2] + gate[6:12], "little")
