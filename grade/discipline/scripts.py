"""What a lab's kernel does under the witness, where nobody says: everything in which its tables change."""

import random

from grade.boot.kernel_image import KernelImage
from grade.boot.layout import PAGE, layout_of
from grade.boot.unused_pages import fixed_pages, unused_pages
from grade.isa import isa_called

_FAILING = 4
_PROGRAMS = {3: ("hello", "greet", "segments"), 4: ("border 4000 100",), 5: ("vmatest",), 6: ("family", "forktest")}
"""What runs from each lab on."""
_TOGETHER = ("tag 1 20", "tag 2 20")
"""Programs that run at the same time and give each other turns, so that roots are switched between them in each run."""


def script_for(image: KernelImage, lab: int, chance: random.Random | None = None) -> str:
    """Returns lines for the monitor of that lab's kernel, without the end; with `chance` pages are at drawn addresses."""
    isa = isa_called(image.isa)
    low, beside = unused_pages(isa, chance, 2) if chance is not None else fixed_pages(isa)
    frame = layout_of(image).region("frames").end  # RAM that the window does not have
    lines = [f"map {low:#x} {frame:#x} w", f"poke {low:#x} 1", "breakpoint", "peek 0", "ticks 5"]
    if lab >= 3:
        lines += [f"unmap {low:#x}", f"peek {low:#x}", *_two_pages(beside, frame)]
        lines += [*(f"start {program}" for program in _TOGETHER), "wait"]
    if lab >= 4:
        slots = len(layout_of(image).temp_slots)
        lines += [f"windows {frame:#x} 3", f"windows {frame + 3 * PAGE:#x} {slots}", f"windows {frame:#x} 3"]
    programs = [program for first, programs in _PROGRAMS.items() if first <= lab for program in programs]
    lines += [f"run {program}" for program in programs]
    if lab >= 3:
        lines += [f"fail {_FAILING}", f"run {programs[0]}", "fail 0"]
    return "\n".join(lines)


def _two_pages(first: int, frame: int) -> list[str]:
    """Returns lines that map two pages beside each other and use them, change one, take both away, and ask for them again.

    What was used and is taken away shows whether the CPU was told: QEMU itself still translates what it was not told of.
    """
    pages = [(first + at, frame + at) for at in (0, PAGE)]
    return [
        *(line for va, pa in pages for line in (f"map {va:#x} {pa:#x} w", f"poke {va:#x} 1")),
        f"protect {first:#x} u",
        *(line for va, _ in reversed(pages) for line in (f"unmap {va:#x}", f"peek {va:#x}")),
    ]
