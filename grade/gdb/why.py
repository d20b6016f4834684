"""Why the CPU is where it is: the last fault decoded, the walk of its address, the area it is in, and the cause."""

from grade.boot.layout import PAGE
from grade.boot.process_slots import memory_map
from grade.boot.sight import Sight
from grade.diagnosis.diagnose import unreachable_handler
from grade.diagnosis.fault_cause import Attempt, cause_of_fault
from grade.inspect.names import is_users
from grade.inspect.spaces import live_space, walker_of
from grade.inspect.trap_frame import TrapFrame
from grade.inspect.walk_text import access_lines
from grade.isa.exceptions import LastFault
from grade.isa.registers import CpuState
from grade.results.causes import CAUSES
from grade.results.failure import Failure
from grade.walker import Access, explain


def last_fault(guest: Sight, frame: TrapFrame | None) -> LastFault | None:
    """Returns the last fault that the CPU took, by its registers or by the trap frame that is being handled."""
    return guest.isa.traps.last_fault(guest.cpu(), frame.registers if frame is not None else None)


def why_lines(guest: Sight, frame: TrapFrame | None) -> list[str]:
    """Returns what a student wants to know at a stop, beginning with the first thing that is broken."""
    cpu = guest.cpu()
    lines = [f"at {cpu.pc:#x}" + (f": {place}" if (place := guest.place(cpu.pc)) else "")]
    broken = None
    if not cpu.is_user:
        broken = unreachable_handler(guest, cpu, "an exception can be handled", at_its_end=False)
    if broken is not None:
        return [*lines, broken.seen, *broken.walk_lines, _cause(broken.cause)]
    fault = last_fault(guest, frame)
    if fault is None:
        return [*lines, "no page fault is being handled here. Stop where one is: hbreak print_fault, handle_user_fault"]
    return [*lines, *fault.decoded, *_fault_lines(guest, cpu, fault)]


def _fault_lines(guest: Sight, cpu: CpuState, fault: LastFault) -> list[str]:
    who = "user code" if fault.user else "the kernel"
    place = guest.place(fault.pc)
    lines = [f"{who} at {fault.pc:#x}" + (f" ({place})" if place else "") + f": {fault.access.value} of {fault.address:#x}"]
    space = live_space(guest)
    walker = walker_of(guest, space)
    lines.append(f"in the address space of {space.label}, root {space.root:#x}")
    lines += explain(walker.walk(fault.address)).splitlines()
    refused = walker.would_fault(fault.address, fault.access.value, user=fault.user)
    if refused is None:
        return [*lines, "now it would succeed: the page has come since, or the TLB kept an old entry (stale-tlb)"]
    lines += [line for line in access_lines(guest, walker, fault.address) if walker.walk(fault.address).mapping is not None]
    if fault.user or is_users(guest, fault.address):
        lines += _area_lines(guest, fault)
    if not fault.user:
        lines.append(_cause_in_kernel(guest, cpu, fault))
    return lines


def _cause_in_kernel(guest: Sight, cpu: CpuState, fault: LastFault) -> str:
    cause = cause_of_fault(guest, Attempt(fault.address, fault.access, max(fault.pc, cpu.sp) >= guest.offset))
    region, page = guest.layout.region_of(fault.address), guest.walk(fault.address).mapping
    if cause == "wrong-permission" and region is not None and page is not None:
        if (page.write, page.kernel_execute) == (region.write, region.execute):
            return f"the tables are right: nobody may {fault.access.value} in the kernel's {region.name}"
    return _cause(cause)


def _area_lines(guest: Sight, fault: LastFault) -> list[str]:
    """Returns what the process was promised there."""
    space = live_space(guest)
    if space.slot is None or space.slot.map is None:
        return []
    try:
        area = memory_map(guest, space.slot).area_of(fault.address)
    except Failure as failure:
        return [str(failure)]
    if area is None:
        return [f"no area of {space.label} has this address: the process is killed (no-area)"]
    if fault.address < PAGE:
        return [f"its area {area} has page 0, which is nobody's, whatever an area says: the process is killed (bad-address)"]
    letter = {Access.READ: "r", Access.WRITE: "w", Access.EXECUTE: "x"}[fault.access]
    if letter not in area.protection:
        return [f"its area {area} forbids this access: the process is killed (protection)"]
    return [f"its area {area} promises this: the fault handler has to bring the page"]


def _cause(name: str) -> str:
    cause = CAUSES[name]
    return f"cause: {name}: {cause.meaning}"
