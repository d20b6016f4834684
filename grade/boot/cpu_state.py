"""What a stopped CPU's registers say, with one set of names for all ISAs."""

from grade.isa.registers import CpuState
from grade.machine.machine import Machine


def read_cpu_state(machine: Machine) -> CpuState:
    """Reads the registers of a stopped machine."""
    return machine.isa.registers.state(machine.registers(), machine.human_monitor_command)
