"""A guest runs, and every way in which it can stop is told from the others."""

import os
import re
import signal
import threading
from pathlib import Path
from unittest.mock import Mock

import pytest

from grade.machine.boot_parameters import BootParameters
from grade.machine.machine import Machine, MachineError, State
from grade.machine.serial_line import SerialLine
from grade.machine.stop import StopKind
from grade.walker import walker_for


def test_guest_prints_and_powers_off(start):
    machine, _ = start("hello")
    stop = machine.run()
    assert (stop.kind, machine.serial()) == (StopKind.POWERED_OFF, "hello\ngoodbye\n")
    assert machine.state is State.ENDED
    with pytest.raises(MachineError, match="frozen after its end"):
        machine.run()


def test_guest_prints_its_nonce(start, isa):
    parameters = BootParameters(nonce=0x0123456789ABCDEF, ram_bytes=128 << 20)
    machine, _ = start("nonce", parameters=parameters)
    machine.run()
    (fact,) = machine.facts()
    assert (fact.name, fact.values) == ("boot", {"isa": isa, "nonce": "0x0123456789abcdef"})


def test_breakpoint_stops_there_with_the_right_registers(start, isa):
    machine, kernel = start("hello")
    machine.insert_breakpoint(kernel.symbols["checkpoint"])
    stop = machine.run()
    assert (stop.kind, stop.pc) == (StopKind.BREAKPOINT, kernel.symbols["checkpoint"])
    registers = machine.registers()
    assert registers[{"x86_64": "rcx", "aarch64": "x3"}[isa]] == 0x1234
    assert registers[machine.isa.registers.pc] == stop.pc
    assert set(machine.isa.board.system_registers) <= set(registers)
    assert set(machine.isa.board.told_by_qemu) <= set(registers)
    walker = walker_for(isa, machine.memory, registers)
    assert walker.physical_bits == {"x86_64": 40, "aarch64": 32}[isa]  # aarch64: TCR_EL1.IPS is 0
    assert machine.serial() == "hello\n"
    assert machine.run().kind is StopKind.POWERED_OFF


def test_what_qemu_says_of_the_registers_is_asked_once_for_each_stop(start, isa, monkeypatch):
    """And anew when the guest has run, one was written, or QEMU's monitor was told something else."""
    machine, kernel = start("loop")
    machine.insert_breakpoint(kernel.symbols["checkpoint_loop"])
    machine.run()
    asked, ask = [], machine._qmp.human_monitor_command
    monkeypatch.setattr(machine._qmp, "human_monitor_command", lambda line: asked.append(line) or ask(line))
    register = {"x86_64": "rbx", "aarch64": "x7"}[isa]
    reasons = {
        "nothing": lambda: None,
        "a run": machine.run,
        "a step": machine.step,
        "a register": lambda: machine.write_register(register, 0xABCDEF),
        "another line": lambda: machine.human_monitor_command("info version"),
    }
    for reason, change in reasons.items():
        change()
        asked.clear()
        texts = {machine.human_monitor_command("info registers") for _ in range(3)}
        assert (len(texts), len(asked)) == (1, 1), reason
    assert "abcdef" in texts.pop() and machine.registers()[register] == 0xABCDEF


def test_an_instruction_of_ours_leaves_nothing_behind(start, isa):
    """Not in the registers, nor in the code there, which has been executed before and is again."""
    machine, kernel = start("loop")
    machine.insert_breakpoint(kernel.symbols["checkpoint_loop"])
    machine.run()
    machine.run()
    before, code = machine.registers(), machine.read_virtual(kernel.symbols["checkpoint_loop"], 16)
    # lea 1(%rdx,%rcx), %eax; add w0, w1, w2
    instruction = {"x86_64": bytes.fromhex("8d440a01"), "aarch64": (0x0B02_0020).to_bytes(4, "little")}[isa]
    given = {"x86_64": {"rcx": 40, "rdx": 1}, "aarch64": {"x1": 40, "x2": 2}}[isa]
    after = machine.execute(instruction, given)
    assert after[{"x86_64": "rax", "aarch64": "x0"}[isa]] == 42
    assert (machine.registers(), machine.read_virtual(kernel.symbols["checkpoint_loop"], 16)) == (before, code)
    stop = machine.run()
    assert (stop.kind, stop.pc) == (StopKind.BREAKPOINT, kernel.symbols["checkpoint_loop"])


def test_an_instruction_of_ours_that_goes_elsewhere_is_an_error(start, isa):
    machine, kernel = start("loop")
    machine.insert_breakpoint(kernel.symbols["checkpoint_loop"])
    machine.run()
    before = machine.registers()
    away = {"x86_64": bytes.fromhex("eb10"), "aarch64": (0x1400_0004).to_bytes(4, "little")}[isa]  # jumps
    with pytest.raises(MachineError, match="an instruction of the grader's"):
        machine.execute(away, {})
    assert machine.registers() == before


def test_breakpoint_at_the_first_instruction_is_hit(start):
    machine, kernel = start("hello")
    machine.insert_breakpoint(kernel.symbols["_start"])
    assert machine.run().pc == kernel.symbols["_start"]
    assert machine.run().kind is StopKind.POWERED_OFF


def test_breakpoint_is_hit_each_time_and_not_after_its_removal(start):
    machine, kernel = start("loop", cpu_budget=0.5)
    address = kernel.symbols["checkpoint_loop"]
    machine.insert_breakpoint(address)
    for _ in range(5):
        stop = machine.run()
        assert (stop.kind, stop.pc) == (StopKind.BREAKPOINT, address)
    machine.remove_breakpoint(address)
    assert machine.run().kind is StopKind.HANG


def test_breakpoint_right_after_a_breakpoint_is_hit(start):
    machine, kernel = start("hello")
    for name in ("checkpoint", "after_checkpoint"):
        machine.insert_breakpoint(kernel.symbols[name])
    assert machine.run().pc == kernel.symbols["checkpoint"]
    assert machine.run().pc == kernel.symbols["after_checkpoint"]
    assert machine.run().kind is StopKind.POWERED_OFF


def test_step_runs_one_instruction(start):
    machine, kernel = start("hello")
    machine.insert_breakpoint(kernel.symbols["checkpoint"])
    machine.run()
    stop = machine.step()
    assert (stop.kind, stop.pc) == (StopKind.STEP, kernel.symbols["after_checkpoint"])


def test_reset_is_told_from_power_off_and_leaves_all_intact(start):
    machine, kernel = start("reset")
    stop = machine.run()
    assert (stop.kind, machine.state) == (StopKind.RESET, State.ENDED)
    assert machine.read_physical(kernel.symbols["_start"], 4) != bytes(4)
    assert machine.registers()


@pytest.mark.parametrize("isa", ["x86_64"])
def test_triple_fault_leaves_registers_as_they_were(start):
    machine, kernel = start("reset")
    stop = machine.run()
    registers = machine.registers()
    assert (stop.kind, stop.pc) == (StopKind.RESET, kernel.symbols["faulting"])
    assert registers["cr2"] == 0xFFFF8000DEADF000
    assert registers["cr3"] == kernel.symbols["pml4"]
    assert registers["rip"] == kernel.symbols["faulting"]
    assert machine.gva2gpa(0xFFFF800000200000) == 0x200000
    assert machine.gva2gpa(registers["cr2"]) is None


@pytest.mark.parametrize("isa", ["aarch64"])
def test_recursive_vector_is_a_hang_inside_the_vectors(start):
    machine, _ = start("vector", cpu_budget=0.5)
    stop = machine.run()
    registers = machine.registers()
    assert stop.kind is StopKind.HANG
    assert stop.pc & ~0x7FF == registers["vbar_el1"] == 0x20000000
    assert registers["elr_el1"] & ~0x7FF == registers["vbar_el1"]


@pytest.mark.parametrize("isa", ["aarch64"])
def test_el2_starts_there(start):
    machine, kernel = start("el2", el2=True)
    machine.insert_breakpoint(kernel.symbols["checkpoint_loop"])
    machine.run()
    assert machine.registers()["cpsr"] >> 2 & 3 == 2  # Arm ARM C5.2.19, SPSR.M[3:2]: the exception level


def test_flood_ends_the_run(start, tmp_path):
    copy = tmp_path / "serial"
    machine, _ = start("flood", flood_limit=20_000, keep=copy)
    assert machine.run().kind is StopKind.FLOOD
    assert machine.serial() == "x" * 20_000
    assert copy.read_text() == "x" * 20_000
    assert machine.registers()
    assert machine.run().kind is StopKind.FLOOD


def test_death_of_qemu_is_a_stop(start):
    machine, kernel = start("spin")
    os.kill(machine.pid, signal.SIGKILL)
    stop = machine.run()
    assert (stop.kind, stop.pc) == (StopKind.EXITED, None)
    assert "signal 9" in stop.detail
    assert stop.from_outside
    assert machine.read_physical(kernel.symbols["_start"], 4) != bytes(4)
    with pytest.raises(MachineError, match="without its QEMU"):
        machine.registers()


def test_typed_text_arrives_and_answers_are_awaited(start):
    machine, _ = start("echo")
    machine.send("one.")
    assert machine.run(until=".").kind is StopKind.OUTPUT
    assert machine.serial() == "one."
    machine.send("a long line, longer than the FIFO of any serial port.")
    assert machine.run(until=".").kind is StopKind.OUTPUT
    machine.send("q")
    assert machine.run().kind is StopKind.POWERED_OFF
    assert machine.serial() == "one.a long line, longer than the FIFO of any serial port.q"


def test_watchpoint_stops_after_the_write(start):
    machine, kernel = start("shared_word")
    machine.insert_watchpoint(kernel.symbols["shared_copy"], 4)
    stop = machine.run()
    assert stop.kind is StopKind.WATCHPOINT
    assert f"{kernel.symbols['shared_copy']:#x}" in stop.detail
    machine.remove_watchpoint(kernel.symbols["shared_copy"], 4)
    assert machine.run().kind is StopKind.POWERED_OFF


def test_transcript_survives_bytes_that_are_not_text(start):
    machine, kernel = start("hello")
    text = kernel.symbols["hello_text"]
    machine.write_physical(text, b"\xff\xc3\xa9l\n")
    machine.run()
    assert re.match("\ufffd\u00e9l\n", machine.serial())


def test_interrupt_from_another_thread_pauses_the_guest(start):
    machine, _ = start("spin")
    timer = threading.Timer(0.1, machine.interrupt)
    timer.start()
    stop = machine.run()
    timer.join()
    assert (stop.kind, machine.state) == (StopKind.PAUSED, State.PAUSED)


def test_guest_left_running_by_an_exception_can_be_paused(start, monkeypatch):
    machine, _ = start("spin")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(SerialLine, "drain", Mock(side_effect=KeyboardInterrupt))
        machine.run()
    with pytest.raises(MachineError, match="is running"):
        machine.registers()
    stop = machine.pause()
    assert stop.kind is StopKind.PAUSED
    assert machine.registers()[machine.isa.registers.pc] == stop.pc


def test_registers_can_be_set(start, isa):
    machine, _ = start("hello")
    general = {"x86_64": "rbx", "aarch64": "x5"}[isa]
    machine.write_register(general, 0x12345678)
    assert machine.read_register(general) == 0x12345678
    if isa == "aarch64":
        with pytest.raises(MachineError, match="does not set ttbr0_el1 to 0x1000: it is 0x0"):
            machine.write_register("ttbr0_el1", 0x1000)
    with pytest.raises(KeyError, match="no register nonsense"):
        machine.read_register("nonsense")


def test_a_machine_not_started_says_so(isa):
    machine = Machine(isa, Path("none"), BootParameters(1, 1))
    with pytest.raises(MachineError, match="not started"):
        machine.run()
    machine.close()
    with pytest.raises(MachineError, match="not started"):
        machine.serial()
