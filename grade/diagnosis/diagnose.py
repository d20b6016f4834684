"""Why a guest ended in an unexpected way: from how QEMU stopped, the facts it left, its registers and its tables.

The order matters. What the kernel could still report comes first; if it could not, the registers of the frozen machine
show what the CPU was trying to do, and the walk of that address shows why it could not.
"""

from typing import NoReturn

from grade.boot.sight import LiveSight, Sight
from grade.diagnosis.blame import by_whom, place_of, students_line, system_call_of
from grade.diagnosis.fault_cause import Attempt, cause_of_fault
from grade.diagnosis.process_ends import killed_process, missing_in_root, panic_cause, trap_without_stack
from grade.diagnosis.window_ends import file_in_window, panic_while_closing
from grade.isa.registers import CpuState
from grade.isa.traps import Role
from grade.machine.facts import Fact, MalformedFact
from grade.machine.stop import AT_PROMPT, Stop, StopKind
from grade.results.causes import CAUSES
from grade.results.failure import Failure, NotWritten, fail
from grade.visible import visible
from grade.walker import Access

# Exceptions that recur use up the stack again and again: a guest may be stopped just when it has run out.
_AFTERMATH = ("stack-overflow", "unexpected-fault")
_OF_ANY_LINE = ("unexpected-fault", "user-pointer-trusted")  # causes that any line of the kernel can bring about
_OF_USERS = ("not-present", "permission", "alignment", "non-canonical")  # causes of a fault that a user can bring about
_ACCESSES = tuple(access.value for access in Access)
_SAMPLES = 4
_LAST_ENDS = 3
_ENTRANCE = 32  # instructions: more than there are where a handler begins
_MOST_STEPS = 2048  # a tick takes the kernel some hundred instructions
_FLOOD = 128 << 10  # far more than any milestone's script prints; a slow port may not reach the machine's own limit


def unexpected_end(guest: LiveSight, stop: Stop, wanted: str) -> NoReturn:
    """Raises the Failure, or NotWritten, that explains `stop`; `wanted` is what should have happened instead."""
    __tracebackhide__ = True
    _reported_end(guest, wanted)
    if stop.kind is not StopKind.EXITED:
        _check_code_is_high(guest, wanted)
    if stop.kind is StopKind.POWERED_OFF:
        fail("early-exit", wanted, f"the kernel turned the machine off, {_doing(guest, guest.cpu())}")
    if stop.kind is StopKind.EXITED:
        _gone(stop, wanted)
    if stop.kind is StopKind.FLOOD:
        fail("serial-flood", wanted, f"{stop.detail}; the kernel was {_doing(guest, guest.cpu())}")
    if stop.kind is StopKind.RESET:
        _reset(guest, wanted)
    if stop.kind is StopKind.HANG:
        _hang(guest, stop, wanted)
    fail("hang", wanted, f"the machine stopped ({stop.detail}), {_doing(guest, guest.cpu())}")


def _gone(stop: Stop, wanted: str) -> NoReturn:
    """Raises the failure for a QEMU that gave up; RuntimeError if somebody ended it, which is not the guest's doing."""
    __tracebackhide__ = True
    if stop.from_outside:
        raise RuntimeError(f"QEMU has gone: {stop.detail}")
    fail("early-exit", wanted, f"what the kernel did has made QEMU itself give up: {visible(stop.detail)}")


def _doing(guest: Sight, cpu: CpuState) -> str:
    """Returns what the CPU was doing, in words."""
    place = guest.place(cpu.pc)
    return f"at {cpu.pc:#x}" + (f" ({place})" if place else "")


def _check_code_is_high(guest: Sight, wanted: str, pc: int | None = None) -> None:
    """Fails if the stack has moved to the high addresses and the code has not; `pc` is where the code was, if known."""
    __tracebackhide__ = True
    cpu, text = guest.cpu(), guest.layout.region("text")
    if pc is None:  # in Arm's vectors the pc is theirs; the link register still tells who ran
        pc = cpu.registers.get(guest.isa.registers.link, cpu.pc) if guest.isa.traps.is_at_entrance(guest, cpu) else cpu.pc
    if not guest.offset or not text.pa <= pc < text.end:
        return
    where = f"{cpu.sp:#x}" if cpu.sp >= guest.offset else "it ran out, by one fault after the other"
    if cpu.sp >= guest.offset or _is_on_lost_emergency_stack(guest, cpu):
        fail(
            "pc-still-low",
            wanted,
            f"the stack is high ({where}), but the code runs low: at {pc:#x} ({guest.place(pc)})",
            guest.walk(pc),
        )


def _is_on_lost_emergency_stack(guest: Sight, cpu: CpuState) -> bool:
    """Returns whether low code uses the emergency stack by its low address, which is gone.

    It went there because the stack was full. With the low map gone, only a high stack could be filled.
    """
    region = guest.layout.region_at(cpu.sp)
    return region is not None and region.name == "emergency-stack" and guest.walk(cpu.sp).mapping is None


# --- the kernel could still report -----------------------------------------------------------------------------------


def _reported_end(guest: Sight, wanted: str) -> None:
    """Raises the failure that the kernel's first report of an end describes; returns if there is no such report.

    That a process was killed through no fault of its own explains more than what happened after it.
    """
    __tracebackhide__ = True
    for fact in guest.facts("todo"):
        _todo(guest, fact, wanted)
    if (killed := killed_process(guest, wanted)) is not None:
        raise killed
    reporters = {
        "panic": _panic,
        "stack-overflow": _overflow,
        "exception": _exception,
        "fault": _fault,
        "missing-in-root": _missing_in_root,
    }
    for fact in guest.machine.facts():
        if fact.name in reporters and fact.values.get("fatal") != "no":
            reporters[fact.name](guest, fact, wanted)


def _todo(guest: Sight, fact: Fact, wanted: str) -> NoReturn:
    __tracebackhide__ = True
    raise NotWritten(fact.values.get("function", "?"))


def _panic(guest: Sight, fact: Fact, wanted: str) -> NoReturn:
    __tracebackhide__ = True
    place = f"{fact.values.get('file')}:{fact.values.get('line')}"
    line = next((line for line in guest.machine.serial().splitlines() if line.startswith("kernel bug:")), "")
    if (cause := panic_while_closing(guest, fact)) is not None:
        fail(cause, wanted, f"{line}, while a window was being closed")
    cause = panic_cause(guest, fact)
    seen = line or f"a CHECK failed at {place}"
    call = students_line(guest)
    if cause != "kernel-check-failed" and CAUSES[cause].file:
        is_callers = cause == "root-freed-while-loaded" and call is not None  # who gave it back has also loaded it
        fail(cause, wanted, seen, file=place_of(call, "") if is_callers else "")
    if call is not None and call.file == fact.values.get("file"):  # it knows its line better than the chain of calls does
        call = None
    fail(cause, wanted, seen + by_whom(call, place), file=place_of(call, place))


def _missing_in_root(guest: Sight, fact: Fact, wanted: str) -> NoReturn:
    __tracebackhide__ = True
    raise missing_in_root(guest, fact, wanted)


def _overflow(guest: Sight, fact: Fact, wanted: str) -> NoReturn:
    """Raises the failure for a stack that ran out, or that no longer exists."""
    __tracebackhide__ = True
    top, pc = fact.number("sp") - 8, fact.number("pc")
    cause = cause_of_fault(guest, Attempt(top, Access.WRITE, _has_moved(guest, pc), Role.STACK))
    # Arm's vectors see that there is no room before they push: what is below the stack pointer may still be there.
    has_room = guest.walker().would_fault(top, Access.WRITE.value, user=False) is None
    if not has_room and cause not in ("unexpected-fault", "stack-overflow"):
        fail(cause, wanted, fact.line, guest.walk(top))
    call = students_line(guest, (pc, top + 8))
    fail("stack-overflow", wanted, fact.line + by_whom(call, ""), guest.walk(top), place_of(call, ""))


def _exception(guest: Sight, fact: Fact, wanted: str) -> NoReturn:
    __tracebackhide__ = True
    pc = fact.number("pc")
    if fact.values["mode"] == "user" and (explained := trap_without_stack(guest, guest.cpu(), wanted)) is not None:
        raise explained
    place, call = guest.place(pc), students_line(guest)
    seen = f"{fact.values['name']} at {pc:#x} ({place or 'not kernel code'})" + by_whom(call, place)
    fail("unexpected-exception", wanted, seen, file=place_of(call, guest.image.source_line(pc)))


def _fault(guest: Sight, fact: Fact, wanted: str) -> NoReturn:
    __tracebackhide__ = True
    address, pc = fact.number("address"), fact.number("pc")
    if fact.values["mode"] == "user" and fact.values["cause"] in _OF_USERS:
        fail("user-fault-stops-kernel", wanted, fact.line, guest.walk(address))
    _check_code_is_high(guest, wanted, pc)
    if fact.values["access"] not in _ACCESSES:
        raise MalformedFact(f"{fact.line} (access= is none of {', '.join(_ACCESSES)})")
    raise _explained(guest, address, Access(fact.values["access"]), pc, wanted)


def _explained(guest: Sight, address: int, access: Access, pc: int, wanted: str) -> Failure:
    """Returns the failure that an access to `address` explains."""
    cause = cause_of_fault(guest, Attempt(address, access, _has_moved(guest, pc)))
    place = guest.place(pc)
    seen = f"a fault: {access.value} of {address:#x} by {pc:#x}" + (f" ({place})" if place else "")
    walk = guest.walk(address)
    if cause not in _OF_ANY_LINE:
        return Failure(cause, wanted, seen, walk, file_in_window(guest, walk, cause))
    call = students_line(guest)
    return Failure(cause, wanted, seen + by_whom(call, place), walk, place_of(call, guest.image.source_line(pc)))


def _has_moved(guest: Sight, pc: int) -> bool:
    """Returns whether the kernel was at its high addresses: by its pc, or by its stack if handlers run low."""
    return max(pc, guest.cpu().sp) >= guest.offset


# --- the kernel could not report -------------------------------------------------------------------------------------


def _reset(guest: Sight, wanted: str) -> NoReturn:
    """Explains a reset: on some ISAs an exception whose handler could not be reached; on others the kernel's own doing."""
    __tracebackhide__ = True
    cpu = guest.cpu()
    if not guest.isa.traps.resets:
        fail("early-exit", wanted, f"the kernel reset the machine, {_doing(guest, cpu)}")
    raise unreachable_handler(guest, cpu, wanted) or Failure(
        "triple-fault", wanted, f"the machine reset, {_doing(guest, cpu)}", guest.walk(cpu.fault_address)
    )


def _hang(guest: LiveSight, stop: Stop, wanted: str) -> NoReturn:
    """Explains a hang. A kernel that faults while it reports a fault looks the same from outside as a loop."""
    __tracebackhide__ = True
    guest.machine.use_up_budget()  # to look again is a moment from now on
    _check_no_endless_process(guest, stop, wanted)
    for _ in range(_SAMPLES):
        cpu = guest.cpu()
        in_vectors = guest.isa.traps.is_at_entrance(guest, cpu)
        unreachable = unreachable_handler(guest, cpu, wanted) if in_vectors else None
        # In the first instructions of Arm's vectors sp is not the stack pointer: the last fault says more.
        known = unreachable if unreachable is not None and unreachable.cause not in _AFTERMATH else None
        explained = known or _unreported_fault(guest, cpu, wanted) or unreachable
        if explained is None and not in_vectors:
            break
        if explained is not None and explained.cause not in _AFTERMATH:
            raise explained
        if guest.machine.run().kind is not StopKind.HANG:  # the budget being used up, this is a moment
            break
    if explained is not None:
        raise explained
    if len(guest.machine.serial()) > _FLOOD:
        fail("serial-flood", wanted, f"{len(guest.machine.serial())} bytes on the serial line; {_doing(guest, cpu)}")
    if in_vectors and not _goes_on_from_entrance(guest):
        fail("recursive-vector", wanted, f"the exception vector at {cpu.pc:#x} faults again and again")
    if stop.detail == AT_PROMPT and (ended := guest.facts("exit")):  # its programs went another way: nothing hangs
        last = "; ".join(fact.line for fact in ended[-_LAST_ENDS:])
        fail("wrong-result", wanted, f"the script is over, and nobody came there. The programs that ended last: {last}")
    doing, call, served = _doing(guest, cpu), students_line(guest), system_call_of(guest)
    within = f"in the system call {served}, " if served and not stop.asleep else ""
    fail(
        "hang",
        wanted,
        f"{stop.detail}; the kernel is {within}{doing}" + by_whom(call, doing),
        file=place_of(call, guest.image.source_line(cpu.pc)),
    )


def _goes_on_from_entrance(guest: LiveSight) -> bool:
    """Returns whether the handler makes progress: an exception that recurs is often seen where its handler begins."""
    for _ in range(_ENTRANCE):
        if guest.machine.step().kind is not StopKind.STEP:
            return False
        if not guest.isa.traps.is_at_entrance(guest, guest.cpu()):
            return True
    return False


def _check_no_endless_process(guest: LiveSight, stop: Stop, wanted: str) -> None:
    """Fails if user code runs on and on.

    Ticks interrupt it, and on a busy machine every stop may find it in the kernel: the kernel is then stepped, without
    interrupts, until it has gone back to its program.
    """
    if stop.asleep or not guest.facts("process"):
        return
    pc = guest.cpu().pc
    for _ in range(_MOST_STEPS):
        if pc < guest.offset and guest.cpu().is_user:
            if (again := _fault_that_comes_again(guest, wanted)) is not None:
                raise again
            fail("user-makes-no-progress", wanted, f"{stop.detail}; a process goes on and on, at {pc:#x}")
        step = guest.machine.step()
        if step.kind is not StopKind.STEP or step.pc is None:
            return
        pc = step.pc


def _fault_that_comes_again(guest: LiveSight, wanted: str) -> Failure | None:
    """Returns the failure of a process that the kernel has go on with the instruction that faulted, and that faults again.

    The guest is about to execute an instruction of the process. None if that goes on, or if the tables permit the access.
    """
    pc = guest.cpu().pc
    steps = (guest.machine.step() for _ in range(_MOST_STEPS))
    ended = next((n for n, step in enumerate(steps) if step.pc is None or step.pc < guest.offset), 0)
    cpu = guest.cpu()
    if ended == 0 or cpu.pc != pc or not cpu.is_user:  # not by way of the kernel, or not back to the same instruction
        return None
    address, walker = cpu.fault_address, guest.walker()
    accesses = [Access.EXECUTE] if address == pc else [Access.READ, Access.WRITE]
    refused = {access: walker.would_fault(address, access.value, user=True) for access in accesses}
    access = next((access for access, reason in refused.items() if reason is not None), None)
    if access is None:
        return None
    seen = (
        f"the process faults at {pc:#x}, the kernel returns to it as if the page were there, and it faults again, for ever: "
        f"{access.value} of {address:#x} ({refused[access]})"
    )
    return Failure("fault-comes-again", wanted, seen, guest.walk(address))


def _unreported_fault(guest: Sight, cpu: CpuState, wanted: str) -> Failure | None:
    """Explains the last fault if it concerns the kernel's map, would recur, and was not reported by the kernel."""
    address, access = cpu.fault_address, guest.isa.traps.last_access(cpu)
    reported = any(fact.number("address") == address for fact in guest.facts("fault"))
    region = guest.layout.region_of(address)
    if reported or region is None or region.name == "page-0":  # 0 is also what the register holds at first
        return None
    if address < guest.offset and guest.facts("process"):  # a program's: such a fault may just have brought its page
        return None
    if guest.walker().would_fault(address, access.value, user=False) is None:
        return None
    cause = cause_of_fault(guest, Attempt(address, access, _has_moved(guest, cpu.pc)))
    seen = f"the report of a fault faults itself: {access.value} of {address:#x}; the kernel is {_doing(guest, cpu)}"
    return Failure(cause, wanted, seen, guest.walk(address))


def unreachable_handler(guest: Sight, cpu: CpuState, wanted: str, *, at_its_end: bool = True) -> Failure | None:
    """Returns the failure named by the first thing on the way to the exception handler that does not translate.

    A guest `at_its_end` was about to take an exception: then what it was doing counts as well.
    """
    if not cpu.translation_on:
        return None
    for need in guest.isa.traps.way_to_handler(guest, cpu, at_its_end=at_its_end):
        refused = guest.walker().would_fault(need.va, need.access.value, user=False)
        if refused is None:
            continue
        cause = cause_of_fault(guest, Attempt(need.va, need.access, _has_moved(guest, cpu.pc), need.role))
        seen = f"no exception can be handled: {need.what} at {need.va:#x} is not reachable ({refused})"
        return Failure(cause, wanted, seen, guest.walk(need.va))
    return None
