"""Guest memory seen from outside: RAM, QEMU's own walk, and the boot parameters."""

import struct

import pytest

from grade.machine.boot_parameters import AREA_BYTES, MAGIC, BootParameters
from grade.machine.gdb_remote import GdbError
from grade.machine.stop import StopKind
from grade.walker.memory import OutsideMemory

OFFSET = {"x86_64": 0xFFFF800000000000, "aarch64": 0xFFFF000000000000}


def test_write_from_outside_is_seen_by_the_guest(start):
    machine, kernel = start("shared_word")
    machine.insert_breakpoint(kernel.symbols["before_shared"])
    machine.run()
    machine.write_physical(kernel.symbols["shared"], struct.pack("<I", 0x600DF00D))
    assert machine.run().kind is StopKind.POWERED_OFF
    assert machine.serial() == "600df00d"
    assert machine.read_physical(kernel.symbols["shared_copy"], 4) == struct.pack("<I", 0x600DF00D)


def test_memory_outside_the_ram_is_refused(start):
    machine, _ = start("hello", ram_mib=64)
    base = machine.isa.board.ram_base
    end = base + (64 << 20)
    assert len(machine.read_physical(end - 8, 8)) == 8
    with pytest.raises(OutsideMemory):
        machine.read_physical(end - 4, 8)
    with pytest.raises(OutsideMemory):
        machine.write_physical(end - 4, bytes(8))
    with pytest.raises(OutsideMemory):
        machine.write_physical(base - 1, b"x")


def test_gva2gpa_and_virtual_reads_follow_the_guests_tables(start, isa):
    machine, kernel = start("paged")
    low = kernel.symbols["high"]
    high = low + OFFSET[isa]
    machine.insert_breakpoint(high)
    stop = machine.run()
    assert (stop.kind, stop.pc) == (StopKind.BREAKPOINT, high)
    assert machine.gva2gpa(high) == machine.gva2gpa(low) == low
    assert machine.gva2gpa(high + (1 << 40)) is None
    assert machine.read_virtual(high, 16) == machine.read_physical(low, 16)
    with pytest.raises(GdbError, match="cannot read"):
        machine.read_virtual(high + (1 << 40), 8)
    assert machine.run().kind is StopKind.POWERED_OFF


def test_two_machines_have_their_own_memory(start):
    first, kernel = start("shared_word")
    second, _ = start("shared_word")
    for machine, word in ((first, 0x11111111), (second, 0x22222222)):
        machine.write_physical(kernel.symbols["shared"], struct.pack("<I", word))
    assert second.run().kind is first.run().kind is StopKind.POWERED_OFF
    assert (first.serial(), second.serial()) == ("11111111", "22222222")


def test_parameters_are_in_memory_before_the_first_instruction(start):
    parameters = BootParameters(nonce=7, ram_bytes=64 << 20, script="map 1\n" * 1000, fail_allocation=3)
    machine, _ = start("hello", parameters=parameters, ram_mib=64)
    encoded = parameters.encode()
    assert machine.read_physical(machine.isa.board.parameters_address, len(encoded)) == encoded


def test_parameters_have_the_agreed_layout():
    encoded = BootParameters(nonce=2, ram_bytes=3, script="ps\n", fail_allocation=4).encode()
    assert encoded[:8] == b"pagewalk"
    assert MAGIC == 0x6B6C617765676170
    assert struct.unpack("<5Q", encoded[:40]) == (MAGIC, 2, 3, 4, 3)
    assert encoded[40:] == b"ps\n"


def test_parameters_that_do_not_fit_are_refused():
    BootParameters(1, 1, script="x" * (AREA_BYTES - 40)).encode()
    with pytest.raises(ValueError, match="65537 bytes, but the area holds 65536"):
        BootParameters(1, 1, script="x" * (AREA_BYTES - 39)).encode()
    with pytest.raises(ValueError, match="nonce"):
        BootParameters(1 << 64, 1).encode()
