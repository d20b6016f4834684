"""A guest that is run: to a checkpoint, to an address, to its end."""

from collections.abc import Callable

import pytest

from grade.boot.user_image import user_image
from grade.diagnosis.diagnose import unexpected_end
from grade.guest.guest import Guest
from grade.isa.traps import Event
from grade.machine.stop import Stop, StopKind
from grade.results.failure import Failure


def test_code_that_is_not_there_yet_is_no_stop(boot: Callable[..., Guest]) -> None:
    """The CPU comes to a program's first instruction twice: once to find that its page is missing. Then it is there."""
    guest = boot("run hello")
    entry = user_image(guest.image.elf, "hello").entry
    cpu = guest.run_to_address(entry, "the first instruction of hello")
    assert (cpu.pc, cpu.is_user) == (entry, True) and guest.walk(entry).mapping is not None
    assert guest.machine.breakpoint_stops == [entry, entry], "it went there before, and the kernel brought the page"


def test_a_process_goes_on_and_on_though_its_kernel_is_met(boot: Callable[..., Guest], monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine each moment that the guest runs may begin and end in the kernel's handler of a tick."""
    guest = boot("run tag 7")
    for _ in range(3):  # from the second on it is the program that a tick interrupts
        guest.run_to_address(guest.image.va("_Z16handle_user_tickv"), "a tick")
    hang = Stop(StopKind.HANG, guest.cpu().pc, "QEMU used up its CPU time")
    monkeypatch.setattr(guest.machine, "run", lambda: hang)
    with pytest.raises(Failure) as failed:
        unexpected_end(guest, hang, "the end")
    assert failed.value.cause == "user-makes-no-progress"


def test_a_handler_that_is_met_at_its_entrance_is_not_called_recursive(
    boot: Callable[..., Guest], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel that goes round in a circle, exception and all, may be met there each time."""
    guest = boot("checkpoint ready", "breakpoint")
    guest.run_to("ready")
    if guest.isa.traps.resets:
        pytest.skip("a handler that cannot begin resets the machine")
    cpu = guest.run_to_address(guest.handler(Event.BREAKPOINT), "a breakpoint")
    circle = Stop(StopKind.HANG, cpu.pc, "the CPU executes the same instructions for ever")
    monkeypatch.setattr(guest.machine, "run", lambda: circle)
    with pytest.raises(Failure) as failed:
        unexpected_end(guest, circle, "the end")
    assert failed.value.cause == "hang"
