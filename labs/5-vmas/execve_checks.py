"""Makes user/tests/vmascript.cc become another program, and checks whether a failed attempt has changed the process."""

import struct
from dataclasses import dataclass

from area_model import Operation
from area_script import AreaScript
from demand_checks import running_slot

from grade.boot.frame_records import frame_records
from grade.boot.layout import PAGE
from grade.boot.user_image import UserImage
from grade.checks.memory_state import Memory, check_same_memory, memory_of
from grade.checks.user_memory import write_user
from grade.diagnosis.diagnose import unexpected_end
from grade.guest.guest import Guest
from grade.inspect.spaces import live_root
from grade.machine.stop import StopKind
from grade.results.failure import expect, fail

_FAULT = "kernel/space/fault.cc"
POINTERS = 256
"""Where in g_strings, after a program's name, the pointers to its arguments are written."""

_TEXTS = 512  # where the arguments are
_BLOCK = 512  # the size of a block of an archive


@dataclass(frozen=True)
class State:
    """All of a process that a failed execve must leave alone."""

    root: int
    program: str
    memory: Memory
    frames: frozenset[int]


def state_of(script: AreaScript) -> State:
    """Reads the state as it is now, without the contents of the pages that the script itself writes to."""
    guest, symbols = script.guest, ("g_count", "g_done", "g_operations", "g_strings")
    written = {script.program.va(symbol) & -PAGE for symbol in symbols}
    operations = script.program.va("g_operations") & -PAGE
    written |= {guest.layout.user.stack_top - PAGE, *range(operations, operations + 6 * PAGE, PAGE)}
    slot = running_slot(guest)
    return State(live_root(guest), slot.program, memory_of(guest, slot, written), frame_records(guest).in_use)


def check_unchanged(script: AreaScript, before: State, what: str) -> None:
    """Checks that the process is as it was, and so are the frames in use."""
    __tracebackhide__ = True
    now, wanted = state_of(script), f"after {what}, which fails,"
    seen = f"{now.root:#x} and {now.program}"
    same = (now.root, now.program) == (before.root, before.program)
    expect(same, "execve-not-undone", f"{wanted} root and name are {before.root:#x} and {before.program}", seen)
    check_same_memory(script.guest, running_slot(script.guest), before.memory, now.memory, "execve-not-undone", wanted)
    lost, gone = now.frames - before.frames, before.frames - now.frames
    seen = f"{len(lost)} more are, first {min(lost, default=0):#x}"
    expect(not lost, "frames-leaked", f"{wanted} the same frames are in use", seen, file=_FAULT)
    seen = f"{len(gone)} are free, first {min(gone, default=0):#x}"
    expect(not gone, "frame-freed-in-use", f"{wanted} the same frames are in use", seen, file=_FAULT)


def put_strings(script: AreaScript, name: bytes, arguments: list[bytes]) -> None:
    """Writes a program's name and its arguments into g_strings."""
    __tracebackhide__ = True
    start, texts, pointers = script.program.va("g_strings"), b"", []
    for argument in arguments:
        pointers.append(start + _TEXTS + len(texts))
        texts += argument + b"\0"
    words = struct.pack(f"<{len(pointers) + 1}Q", *pointers, 0)
    data = (name + b"\0").ljust(POINTERS, b"\0") + words.ljust(_TEXTS - POINTERS, b"\0") + texts
    write_user(script.guest, script.root, start, data)


def execute(script: AreaScript, program: UserImage, pointers: tuple[int, int], what: str) -> int | None:
    """Has an execve made; returns its result right after it, or None where `program` begins."""
    __tracebackhide__ = True
    guest, returned, begun = script.guest, script.program.va("call_returned"), program.entry
    script.hand_over([Operation("execve", (*pointers, 0))])
    ended = guest.image.function("end_current")
    for va in (returned, begun, ended):
        guest.machine.insert_breakpoint(va)
    stop = guest.last_stop = guest.machine.run()
    if stop.kind is not StopKind.BREAKPOINT:
        unexpected_end(guest, stop, what)
    for va in (returned, begun, ended):
        guest.machine.remove_breakpoint(va)
    if stop.pc == ended:
        killed = guest.fact("killed")
        # If the process's own tables have the page that the CPU did not find, the CPU walks others.
        cause = "wrong-root-loaded" if killed.values.get("why") == "already-mapped" else "process-killed"
        fail(cause, f"{what} begins the new program, or returns", killed.line, file=_FAULT)
    return script.results(1)[0] if stop.pc == returned else None


def file_in_archive(guest: Guest, name: str) -> int:
    """Returns where in RAM the content of an archive's file begins (POSIX.1-2017, pax, "ustar Interchange Format")."""
    at, end = guest.image.pa("archive_start"), guest.image.pa("archive_end")
    while at < end:
        header = guest.read_physical(at, _BLOCK)
        if header[:100].rstrip(b"\0").decode() == name:
            return at + _BLOCK
        at += _BLOCK + -(-int(header[124:135], 8) // _BLOCK) * _BLOCK
    raise KeyError(f"there is no {name} in the archive")
