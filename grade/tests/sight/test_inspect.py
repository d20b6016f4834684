"""What is told about a stopped guest's memory, on the whole tree's kernel: it is right, and survives what is broken."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from fork_checks import run_to_birth

from grade.boot.frame_records import record_address
from grade.boot.layout import PAGE
from grade.boot.process_slots import memory_map, slot_of
from grade.checks.process_checks import walk_in
from grade.gdb.why import last_fault, why_lines
from grade.guest.guest import Guest
from grade.guest.trapped import run_to_system_call, trap_frame_of
from grade.inspect.diff import diff_lines
from grade.inspect.frames import frame_use, frames_lines, places_of
from grade.inspect.lint import lint
from grade.inspect.map_text import map_lines, map_of
from grade.inspect.names import Names
from grade.inspect.spaces import NoSuchSpace, live_space, space_called, spaces, walker_of
from grade.inspect.trap_frame import TrapFrame, frame_at
from grade.inspect.walk_text import walk_lines
from grade.ladder.build import Kernel
from grade.ladder.build_errors import DEBUG_ROOT
from grade.ladder.trees import find_root

ROOT = find_root(Path(__file__))
TEXT, STACK = 0x400000, (1 << 30) - PAGE  # of a user program

Boot = Callable[..., Guest]


@pytest.fixture
def hello(boot: Boot) -> Guest:
    """Returns a process that is about to write."""
    guest = boot("checkpoint ready", "run hello")
    guest.run_to("ready")
    run_to_system_call(guest, "write", "hello's first write")
    return guest


def entry_address(guest: Guest, va: int, level: int = 0) -> int:
    """Returns where the entry of this level for `va` is."""
    return next(step.entry_address for step in guest.walk(va).steps if step.level == level)


def change_entry(guest: Guest, va: int, change: Callable[[int], int], level: int = 0) -> None:
    at = entry_address(guest, va, level)
    guest.machine.write_physical(at, (change(guest.read_word(at)) & (1 << 64) - 1).to_bytes(8, "little"))


# --- maps and names --------------------------------------------------------------------------------------------------


def test_a_map_has_every_page_once_under_its_name(hello: Guest) -> None:
    found = map_of(hello, live_space(hello))
    pages = list(hello.walker().mappings())
    assert sum(entry.range.size for entry in found.ranges) == sum(page.size for page in pages)
    assert sum(entry.range.pages for entry in found.ranges) == len(pages)
    names = {entry.name for entry in found.ranges}
    assert {"text", "rodata", "data", "boot-stack", "frames", "image", "stack", "kernel stack of 2 (hello)"} <= names
    assert all(entry.name for entry in found.ranges) and not any(entry.warnings for entry in found.ranges)
    text = next(entry for entry in found.ranges if entry.name == "text")
    assert text.range.pa == hello.layout.region("text").pa and 0 < text.accessed <= text.range.pages
    lines = map_lines(found)
    assert len(lines) == 1 + len(found.ranges) and lines[0] == f"process 2 (hello), root {found.space.root:#x}"


def test_before_translation_nothing_is_said_to_be_mapped(boot: Boot) -> None:
    guest = boot("")
    found = map_of(guest, live_space(guest))
    assert not found.ranges and "translation is off" in found.problem
    assert "an access goes to the physical address" in walk_lines(guest, guest.walker(), TEXT)[-1]


def test_spaces_are_called_by_pid_or_root(hello: Guest) -> None:
    slot = slot_of(hello, 2)
    assert space_called(hello, "2") == space_called(hello, hex(slot.root)) == live_space(hello)
    assert [space.label for space in spaces(hello)] == ["the kernel", "process 2 (hello)"]
    with pytest.raises(NoSuchSpace, match="no process 7 has an address space; these have: 0, 2"):
        space_called(hello, "7")
    with pytest.raises(NoSuchSpace, match="x is neither a PID nor"):
        space_called(hello, "x")
    assert space_called(hello, "0x1000").slot is None
    with pytest.raises(NoSuchSpace, match="0x1234 is no root: that begins where a page does, as at 0x1000"):
        space_called(hello, "0x1234")


def test_names_of_addresses(hello: Guest) -> None:
    names, slot = Names(hello, live_space(hello)), slot_of(hello, 2)
    assert names.of(slot.stack_top - 1) == "kernel stack of 2 (hello)" and names.of(slot.stack_top) == ""
    assert names.of(hello.image.va("boot_stack") - 1) == "boot-stack-guard"
    assert names.of(hello.offset + (1 << 40) + 3 * PAGE) == "window 3"
    assert names.of(hello.layout.region("text").pa) == "text (low)"
    for area in memory_map(hello, slot).areas:
        assert names.of(area.start) == names.of(area.end - 1) == area.kind


def test_the_place_of_what_a_library_inlined_is_in_the_tree(boot: Boot) -> None:
    image = boot("").image
    addresses = list(range(image.va("image_start") & -4, image.va("text_end"), 4))
    tool = [f"{image.isa}-linux-gnu-addr2line", "-e", str(image.elf)]
    run = subprocess.run(tool, input="\n".join(map(hex, addresses)), capture_output=True, text=True, check=True)
    lines = zip(addresses, run.stdout.splitlines(), strict=True)
    of_library = [address for address, line in lines if line.startswith("/") and not line.startswith(f"{DEBUG_ROOT}/")]
    assert of_library
    chains = subprocess.run(
        [*tool, "-a", "-i"], input="\n".join(map(hex, of_library)), capture_output=True, text=True, check=True
    )
    told = re.findall(r"^0x(\w+)\n((?:/.*\n)*)", chains.stdout, re.MULTILINE)
    without_tree = [int(address, 16) for address, places in told if DEBUG_ROOT not in places]
    for address in of_library[:: len(of_library) // 5 + 1] + without_tree[:: len(without_tree) // 5 + 1]:
        assert re.search(r" at (arch|kernel|user)/[^:]+:\d+$", image.place(address)), image.place(address)


# --- walks -----------------------------------------------------------------------------------------------------------


def test_a_walk_names_every_bit_and_what_an_access_would_do(hello: Guest) -> None:
    walk = hello.walk(TEXT)
    text = "\n".join(walk_lines(hello, hello.walker(), TEXT))
    for step in walk.steps:
        assert f"level {step.level}  {step.name}[{step.index}]  at {step.entry_address:#x} = {step.entry:#018x}" in text
        for bit in step.bits:
            number = str(bit.low) if bit.width == 1 else f"{bit.low + bit.width - 1}:{bit.low}"
            assert re.search(rf"^ +{number} {re.escape(bit.name)} += {bit.value:#x} ", text, re.MULTILINE)
    assert f"{TEXT:#x} is {walk.pa:#x}, in a 4 KiB page" in text
    assert "a user: read: yes, write: would fault (no-write), execute: yes" in text
    kernels = "\n".join(walk_lines(hello, hello.walker(), hello.image.va("text_end") - 1))
    assert kernels.endswith("a user: nothing")


def test_a_walk_that_ends_early_says_where_and_why(hello: Guest) -> None:
    lines = walk_lines(hello, hello.walker(), 0)
    level = hello.walk(0).steps[-1].level
    assert lines[-1] == f"any access would fault: not-present at level {level}"


# --- frames ----------------------------------------------------------------------------------------------------------


def test_a_frame_has_its_owner_and_its_shares(hello: Guest) -> None:
    pa = hello.walk(TEXT).pa
    assert [(space.slot.pid, va) for space, va, _ in places_of(hello, pa + 5)] == [(2, TEXT + 5)]
    assert str(frame_use(hello, pa + 5)) == f"frame {pa:#x}: 1 share, the page 0x400000 of process 2 (hello)"
    assert "not the allocator's" in str(frame_use(hello, hello.layout.region("text").pa))
    root = slot_of(hello, 2).root
    assert "1 share, the root of process 2 (hello)" in str(frame_use(hello, root))
    kernel_text = hello.layout.region("text").pa
    assert [va for _, va, _ in places_of(hello, kernel_text)] == [kernel_text + hello.offset]
    lines = frames_lines(hello)
    assert len(lines) == 2 and "2 maps" not in lines[1] and "1 maps" in lines[1]


def test_a_frame_that_is_free_and_in_use_is_named(hello: Guest) -> None:
    pa = hello.walk(TEXT).pa
    hello.machine.write_physical(record_address(hello, pa), bytes(4))
    line = f"free, and yet {pa:#x} is the page 0x400000 of process 2 (hello)"
    assert line in frames_lines(hello) and line in lint(hello)
    assert line in lint(hello, [space_called(hello, "2")]) and line not in lint(hello, [space_called(hello, "0")])


def test_a_page_of_a_kernel_stack_in_a_free_frame_is_named(hello: Guest) -> None:
    page = slot_of(hello, 2).stack_top - PAGE
    pa = hello.walk(page).pa
    hello.machine.write_physical(record_address(hello, pa), bytes(4))
    assert f"free, and yet {pa:#x} is page {page:#x} of a kernel stack" in lint(hello)


def test_a_frame_that_two_have_and_one_holds_is_named(hello: Guest) -> None:
    pa = hello.walk(TEXT).pa
    change_entry(hello, STACK, lambda entry: entry - hello.walk(STACK).pa + pa)
    line = next(line for line in lint(hello) if line.startswith(f"held by 1 share, and yet {pa:#x} is "))
    assert line in frames_lines(hello)
    assert all(f"the page {va:#x} of process 2 (hello)" in line for va in (TEXT, STACK)) and " and the page " in line
    hello.machine.write_physical(record_address(hello, pa), (2).to_bytes(4, "little"))
    assert not any("and yet" in line for line in lint(hello))


def test_a_lost_frame_is_named(hello: Guest) -> None:
    pa = hello.walk(STACK).pa
    change_entry(hello, STACK, lambda entry: 0)
    assert any(f"nothing leads to them (1): {pa:#x}" in line for line in frames_lines(hello))


# --- differences -----------------------------------------------------------------------------------------------------


def test_differences_between_moments_and_between_processes(boot: Boot) -> None:
    guest = boot("checkpoint ready", "run twin")
    guest.run_to("ready")
    run_to_system_call(guest, "fork", "the fork of twin")
    before = map_of(guest, live_space(guest))
    assert diff_lines(before, map_of(guest, live_space(guest))) == []
    text = guest.walk(TEXT)
    change_entry(guest, STACK, lambda entry: 0)
    after = map_of(guest, live_space(guest))
    assert [line[:18] for line in diff_lines(before, after)] == [f"- {STACK:016x}"]
    assert [line[:18] for line in diff_lines(after, before)] == [f"+ {STACK:016x}"]
    change_entry(guest, TEXT, lambda entry: entry + PAGE)
    changed = [line for line in diff_lines(after, map_of(guest, live_space(guest))) if line.startswith("~")]
    assert len(changed) == 1 and f"{text.pa:#x}" in changed[0] and f"->  {text.pa + PAGE:#x}" in changed[0]
    others = diff_lines(map_of(guest, space_called(guest, "0")), map_of(guest, space_called(guest, "2")))
    assert others and all(line.startswith("+ 0000") for line in others)


# --- what is broken --------------------------------------------------------------------------------------------------

_WRITABLE = {"x86_64": lambda entry: entry | 1 << 1, "aarch64": lambda entry: entry & ~(1 << 7)}
_FOR_USERS = {"x86_64": lambda entry: entry | 1 << 2, "aarch64": lambda entry: entry | 1 << 6}
_RESERVED = {"x86_64": (3, lambda entry: entry | 1 << 7), "aarch64": (0, lambda entry: entry & ~(1 << 1))}
"""At this level, this makes the entry one that may not be: PS in the root; a block among the pages."""


def test_nothing_is_found_where_nothing_is_wrong(hello: Guest) -> None:
    assert lint(hello) == []


def test_writable_code_and_user_pages_of_the_kernel_are_found(hello: Guest) -> None:
    text = hello.image.va("text_end") - PAGE & -PAGE
    change_entry(hello, text, _WRITABLE[hello.isa.name])
    assert any(f"{text:#x}-" in line and line.endswith("W+X") for line in lint(hello))
    data = hello.image.va("data_start")
    change_entry(hello, data, _FOR_USERS[hello.isa.name])
    assert any(f"{data:#x}-" in line and line.endswith("user in the kernel's half") for line in lint(hello))
    assert "  <-- W+X" in "\n".join(map_lines(map_of(hello, live_space(hello))))


def test_unusable_entries_are_found(hello: Guest) -> None:
    level, change = _RESERVED[hello.isa.name]
    at = entry_address(hello, TEXT, level)
    change_entry(hello, TEXT, change, level)
    assert any(line.startswith("process 2 (hello): ") and f"at {at:#x} = " in line for line in lint(hello))
    assert map_lines(map_of(hello, live_space(hello)))[-1].startswith("and 1 entries that the CPU would not accept")


def test_pages_that_nobody_promised_are_found(hello: Guest) -> None:
    stray = 0x500000
    source = hello.read_word(entry_address(hello, TEXT))
    at = entry_address(hello, TEXT) + (stray - TEXT) // PAGE * 8
    hello.machine.write_physical(at, source.to_bytes(8, "little"))
    assert f"process 2 (hello): {stray:#x} is mapped, and in none of its areas" in lint(hello)
    change_entry(hello, TEXT, _WRITABLE[hello.isa.name])
    assert any(f"{TEXT:#x} can be written, and its area is" in line for line in lint(hello))


def test_a_frame_that_two_processes_can_write_to_is_found(boot: Boot) -> None:
    guest = boot("checkpoint ready", "run twin")
    guest.run_to("ready")
    birth = run_to_birth(guest, "the fork of twin")
    assert lint(guest) == []
    entries = [walk_in(guest, slot.root, STACK).steps[-1].entry_address for slot in (birth.parent, birth.child)]
    guest.machine.write_physical(entries[1], guest.read_physical(entries[0], 8))
    pa = walk_in(guest, birth.parent.root, STACK).pa
    line = f"{birth.child}: {STACK:#x} can be written, and its frame {pa:#x} by {birth.parent}, too, at {STACK:#x}"
    assert line in lint(guest)


def test_page_0_is_nobodys_even_if_an_area_has_it(boot: Boot) -> None:
    guest = boot("run trespass read 0x10")
    handler = next(va for name, va in guest.image.symbols.items() if name.startswith("_Z17handle_user_fault"))
    slot = None
    while slot is None or (fault := last_fault(guest, _trap_frame(guest))).address != 0x10:
        guest.run_to_address(handler, "the fault of trespass")
        slot = slot_of(guest, 2)
    first = memory_map(guest, slot).areas[0]
    data = guest.read_physical(slot.map, PAGE)
    at = data.index(first.start.to_bytes(8, "little") + first.end.to_bytes(8, "little"))
    guest.machine.write_physical(slot.map + at, bytes(8))  # the first area begins at 0
    assert fault.user and memory_map(guest, slot).area_of(0x10) is not None
    told = "\n".join(why_lines(guest, _trap_frame(guest)))
    assert "has page 0, which is nobody's, whatever an area says: the process is killed (bad-address)" in told, told


def test_tables_that_lead_to_themselves_end_every_command(hello: Guest) -> None:
    """The root's entries all lead back to the root: four levels of loops, and then pages everywhere."""
    root, space = slot_of(hello, 2).root, live_space(hello)
    loop = hello.read_word(entry_address(hello, TEXT, level=3)) & 0xFFF | root
    hello.machine.write_physical(root, loop.to_bytes(8, "little") * 512)
    walker = walker_of(hello, space)
    assert map_lines(map_of(hello, space))
    assert lint(hello)
    assert list(places_of(hello, root))
    assert walk_lines(hello, walker, TEXT) and frames_lines(hello)


def test_a_root_outside_memory_ends_every_command(hello: Guest) -> None:
    nowhere = space_called(hello, "0x7f000000000")
    assert map_lines(map_of(hello, nowhere))
    assert "table-outside-memory" in walk_lines(hello, walker_of(hello, nowhere), TEXT)[-1]


# --- why -------------------------------------------------------------------------------------------------------------


def test_a_fault_of_a_users_is_explained(boot: Boot, kernel: Kernel) -> None:
    guest = boot("run deep 40000")
    handler = next(va for name, va in guest.image.symbols.items() if name.startswith("_Z17handle_user_fault"))
    for _ in range(100):
        guest.run_to_address(handler, "a fault of deep's")
        frame = _trap_frame(guest)
        fault = last_fault(guest, frame)
        assert fault is not None and fault.user
        area = memory_map(guest, slot_of(guest, 2)).area_of(fault.address)
        text = "\n".join(why_lines(guest, frame))
        assert f"{fault.access.value} of {fault.address:#x}" in text
        if area is None:
            assert "no area of process 2 (deep) has this address: the process is killed (no-area)" in text
            return
        assert f"its area {area} promises this: the fault handler has to bring the page" in text
    raise AssertionError("deep never left its stack")


def _trap_frame(guest: Guest) -> TrapFrame | None:
    """Returns a frame as grade/gdb/trap.py reads it, for a trap out of user mode."""
    top = slot_of(guest, 2).stack_top
    return frame_at(guest, top - trap_frame_of(guest).size)


def test_a_kernel_that_cannot_take_exceptions_is_explained(hello: Guest) -> None:
    """Stopped in the kernel, with its vectors out of reach: that is the first thing to say."""
    vectors = hello.cpu().vectors
    va = vectors.get("VBAR") or vectors["IDT"]
    change_entry(hello, va, lambda entry: 0)
    text = "\n".join(why_lines(hello, None))
    assert "no exception can be handled" in text and "cause: " in text and "not present, so the walk ends here" in text


def test_a_write_to_the_kernels_code_is_no_fault_of_the_tables(boot: Boot) -> None:
    kernel = boot("").image
    text = kernel.va("text_end") - PAGE & -PAGE
    guest = boot(f"poke {text:#x} 1")
    handler = next(va for name, va in guest.image.symbols.items() if name.startswith("_Z11print_fault"))
    guest.run_to_address(handler, "the report of a fault")
    frame = None
    if guest.isa.name == "x86_64":
        registers = {"vector": 14, "error": 3, "rip": guest.image.va("text_end") - 1}
        frame = TrapFrame(0, registers)
    lines = why_lines(guest, frame)
    assert f"write of {text:#x}" in "\n".join(lines)
    assert lines[-1] == "the tables are right: nobody may write in the kernel's text"
    change_entry(guest, text, lambda entry: 0)
    assert why_lines(guest, frame)[-1].startswith("cause: ")


def test_where_there_was_no_fault_it_says_so(hello: Guest) -> None:
    assert "no page fault is being handled here" in why_lines(hello, None)[-1]
