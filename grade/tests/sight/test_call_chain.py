"""Who called whom in a stopped kernel, and which line of a student's that leads to."""

from collections.abc import Callable

import pytest

from grade.boot.kernel_image import SourceCall
from grade.diagnosis import blame
from grade.diagnosis.blame import by_whom, place_of, students_line
from grade.diagnosis.call_chain import activations, lines_of_calls
from grade.guest.guest import Guest

Boot = Callable[..., Guest]
ABOVE = ["run_line", "run_monitor", "kernel_main"]
"""What every command of the monitor is called by, innermost first."""


def in_order(wanted: list[str], calls: list[SourceCall]) -> bool:
    """Returns whether functions of these names come in this order, perhaps with others between."""
    rest = iter(call.function for call in calls)
    return all(any(name in function for function in rest) for name in wanted)


def in_allocator(boot: Boot) -> Guest:
    """Returns a guest that is about to allocate a table for a command of the monitor."""
    guest = boot("map 0x500000000000 0 w")
    guest.run_to_address(guest.image.function("run_monitor"), "the monitor")
    allocate = next(va for name, va in guest.image.symbols.items() if name.startswith("_ZN10OwnedFrame15allocate_zeroed"))
    guest.run_to_address(allocate, "the allocator")
    return guest


def test_callers_are_found_up_to_the_first_line(boot: Boot) -> None:
    guest = in_allocator(boot)
    calls = lines_of_calls(guest)
    assert in_order(["OwnedFrame::allocate", "map", *ABOVE], calls), calls
    assert next(call for call in calls if "kernel_main" in call.function).file == "kernel/main.cc"
    assert all(call.line for call in calls)


def test_it_goes_through_an_exception_to_what_was_interrupted(boot: Boot) -> None:
    """Up to code of which the compiler knows nothing: here it is written in assembly language."""
    guest = boot("poke 0x500000000000 1")
    guest.run_to_address(guest.image.va("handle_trap"), "the fault's handler")
    calls = lines_of_calls(guest)
    assert in_order(["handle_trap", "trap_common", "probe_write_at"], calls), calls


def test_it_ends_at_a_user(boot: Boot) -> None:
    guest = boot("run hello")
    guest.run_to_address(guest.image.function("handle_system_call"), "a system call")
    calls = lines_of_calls(guest)
    assert calls and not in_order(["kernel_main"], calls), calls


def test_a_stack_that_makes_no_sense_ends_it(boot: Boot) -> None:
    """The innermost function is known all the same."""
    guest = in_allocator(boot)
    guest.machine.write_register(guest.isa.registers.sp, 0x10)
    assert [found.is_caller for found in activations(guest)][:1] == [False]


CHAIN = [
    SourceCall("panic", "kernel/base/check.cc", 5),
    SourceCall("map", "kernel/paging/page_table_map.h", 40),
    SourceCall("open", "kernel/map/temp_map.cc", 24),
    SourceCall("close", "kernel/map/temp_map.cc", 30),
    SourceCall("copy", "kernel/process/process.cc", 7),
]


@pytest.mark.parametrize(
    ("chain", "line"), [(CHAIN, CHAIN[2]), (CHAIN[:2], CHAIN[1]), (CHAIN[:1], None), (CHAIN[4:], None), ([], None)]
)
def test_the_highest_labs_innermost_line_is_to_blame(
    chain: list[SourceCall], line: SourceCall | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blame, "lines_of_calls", lambda guest, at: chain)
    assert students_line(None) == line  # type: ignore[arg-type]


def test_the_words() -> None:
    assert place_of(CHAIN[2], "kernel/base/check.cc:5") == "kernel/map/temp_map.cc:24"
    assert place_of(None, "kernel/base/check.cc:5") == "kernel/base/check.cc:5"
    assert by_whom(CHAIN[2], "kernel/base/check.cc:5") == ", called from open at kernel/map/temp_map.cc:24"
    assert by_whom(CHAIN[2], "open at kernel/map/temp_map.cc:24") == "" == by_whom(None, "x")
