"""A guest that is run: to a checkpoint, to an address, to its end."""

from collections.abc import Callable

from grade.boot.guest import Guest
from grade.boot.user_image import user_image


def test_code_that_is_not_there_yet_is_no_stop(boot: Callable[..., Guest]) -> None:
    """The CPU comes to a program's first instruction twice: once to find that its page is missing. Then it is there."""
    guest = boot("run hello")
    entry = user_image(guest.image.elf, "hello").entry
    cpu = guest.run_to_address(entry, "the first instruction of hello")
    assert (cpu.pc, cpu.is_user) == (entry, True) and guest.walk(entry).mapping is not None
    assert guest.machine.breakpoint_stops == [entry, entry], "it went there before, and the kernel brought the page"
