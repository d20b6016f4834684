"""Names causes that concern processes: a root that lacks what the kernel needs, a process that was killed."""

from collections.abc import Iterator

from grade.boot.frame_records import frame_records, is_fill_of_freed
from grade.boot.layout import PAGE
from grade.boot.processes import processes
from grade.boot.sight import Sight
from grade.boot.user_image import user_image
from grade.diagnosis import programs
from grade.diagnosis.defects import cause_in_bits
from grade.diagnosis.nonsense import tried
from grade.isa.registers import CpuState
from grade.isa.traps import Role
from grade.machine.facts import Fact
from grade.machine.stale_ram import STALE_BYTE
from grade.results.failure import Failure, Kill
from grade.walker import Walk

_IN_ROOT = {
    "vectors": "vectors-not-in-root",
    "code": "vectors-not-in-root",
    "stack": "kernel-stack-not-in-root",
    "kernel-stack": "kernel-stack-not-in-root",
}
ROOTS = "kernel/space/address_space.cc"
"""Where the entries of a process's root are made: the place to look if such a root has a cause of maps in general."""

CHECKS_OF_FRAMES = ("frame-is-held", "frame-was-handed-out")
"""Checks of the frame allocator that fail when a frame is given back, or shared, by somebody who does not hold it."""

CAUSES_OF_CHECKS = {
    "lock-is-free": "deadlock",
    "root-is-not-loaded": "root-freed-while-loaded",
    "root-is-kept": "root-not-kept",
}
"""The cause of the failure of each other named CHECK."""
_TAKEN = "already-mapped"
_CAUSES_OF_REFUSALS = {_TAKEN: "user-half-shared", "no-slot": "temp-slot-lost"}


def missing_in_root(guest: Sight, fact: Fact, wanted: str) -> Failure:
    """Returns the failure of a kernel that examined the root it was about to load, and stopped (kernel/space/check_root.cc)."""
    va, root = fact.number("va"), fact.number("root")
    cause = _IN_ROOT.get(fact.values["what"], "kernel-half-differs")
    walker = guest.walker()
    walk = walker.walk(va) if "high" in walker.halves else walker.with_root(root).walk(va)
    if fact.values["what"] == "kernel-stack" and walk.mapping is not None:
        cause = "user-access-to-kernel" if walk.mapping.user else "kernel-stack-not-as-in-master"
    elif walk.pa is not None and walk.pa == walker.walk(va).pa:
        cause = "kernel-half-differs"  # it is there, but found through tables that are not the kernel's own
    defect = cause_in_bits(walker, walk)  # the entry is there, and no CPU accepts it
    seen = f"the root {root:#x}, about to be loaded, lacks the kernel's own {fact.values['what']} at {va:#x}"
    return Failure(defect or cause, wanted, seen, walk, ROOTS if defect is not None else "")


def cause_in_process_root(guest: Sight, va: int, root: int | None, role: Role | None) -> str | None:
    """Names what is missing where nothing maps `va`: part of a kernel stack, or of the kernel half of a process's root.

    Returns None if it is neither. `role` says what the CPU itself wanted it for (diagnose.py).
    """
    living = processes(guest)
    if va < guest.offset or not living:
        return None
    if _is_guard(guest, va, living[0].stack):
        return "stack-overflow"
    if any(va & -PAGE in process.stack_pages for process in living):
        return "kernel-stack-not-in-root"
    if root not in {process.root for process in living}:
        return None
    if role is Role.STACK:
        return "kernel-stack-not-in-root"
    region = guest.layout.region_of(va)
    if role in (Role.TABLE, Role.HANDLER):
        return "vectors-not-in-root"
    if region is not None and region.device:
        return "device-not-in-root"
    return "vectors-not-in-root" if region is not None and region.name == "text" else "kernel-half-differs"


def _is_guard(guest: Sight, va: int, stack: int) -> bool:
    """Returns whether `va` is in a guard of the area of kernel stacks. The slots are alike: a guard, then a stack."""
    size, slots = guest.layout.stack_size, guest.layout.most_processes
    return abs(va - stack) < slots * 2 * size and (va - stack) % (2 * size) < size


def trap_without_stack(guest: Sight, cpu: "CpuState", wanted: str) -> Failure | None:
    """Explains a trap from user mode that found no stack where the CPU looks for one. None if there is one, or if the ISA needs none there."""
    at = guest.isa.traps.place_of_stack(cpu)
    if at is None or (entry := guest.walk(at).pa) is None:
        return None
    stack, name = guest.read_word(entry), guest.isa.traps.name_of_stack
    walk = guest.walk(stack - 8)
    seen = f"a trap out of user mode finds no stack at {name} - 8 = {stack - 8 & (1 << 64) - 1:#x}"
    if stack < guest.offset:
        return Failure("trap-stack-not-set", wanted, f"{name} = {stack:#x}: {seen}")
    return Failure("kernel-stack-not-in-root", wanted, seen, walk) if walk.mapping is None else None


def panic_cause(guest: Sight, fact: Fact) -> str:
    """Returns the cause of a CHECK that failed, if its name tells (CHECK_NAMED in kernel/base/check.h)."""
    check = fact.values.get("check", "")
    if check == _TAKEN and _has_stale_table(guest):
        return "root-not-cleared"
    if check not in CHECKS_OF_FRAMES:
        return CAUSES_OF_CHECKS.get(check, "kernel-check-failed")
    pa = fact.number("first")
    region, beyond = guest.layout.region_at(pa), guest.layout.region("frames").end
    is_kernels = pa < beyond and (region is None or region.device or region.name != "frames")
    return "kernel-half-freed" if is_kernels or pa in guest.walker().tables() else "frame-freed-in-use"


def _has_stale_table(guest: Sight) -> bool:
    """Returns whether a frame in use holds what RAM held at first. Until the kernel is up, all frames in use are tables."""
    if guest.facts("boot"):
        return False
    frames = tried(lambda: frame_records(guest).in_use) or ()
    return any(guest.read_physical(frame, PAGE) == bytes([STALE_BYTE]) * PAGE for frame in frames)


def refused_start(guest: Sight, wanted: str) -> Failure | None:
    """Returns the failure of the first program that could not be started; None if there is none.

    In the root of the first process of all nothing can be mapped already, unless it was in the frame before.
    """
    for fact in guest.facts("run"):
        result = fact.values.get("result", "")
        cause = _CAUSES_OF_REFUSALS.get(result, "wrong-result")
        cause = "root-not-cleared" if result == _TAKEN and not guest.facts("process") else cause
        return Failure(cause, wanted, fact.line)
    return None


def killed_process(guest: Sight, wanted: str, pid: int | None = None) -> Failure | None:
    """Returns the failure of the first kill, or of that of process `pid`, that should not have been; None if there is none."""
    for fact, report in unmeant_kills(guest):
        if pid is not None and fact.values["pid"] != str(pid):
            continue
        kill = _kill(fact, report)
        return Failure(_cause_of_kill(guest, fact, report), wanted, str(kill), kill=kill)
    return None


def _kill(killed: Fact, report: Fact) -> Kill:
    pid, signal, pc = (killed.number(name) for name in ("pid", "signal", "pc"))
    address = report.number("address") if report.name == "fault" else None
    return Kill(pid, killed.values["program"], signal, pc, address, report.line)


def kill_behind(guest: Sight, failure: Failure) -> Failure | None:
    """Returns the kill that explains why freed tables were walked; None if the reason is something else.

    The tables of a live process must not be freed: an earlier kill, which may be meant, does not explain that.
    """
    freed = _freed_root(guest, failure.walk)
    if freed is None:
        return None
    root = f"{freed:#x}"
    try:
        if any(process.root == freed for process in processes(guest)):
            return None
        owners = [fact.number("pid") for fact in guest.facts("process") if fact.values.get("root") == root]
        of_its_own = killed_process(guest, failure.expected, owners[-1]) if owners else None
        return of_its_own or killed_process(guest, failure.expected)
    except (LookupError, ValueError, OSError):  # the guest prints what it likes
        return None


def _freed_root(guest: Sight, walk: Walk | None) -> int | None:
    """Returns the root of a walk that ends in a freed table, which means that something had gone wrong before; else None."""
    if walk is None or walk.mapping is not None or not walk.steps:
        return None
    return walk.root if is_fill_of_freed(guest, walk.steps[-1].entry or 0) else None


def unmeant_kills(guest: Sight) -> Iterator[tuple[Fact, Fact]]:
    """Yields the fact of each kill that should not have been, and the report of why."""
    report = None
    for fact in guest.machine.facts():
        if fact.name == "user-exception" or (fact.name == "fault" and fact.values.get("mode") == "user"):
            report = fact
        if fact.name == "killed" and report is not None and not _is_meant(guest, fact, report):
            yield fact, report


def _is_meant(guest: Sight, killed: Fact, report: Fact) -> bool:
    """Returns whether the process was to be killed like this. Where only its program says so, a fault in its own pages is not."""
    if killed.number("pid") in guest.meant_deaths:
        return True
    if str(programs.meant_to_die().get(killed.values["program"])) != killed.values["signal"]:
        return False
    return report.name != "fault" or not _is_own(guest, killed, report.number("address"))


def _is_own(guest: Sight, killed: Fact, address: int) -> bool:
    """Returns whether the program has been given a page there."""
    if address & -PAGE in guest.layout.user.stack:
        return True
    image = user_image(guest.image.elf, killed.values["program"])
    return any(segment.va <= address < segment.end for segment in image.segments)


def _cause_of_kill(guest: Sight, killed: Fact, report: Fact) -> str:
    """Names the cause of a kill: by the program if it forks, else by whether the fault was in its stack or its own segments."""
    if killed.values["program"] in programs.that_fork():
        return "killed-after-fork"
    if report.name != "fault":
        return "process-killed"
    address, missing = report.number("address"), report.values["cause"] == "not-present"
    user = guest.layout.user
    if user.stack_start <= address < user.stack_top + PAGE:
        return "user-stack-not-mapped" if missing else "wrong-user-permission"
    if not _is_own(guest, killed, address):
        return "process-killed"
    if not missing:
        return "wrong-user-permission"
    first = address == user_image(guest.image.elf, killed.values["program"]).entry
    return "wrong-root-loaded" if first else "user-page-not-mapped"
