"""What all commands have in common: arguments split into words, completion, and errors in one line."""

import re
import shlex
import traceback
from collections.abc import Sequence

import gdb

from grade.boot.sight import Sight
from grade.gdb.guest import GdbGuest, NotStopped
from grade.inspect.spaces import NoSuchSpace, spaces
from grade.machine.machine import MachineError
from grade.results.failure import Failure
from grade.walker import TooManyTables
from grade.walker.memory import OutsideMemory

EXPECTED = (NotStopped, NoSuchSpace, OutsideMemory, TooManyTables, Failure, MachineError, gdb.error)


class PagingCommand(gdb.Command):
    """A command about the guest. Its help is the docstring of the class."""

    name = ""
    options: tuple[str, ...] = ()
    takes_pid = False

    def __init__(self, guest: GdbGuest) -> None:
        super().__init__(self.name, gdb.COMMAND_DATA)
        self._guest = guest

    def lines(self, guest: Sight, words: Sequence[str]) -> list[str]:
        """Returns what to print."""
        raise NotImplementedError

    def invoke(self, argument: str, from_tty: bool) -> None:
        """Runs the command for GDB. Whatever is in the guest's memory, the user gets an answer and GDB goes on."""
        try:
            words = shlex.split(argument)
        except ValueError as error:
            raise gdb.GdbError(f"{self.name}: {error}") from error
        try:
            text = "\n".join(self.lines(self._guest.look(), words))
        except EXPECTED as error:
            raise gdb.GdbError(f"{self.name}: {error}") from error
        except gdb.GdbError:
            raise
        except Exception as error:
            raise gdb.GdbError(f"{self.name}: a mistake of this command's: {traceback.format_exc()}") from error
        gdb.write(text + "\n")

    def complete(self, text: str, word: str) -> object:
        """Returns options, PIDs, or symbols as for `print`."""
        if word.startswith("-") or text.endswith("-"):
            return [option for option in self.options if option.startswith(f"-{word.lstrip('-')}")]
        if self.takes_pid or "-root" in text:
            return _complete_pid(self._guest, word)
        return gdb.COMPLETE_EXPRESSION


def address(text: str) -> int:
    """Returns the value of a GDB expression: a number, a symbol, $sp + 8."""
    if re.fullmatch("0[xX][0-9a-fA-F]{17,}", text) and int(text, 16) >> 64:  # GDB drops the excess digits
        raise gdb.error(f"{text}: an address has 64 bits at most")
    value = gdb.parse_and_eval(text)
    if value.type.strip_typedefs().code in (gdb.TYPE_CODE_FUNC, gdb.TYPE_CODE_ARRAY, gdb.TYPE_CODE_STRUCT):
        value = value.address
    return int(value.cast(gdb.lookup_type("unsigned long")))


def usage(words: str) -> gdb.GdbError:
    """Returns the error for a wrong command line."""
    return gdb.GdbError(f"usage: {words}")


def _complete_pid(guest: GdbGuest, word: str) -> list[str]:
    try:
        pids = [str(space.slot.pid) for space in spaces(guest.look()) if space.slot is not None]
    except EXPECTED:
        return []
    return [pid for pid in pids if pid.startswith(word)]
