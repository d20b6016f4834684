"""The registers of a stopped guest, read once for each stop."""

from grade.isa.isa import Isa
from grade.machine.gdb_registers import Register
from grade.machine.gdb_remote import GdbRemote
from grade.machine.qmp import QmpClient

# Commands of QEMU's monitor that change nothing: their answers hold as long as the registers do.
_ABOUT_REGISTERS = ("info registers",)


class CpuRegisters:
    """What the CPU's registers hold, and what QEMU says of them, until the guest moves."""

    def __init__(self, isa: Isa, gdb: GdbRemote, qmp: QmpClient) -> None:
        self._isa, self._gdb, self._qmp = isa, gdb, qmp
        self._all: dict[str, int] | None = None
        self._told: dict[str, str] = {}
        self._constants: dict[str, int] | None = None

    def forget(self) -> None:
        """Forgets everything, because the guest moves or a register is about to change."""
        self._all = None
        self._told.clear()

    def all(self) -> dict[str, int]:
        """Returns the general registers, those system registers of the board that this CPU has, and what QEMU tells of it."""
        if self._all is None:
            self._all = self._gdb.read_general_registers()
            for name, fallbacks in self._isa.board.system_registers.items():
                register = self._gdb.register_map.find(name, *fallbacks)
                if name not in self._all and register is not None:
                    self._all[name] = self._gdb.read_register(register)
            if self._constants is None:
                self._constants = self._isa.board.numbers_told(self._qmp.human_monitor_command)
            self._all |= self._constants
        return dict(self._all)

    def read(self, name: str) -> int:
        """Returns one of all the registers that QEMU offers. Raises KeyError if there is no such register."""
        return self._gdb.read_register(self._named(name))

    def write(self, name: str, value: int) -> int:
        """Sets one register; returns what it holds then. Raises KeyError if there is no such register."""
        register = self._named(name)
        self.forget()
        self._gdb.write_register(register, value)
        return self._gdb.read_register(register)

    def pc(self) -> int:
        """Returns the address of the next instruction."""
        return self.read(self._isa.registers.pc)

    def human_monitor_command(self, line: str) -> str:
        """Runs one line of QEMU's human monitor; asks only once for what only the registers change. Raises QmpError."""
        if line not in _ABOUT_REGISTERS:
            self.forget()
            return self._qmp.human_monitor_command(line)
        if line not in self._told:
            self._told[line] = self._qmp.human_monitor_command(line)
        return self._told[line]

    def _named(self, name: str) -> Register:
        """Finds a register by its name or the board's fallbacks."""
        register = self._gdb.register_map.find(name, *self._isa.board.system_registers.get(name.lower(), ()))
        if register is None:
            raise KeyError(f"QEMU has no register {name} on {self._isa.name}")
        return register
