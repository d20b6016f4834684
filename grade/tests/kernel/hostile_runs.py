"""Runs hostile programs in the whole tree's kernel, and tells whether it is none the worse for them."""

import re
from collections import Counter
from collections.abc import Callable

import pytest

from grade.boot.kernel_image import KernelImage
from grade.boot.layout import PAGE
from grade.guest.guest import Guest

Attack = Callable[..., Guest]


@pytest.fixture
def attack(boot: Callable[..., Guest]) -> Attack:
    """Runs lines of the monitor's, and then looks whether the kernel is none the worse for it.

    At the checkpoint `ready`, before all else, `prepare` may change the guest.
    """

    def carry_out(*lines: str, prepare: Callable[[Guest], None] | None = None, **options: object) -> Guest:
        after = ("frames", "run hello", "frames", "checkpoint survived")
        guest = boot("checkpoint ready", "frames", *lines, *after, **options)
        guest.run_to("ready")
        if prepare is not None:
            prepare(guest)
        guest.run_to("survived")
        check_alive(guest)
        check_nothing_is_left(guest)
        return guest

    return carry_out


def check_alive(guest: Guest) -> None:
    """Checks that the last program was hello, and all was well with it."""
    assert not [fact for fact in guest.machine.facts() if fact.name in ("panic", "exception", "missing-in-root")]
    last = guest.facts("exit")[-1].values
    assert (last["status"], last["signal"]) == ("0", "0")
    assert last["pid"] in guest.machine.serial().rpartition("Hello from user mode, this is process ")[2]


def check_nothing_is_left(guest: Guest) -> None:
    """Checks that as many frames are in use as before, and that no window and no kernel stack is mapped."""
    counts = [(f.values["used"], f.values["window_free"], f.values["beyond_free"]) for f in guest.facts("frames")]
    assert counts[0] == counts[-2] == counts[-1]
    windows, stacks = laid_out(guest.image, "kTempWindow"), laid_out(guest.image, "kKernelStacks")
    windows_size = laid_out(guest.image, "kTempSlots") * PAGE
    stacks_size = laid_out(guest.image, "kMaxProcesses") * laid_out(guest.image, "kKernelStackSlot")
    for low, size in ((windows, windows_size), (stacks, stacks_size)):
        assert not list(guest.walker().mappings(low=low, high=low + size))


def killed(guest: Guest) -> Counter[tuple[str, int]]:
    """Returns how often each program was killed by each signal."""
    return Counter((f.values["program"], int(f.values["signal"])) for f in guest.facts("killed"))


def said(guest: Guest, pattern: str) -> list[tuple[str, ...]]:
    """Returns what the groups of a pattern matched, for each line that it matches."""
    return [match.groups() for line in guest.machine.serial().splitlines() if (match := re.fullmatch(pattern, line))]


def laid_out(image: KernelImage, name: str) -> int:
    """Returns a constant of the kernel's layout: where something is in memory, or how large it is."""
    return image.defined.constant(f"layout::{name}")
