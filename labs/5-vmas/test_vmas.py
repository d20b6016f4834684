"""Lab 5: what a process was promised, and how its pages follow."""

import random
import struct
from collections.abc import Callable
from pathlib import Path

from grade.boot.frame_records import frame_records
from grade.boot.guest import Guest
from grade.boot.kernel_image import KernelImage
from grade.boot.layout import PAGE, layout_of
from grade.boot.process_slots import ProcessSlot, memory_map, process_slots
from grade.boot.processes import USER_STACK_TOP
from grade.boot.user_image import UserImage, loaded_pages, user_image
from grade.checks.area_checks import check_areas, present_pages
from grade.checks.area_model import (
    ANONYMOUS,
    EXECUTE,
    FIXED,
    FIXED_NOREPLACE,
    MAP_START,
    MUNMAP,
    PRIVATE,
    READ,
    STACK_LIMIT,
    USER_END,
    WRITE,
    AreaModel,
    Operation,
    brk,
    call,
    load,
    mmap,
    mprotect,
    munmap,
    store,
    sweep,
)
from grade.checks.area_script import AreaScript
from grade.checks.demand_checks import check_promised, heap_start, promised_areas, run_or_end, running_slot
from grade.checks.host_tests import check_host_tests
from grade.checks.ledger import check_frames
from grade.checks.process_checks import user_mappings, walk_in
from grade.checks.random_areas import RandomAreas
from grade.checks.user_memory import read_user
from grade.diagnosis.failure import expect, fail
from grade.plugin import milestone

Boot = Callable[..., Guest]

_VMA, _FAULT, _LOAD = "kernel/mm/vma.cc", "kernel/mm/fault.cc", "kernel/proc/load.cc"
_FAR = MAP_START + (1 << 39) + (1 << 30) + (1 << 21)
"""An address that needs tables of its own at every level."""


# --- what several milestones need ------------------------------------------------------------------------------------


def _program(guest: Guest, name: str) -> UserImage:
    return user_image(Path(guest.recipe.elf), name)


def _started(guest: Guest, name: str) -> ProcessSlot:
    """The process that runs `name`, started last."""
    __tracebackhide__ = True
    guest_says = [fact.line for fact in guest.facts("run")]
    slots = [slot for slot in process_slots(guest) if slot.program == name and slot.state == "ready"]
    expect(bool(slots), "wrong-result", f"the program {name} can be loaded", f"{guest_says}", file=_LOAD)
    return slots[-1]


def _run_to_end(guest: Guest, name: str) -> ProcessSlot:
    """Runs until a process that has been started ends. It must do so by itself; it is still complete."""
    __tracebackhide__ = True
    guest.run_to_address(guest.image.function("end_current"), f"the end of {name}")
    slot = running_slot(guest)
    check_areas(guest, slot)
    killed = guest.facts("killed")
    mine = [fact for fact in killed if fact.values["pid"] == f"{slot.pid}"]
    if mine:
        fault = guest.fact("fault")
        walk = walk_in(guest, slot.root or 0, int(fault.values["address"], 0))
        fail("page-not-brought", f"{slot} ends by itself", f"{fault.line}, then {mine[-1].line}", walk)
    return slot


def _script_of(count: int, *before: str) -> str:
    """So many times the program of AreaScript, one after the other."""
    lines = [line for number in range(count) for line in ("start vmascript", "wait", f"checkpoint end{number}")]
    return "\n".join(["run hello", *before, *lines])


# --- what is promised ------------------------------------------------------------------------------------------------


@milestone("5.1", points=15, witness="H")
def test_areas(host_tests: Path, tmp_path: Path) -> None:
    """The list of areas is sorted and disjoint; it splits and merges, as a model does"""
    check_host_tests(host_tests, "Vma*", tmp_path)


@milestone("5.2", points=10, witness="KW")
def test_loader_registers_everything(boot: Boot) -> None:
    """The list of areas is exactly what the program's file, its stack and its thread-local variables imply"""
    names = ("hello", "segments", "sharedpage", "parts")
    lines = [
        line
        for pid, name in enumerate(names, start=2)
        for line in (f"start {name}", f"vmas {pid}", f"checkpoint {name}", "wait", f"checkpoint end-{name}")
    ]
    guest = boot("\n".join(lines))
    for name in names:
        guest.run_to(name)
        image = _program(guest, name)
        slot = _started(guest, name)
        wanted = promised_areas(image, guest.isa)
        check_promised(guest, slot, wanted, f"before {name} has run")
        memory = check_areas(guest, slot)
        right = (heap_start(image),) * 2
        seen = (memory.heap_start, memory.heap_end)
        words = f"the heap of {slot} begins and ends at {right[0]:#x}"
        expect(seen == right, "wrong-answer", words, f"at {seen[0]:#x} and {seen[1]:#x}", file=_LOAD)
        _check_told(guest, slot)
        _run_to_end(guest, name)
        model = AreaModel(wanted, heap_start(image), heap_start(image))
        for operation in _LATER.get(name, []):
            model.apply(operation(model))
        check_promised(guest, slot, model.areas, f"when {name} has run")
        _check_file_pages(guest, slot, image)
        guest.run_to(f"end-{name}")
    statuses = [fact.values["status"] for fact in guest.facts("exit")]
    words = "each program finds itself as it was built, and exits with 0"
    expect(statuses == ["0"] * len(names), "wrong-user-bytes", words, f"{statuses}", file=_FAULT)


_LATER: dict[str, list[Callable[[AreaModel], Operation]]] = {
    "parts": [lambda model: brk(model.heap_start + 5 * PAGE), lambda _: mmap(0, 3 * PAGE, READ)]
}
"""What a program asks for while it runs. The areas of `parts` are eight then: four of its file, and one of each other kind."""


def _check_told(guest: Guest, slot: ProcessSlot) -> None:
    """The command `vmas` tells what is in the kernel's list and in the tables."""
    __tracebackhide__ = True
    memory, told = memory_map(guest, slot), guest.facts("area")[-len(memory_map(guest, slot).areas) :]
    seen = [tuple(fact.values[key] for key in ("start", "end", "protection", "kind", "present")) for fact in told]
    wanted = [
        (f"{area.start:#x}", f"{area.end:#x}", area.protection, area.kind, f"{len(present_pages(guest, slot, area))}")
        for area in memory.areas
    ]
    expect(seen == wanted, "wrong-answer", f"@area says start, end, protection, kind, present: {wanted}", f"{seen}")


def _check_file_pages(guest: Guest, slot: ProcessSlot, image: UserImage) -> None:
    """What cannot be written, and what a program says that it has written, is as the file has it."""
    __tracebackhide__ = True
    memory = memory_map(guest, slot)
    for va, content in loaded_pages(image).items():
        area = memory.area_of(va)
        walk = walk_in(guest, slot.root or 0, va)
        counted = image.symbols.get("g_counted", 0)
        if walk.pa is None or area is None or ("w" in area.protection and not counted):
            continue
        wanted = bytearray(content)
        for at in range(max(va, counted), min(va + PAGE, counted + 8 * _COUNTED), 8) if counted else ():
            word = int.from_bytes(wanted[at - va : at - va + 8], "little") + 1 & (1 << 64) - 1
            wanted[at - va : at - va + 8] = word.to_bytes(8, "little")
        seen = guest.read_physical(walk.pa, PAGE)
        at = next((at for at in range(0, PAGE, 8) if seen[at : at + 8] != wanted[at : at + 8]), None)
        if at is not None:
            words = f"{va + at:#x} of {slot} holds {wanted[at : at + 8].hex()}, as in the file"
            fail("wrong-user-bytes", words, seen[at : at + 8].hex(), walk, _FAULT)


_COUNTED = 1400  # words of g_counted in user/sharedpage.cc: each becomes one more


# --- pages on demand -------------------------------------------------------------------------------------------------


@milestone("5.3", points=15, witness="KW")
def test_demand(boot: Boot, image: KernelImage) -> None:
    """No page before the first touch; then one page, with zeros or the file's bytes, even in used RAM"""
    lines = ["checkpoint ready"]
    for name in ("first", "second"):
        lines += ["start segments", f"checkpoint {name}", "wait", f"checkpoint end-{name}"]
    lines += ["start vmascript", "checkpoint script", "wait", "checkpoint end"]
    guest = boot("\n".join(lines), ram_mib=64)
    guest.run_to("ready")
    _make_dirty(guest, layout_of(image).region("frames").end)
    for name in ("first", "second"):
        guest.run_to(name)
        _check_first_pages(guest, "segments")
        guest.run_to(f"end-{name}")
        status = guest.fact("exit").values["status"]
        words = "the program finds itself as it was built, and exits with 0"
        expect(status == "0", "wrong-user-bytes", words, f"with {status}", file=_FAULT)
    guest.run_to("script")
    script = AreaScript(guest)
    _check_touches(script)
    _check_resident(script)
    script.finish("end")


def _make_dirty(guest: Guest, start: int) -> None:
    """Fills all RAM from `start` on with what nobody expects."""
    megabyte = bytes(range(1, 256)) * ((1 << 20) // 255 + 1)
    end = guest.layout.ram_base + (guest.recipe.ram_mib << 20)
    for pa in range(start, end, 1 << 20):
        guest.machine.write_physical(pa, megabyte[: 1 << 20])


def _check_first_pages(guest: Guest, name: str) -> None:
    """Of a program that has been started only the arguments are there; then the code on the way to main()."""
    __tracebackhide__ = True
    slot, image = _started(guest, name), _program(guest, name)
    arguments, first = USER_STACK_TOP - PAGE, image.entry & -PAGE
    _check_present(guest, slot, {arguments}, {arguments}, f"before {name} runs, there is only the page of its arguments")
    guest.run_to_address(image.va("main"), f"main() of {name}")
    code = {image.va(function) & -PAGE for function in ("start_program", "main")}
    wanted = f"at main(), {name} has its arguments and the code on the way"
    _check_present(guest, slot, {first, arguments}, {first, *code, arguments}, wanted)
    guest.run_to_address(image.va("contents_are_seen"), f"{name} has seen all its contents")
    check_areas(guest, slot)
    there = {mapping.va for mapping in user_mappings(guest, slot.root or 0)}
    for va, content in loaded_pages(image).items():
        walk = walk_in(guest, slot.root or 0, va)
        is_code = any(segment.execute and va < segment.end for segment in image.segments)
        expect(va in there or is_code, "page-not-brought", f"{va:#x}, which {name} has read, is there", "it is not", walk)
        if va not in there:
            continue
        seen = guest.read_physical(walk.pa, PAGE)
        at = next((at for at in range(PAGE) if seen[at] != content[at]), None)
        if at is not None:
            cause = "wrong-user-bytes" if any(content[at:]) else "user-page-not-cleared"
            fail(cause, f"{va + at:#x} of {name} is {content[at]:#04x}", f"{seen[at]:#04x}", walk, _FAULT)


def _check_present(guest: Guest, slot: ProcessSlot, least: set[int], most: set[int], wanted: str) -> None:
    """These pages of a process are there, and none but those."""
    __tracebackhide__ = True
    seen = {mapping.va for mapping in user_mappings(guest, slot.root or 0)}
    words = f"{len(seen)} pages: {', '.join(f'{va:#x}' for va in sorted(seen)[:6])}"
    extra, missing = min(seen - most, default=0), min(least - seen, default=0)
    expect(not extra, "page-brought-early", wanted, words, walk_in(guest, slot.root or 0, extra))
    expect(not missing, "page-not-brought", wanted, words, walk_in(guest, slot.root or 0, missing))


def _check_touches(script: AreaScript) -> None:
    """Page by page: AreaScript looks after each batch at what is there and what it holds."""
    __tracebackhide__ = True
    text, heap, stack = script.program.va("g_text"), script.model.heap_start, USER_STACK_TOP - 4 * PAGE
    script.play([mmap(0, 8 * PAGE)], "when mmap has promised eight pages")
    script.play([load(MAP_START + 3 * PAGE + 8)], "when one of them has been read")
    script.play([store(MAP_START + 5 * PAGE - 8, 0x5EED)], "when another has been written to")
    script.play([brk(heap + 6 * PAGE)], "when brk has promised six pages")
    script.play([store(heap + 2 * PAGE, 1), load(heap + 4 * PAGE)], "when two of them have been touched")
    script.play([load(stack + 16), store(stack + PAGE, 7)], "when the stack has been touched further down")
    script.play([load(text + 2 * PAGE)], "when a page of the file has been read")
    script.play([mmap(_FAR, 3 * PAGE, READ), load(_FAR + PAGE)], "when a page that may only be read has been read")


def _check_resident(script: AreaScript) -> None:
    """The kernel counts the pages that are there as the tables have them."""
    __tracebackhide__ = True
    guest, slot, place = script.guest, script.slot, script.program.va("g_strings")
    areas = memory_map(guest, slot).areas
    size = struct.calcsize(_DESCRIPTION)
    script.hand_over([Operation(_DESCRIBE_AREA, (i, place + i * size)) for i in range(len(areas) + 1)])
    expect(script.run("descriptions of areas"), "process-killed", f"{slot} is told of its areas", "it is killed")
    results = script.results(len(areas) + 1)
    wanted = [1] * len(areas) + [0]
    expect(results == wanted, "wrong-result", f"describe_area returns {wanted}", f"{results}")
    script.check("while it is told of its areas")
    told = struct.iter_unpack(_DESCRIPTION, read_user(guest, slot.root or 0, place, len(areas) * size))
    for area, (start, end, present, *may, kind) in zip(areas, told, strict=True):
        protection = "".join(letter if yes else "-" for letter, yes in zip("rwx", may, strict=True))
        seen = f"{start:#x}-{end:#x} {protection} {kind.split(bytes(1))[0].decode()}, {present} pages"
        right = f"{area}, {len(present_pages(guest, slot, area))} pages"
        expect(seen == right, "wrong-answer", f"the kernel says of an area: {right}", seen)


_DESCRIBE_AREA = 1004  # kernel/proc/system_call_numbers.h
_DESCRIPTION = "<QQQBBB13s"  # struct AreaDescription in kernel/proc/descriptions.h
