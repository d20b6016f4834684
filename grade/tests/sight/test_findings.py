"""What is wrong at first sight is found in the loaded root: each wrong is planted in the tables of a sound guest."""

from collections.abc import Callable

import pytest

from grade.boot.layout import PAGE
from grade.boot.process_slots import slot_of
from grade.guest.guest import Guest
from grade.guest.trapped import run_to_system_call
from grade.inspect.lint import lint

TEXT = 0x400000  # of a user program
Boot = Callable[..., Guest]
GLOBAL = {"x86_64": lambda entry: entry | 1 << 8, "aarch64": lambda entry: entry & ~(1 << 11)}
READ_ONLY = {"x86_64": lambda entry: entry & ~(1 << 1), "aarch64": lambda entry: entry | 1 << 7}
WRITABLE = {"x86_64": lambda entry: entry | 1 << 1, "aarch64": lambda entry: entry & ~(1 << 7)}
EXECUTABLE = {"x86_64": lambda entry: entry & ~(1 << 63), "aarch64": lambda entry: entry & ~(1 << 53)}
FOR_THE_KERNEL = {"x86_64": lambda entry: entry & ~(1 << 2), "aarch64": lambda entry: entry & ~(1 << 6)}

ACCESSED = {"x86_64": None, "aarch64": 1 << 10}
"""The access flag, where the CPU faults if it is clear."""


@pytest.fixture
def hello(boot: Boot) -> Guest:
    """Returns a process that is about to write, with the kernel running."""
    guest = boot("checkpoint ready", "run hello")
    guest.run_to("ready")
    run_to_system_call(guest, "write", "hello's first write")
    return guest


def change(guest: Guest, va: int, how: Callable[[int], int]) -> None:
    step = guest.walk(va).steps[-1]
    guest.machine.write_physical(step.entry_address, (how(step.word) & (1 << 64) - 1).to_bytes(8, "little"))


def take_away(guest: Guest, va: int) -> None:
    change(guest, va, lambda _: 0)


def found(guest: Guest, *words: str) -> bool:
    return any(all(word in line for word in words) for line in lint(guest))


def test_what_the_next_instruction_needs(hello: Guest) -> None:
    cpu = hello.cpu()
    take_away(hello, cpu.sp - 8)
    assert found(hello, "the stack in use", "not-present") and found(hello, "nothing maps", "of the kernel stack of process 2")
    take_away(hello, cpu.pc)
    assert found(hello, "the page of pc", f"{cpu.pc:#x}: not-present")


def test_what_the_next_trap_needs(hello: Guest) -> None:
    need = next(iter(hello.isa.traps.addresses_held(hello, hello.cpu())))
    take_away(hello, need.va)
    assert found(hello, "the next trap needs", need.what, f"{need.va:#x}")


@pytest.mark.parametrize("name", ["text", "rodata", "data", "emergency-stack", "frames", "devices"])
def test_a_region_that_is_not_mapped(hello: Guest, name: str) -> None:
    regions = [one for one in hello.layout.regions if one.name == name or one.device and name == "devices"]
    assert regions
    for region in regions:
        va = region.pa + hello.layout.offset_of(region)
        if hello.walk(va).mapping is not None:
            take_away(hello, va)
        assert found(hello, f"nothing maps {va:#x}, of {region.name}"), region


@pytest.mark.parametrize(
    ("name", "how", "rights"),
    [("rodata", WRITABLE, "rw-"), ("rodata", EXECUTABLE, "r-x"), ("data", READ_ONLY, "r--"), ("text", WRITABLE, "rwx")],
)
def test_a_region_with_other_rights(hello: Guest, name: str, how: dict[str, Callable[[int], int]], rights: str) -> None:
    region = hello.layout.region(name)
    va = region.pa + hello.offset
    change(hello, va, how[hello.isa.name])
    assert found(hello, f"{va:#x} is {rights}, and is {name}, which is {region.permissions.lower()}")


def test_a_page_of_a_user_that_leads_to_the_kernel(hello: Guest) -> None:
    text = hello.layout.region("text")
    change(hello, TEXT, lambda entry: entry - hello.walk(TEXT).pa + text.pa)
    assert found(hello, f"process 2 (hello): {TEXT:#x} is a user's, and leads to {text.pa:#x}, which is the kernel's text")


def test_a_page_that_leads_nowhere(hello: Guest) -> None:
    change(hello, TEXT, lambda entry: entry - hello.walk(TEXT).pa + hello.ram_end)
    assert found(hello, f"{TEXT:#x} leads to {hello.ram_end:#x}, where there is no RAM")


def test_a_page_of_a_user_that_every_root_keeps(hello: Guest) -> None:
    change(hello, TEXT, GLOBAL[hello.isa.name])
    assert found(hello, f"process 2 (hello): {TEXT:#x} is a user's page, and global")


def test_a_page_of_a_user_for_the_kernel_alone(hello: Guest) -> None:
    stack = hello.layout.user.stack_top - PAGE
    change(hello, stack, FOR_THE_KERNEL[hello.isa.name])
    assert found(hello, f"process 2 (hello): {stack:#x} is in the user's half, and only the kernel may use it")


def test_a_stack_that_another_root_lacks(boot: Boot) -> None:
    guest = boot("checkpoint ready", "run hello")
    guest.run_to("ready")
    run_to_system_call(guest, "write", "hello's first write")
    top = slot_of(guest, 2).stack_top
    take_away(guest, top - guest.layout.stack_size)  # the stack's lowest page: nothing is there yet
    assert found(guest, f"nothing maps {top - guest.layout.stack_size:#x}, of the kernel stack of process 2 (hello)")


def test_pages_that_nobody_may_use_are_right_where_they_were_asked_for(boot: Boot) -> None:
    """A page whose area has no rights at all is closed, and stays."""
    guest = boot("checkpoint ready", "run twin")
    guest.run_to("ready")
    run_to_system_call(guest, "fork", "the fork of twin")
    assert lint(guest) == []


def test_a_page_whose_access_flag_is_clear(hello: Guest) -> None:
    """Where the CPU does not set the flag itself, the page's first use is a fault."""
    flag = ACCESSED[hello.isa.name]
    if flag is None:
        pytest.skip("this CPU sets the flag itself")
    change(hello, TEXT, lambda entry: entry & ~flag)
    assert found(hello, f"process 2 (hello): {TEXT:#x} cannot be used: its access flag is clear")
