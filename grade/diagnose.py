"""Why a guest ended otherwise than it should: from how QEMU stopped, the facts it left, its registers and its tables.

The order matters. What the kernel could still report comes first; if it could not, the registers of the frozen machine
tell what the CPU was trying to do, and the walk of that address tells why it could not.
"""

from typing import TYPE_CHECKING, NoReturn

from grade.cpu_state import CpuState
from grade.failure import Failure, NotWritten, fail
from grade.fault_cause import Access, cause_of_fault
from grade.machine.facts import Fact
from grade.machine.stop import Stop, StopKind

if TYPE_CHECKING:
    from grade.guest import Guest

_VECTOR_TABLE_SIZE = 0x800  # Arm ARM D1.3.1
_PAGE_FAULT = 14
GATE_SIZE = 16


def unexpected_end(guest: "Guest", stop: Stop, wanted: str) -> NoReturn:
    """Raises the Failure, or NotWritten, that explains `stop`; `wanted` is what should have happened instead."""
    __tracebackhide__ = True
    _reported_end(guest, wanted)
    if stop.kind is StopKind.POWERED_OFF:
        fail("early-exit", wanted, f"the kernel turned the machine off, {_doing(guest, guest.cpu())}")
    if stop.kind is StopKind.EXITED:
        raise RuntimeError(f"QEMU has gone: {stop.detail}")
    if stop.kind is StopKind.FLOOD:
        fail("serial-flood", wanted, f"{stop.detail}; the kernel was {_doing(guest, guest.cpu())}")
    if stop.kind is StopKind.RESET:
        _reset(guest, wanted)
    if stop.kind is StopKind.HANG:
        _hang(guest, stop, wanted)
    fail("hang", wanted, f"the machine stopped ({stop.detail}), {_doing(guest, guest.cpu())}")


def _doing(guest: "Guest", cpu: CpuState) -> str:
    """What the CPU was doing, in words."""
    place = guest.place(cpu.pc)
    return f"at {cpu.pc:#x}" + (f" ({place})" if place else "")


# --- the kernel could still report -----------------------------------------------------------------------------------


def _reported_end(guest: "Guest", wanted: str) -> None:
    """Raises what the first report of an end says; returns if the kernel reported none."""
    __tracebackhide__ = True
    reporters = {"todo": _todo, "panic": _panic, "stack-overflow": _overflow, "exception": _exception, "fault": _fault}
    for fact in guest.machine.facts():
        if fact.name in reporters and fact.values.get("fatal") != "no":
            reporters[fact.name](guest, fact, wanted)


def _todo(guest: "Guest", fact: Fact, wanted: str) -> NoReturn:
    __tracebackhide__ = True
    raise NotWritten(fact.values.get("function", "?"))


def _panic(guest: "Guest", fact: Fact, wanted: str) -> NoReturn:
    __tracebackhide__ = True
    place = f"{fact.values.get('file')}:{fact.values.get('line')}"
    line = next((line for line in guest.machine.serial().splitlines() if line.startswith("kernel bug:")), "")
    fail("kernel-check-failed", wanted, line or f"a CHECK failed at {place}", file=place)


def _overflow(guest: "Guest", fact: Fact, wanted: str) -> NoReturn:
    __tracebackhide__ = True
    fail("stack-overflow", wanted, fact.line, guest.walk(int(fact.values["sp"], 0)))


def _exception(guest: "Guest", fact: Fact, wanted: str) -> NoReturn:
    __tracebackhide__ = True
    pc = int(fact.values["pc"], 0)
    fail("unexpected-exception", wanted, f"{fact.values['name']} at {pc:#x} ({guest.place(pc) or 'not kernel code'})")


def _fault(guest: "Guest", fact: Fact, wanted: str) -> NoReturn:
    __tracebackhide__ = True
    address, pc = int(fact.values["address"], 0), int(fact.values["pc"], 0)
    raise _explained(guest, address, Access(fact.values["access"]), pc, wanted)


def _explained(guest: "Guest", address: int, access: Access, pc: int, wanted: str) -> Failure:
    """The failure that an access to `address` explains."""
    walker = guest.walker()
    walk = walker.walk(address)
    cause = cause_of_fault(guest.layout, guest.offset, walker, walk, access)
    place = guest.place(pc)
    seen = f"a fault: {access.value} of {address:#x} by {pc:#x}" + (f" ({place})" if place else "")
    return Failure(cause, wanted, seen, walk.explain())


# --- the kernel could not report -------------------------------------------------------------------------------------


def _reset(guest: "Guest", wanted: str) -> NoReturn:
    """A triple fault (x86): the fault, and then whatever kept its handler from being reached."""
    __tracebackhide__ = True
    cpu = guest.cpu()
    raise _unreachable_handler(guest, cpu, wanted) or Failure(
        "triple-fault", wanted, f"the machine reset, {_doing(guest, cpu)}", guest.walk(cpu.fault_address).explain()
    )


def _hang(guest: "Guest", stop: Stop, wanted: str) -> NoReturn:
    """A budget is used up. A kernel that faults while it reports a fault looks the same from outside as a loop."""
    __tracebackhide__ = True
    cpu = guest.cpu()
    if _is_in_vectors(cpu):
        raise _unreachable_handler(guest, cpu, wanted) or Failure(
            "recursive-vector", wanted, f"the exception vector at {cpu.pc:#x} faults again and again"
        )
    walker = guest.walker()
    walk = walker.walk(cpu.fault_address)
    cause = cause_of_fault(guest.layout, guest.offset, walker, walk, Access.READ)
    if walk.mapping is None and cause != "unexpected-fault" and guest.layout.names(cpu.fault_address, guest.offset):
        seen = f"the report of a fault faults itself: at {cpu.fault_address:#x}; the kernel is {_doing(guest, cpu)}"
        raise Failure(cause, wanted, seen, walk.explain())
    fail("hang", wanted, f"{stop.detail}; the kernel is {_doing(guest, cpu)}")


def _is_in_vectors(cpu: CpuState) -> bool:
    """Whether an Arm CPU is in its own exception vectors, where nothing can take long."""
    base = cpu.vectors.get("VBAR")
    return base is not None and base <= cpu.pc < base + _VECTOR_TABLE_SIZE


def _unreachable_handler(guest: "Guest", cpu: CpuState, wanted: str) -> Failure | None:
    """The failure named by the first thing on the way to the exception handler that does not translate."""
    for what, address, access in _way_to_handler(guest, cpu):
        walker = guest.walker()
        refused = walker.would_fault(address, access.value, user=False)
        if refused is None:
            continue
        walk = walker.walk(address)
        cause = cause_of_fault(guest.layout, guest.offset, walker, walk, access, what)
        return Failure(cause, wanted, f"no exception can be handled: {what} at {address:#x} is not reachable ({refused})",
                       walk.explain())
    return None


def _way_to_handler(guest: "Guest", cpu: CpuState) -> list[tuple[str, int, Access]]:
    """What the CPU needs to take an exception, in the order in which it needs it. What it was doing comes last."""
    last = [("the code", cpu.pc, Access.EXECUTE), ("the address in use", cpu.fault_address, Access.READ)]
    if "VBAR" in cpu.vectors:
        return [("the vector table", cpu.vectors["VBAR"], Access.EXECUTE), ("the stack", cpu.sp - 8, Access.WRITE)]
    gate = cpu.vectors["IDT"] + _PAGE_FAULT * GATE_SIZE
    way = [("the IDT", gate, Access.READ)]
    pa = guest.walk(gate).pa
    if pa is not None:
        way.append(("the page-fault handler", gate_target(guest.read_physical(pa, GATE_SIZE)), Access.EXECUTE))
    way.append(("the GDT", cpu.vectors["GDT"], Access.READ))
    way.append(("the TSS", cpu.vectors["TSS"], Access.READ))
    way.append(("the stack", cpu.sp - 8, Access.WRITE))
    return way + last


def gate_target(gate: bytes) -> int:
    """The handler's address in a 64-bit gate (Intel SDM vol. 3, figure 6-8)."""
    return int.from_bytes(gate[0:2] + gate[6:12], "little")
