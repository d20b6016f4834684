"""A program on the guest: the line of the monitor's script that runs it, and its outcome according to the facts.

    @run program=P result=R             P was not started
    @process pid=N ... program=P        P was started
    @exit pid=N status=S signal=K       it returned S, or was killed if K is not 0
"""

from collections.abc import Sequence

from grade.machine.facts import Fact, parse_facts

_LONGEST_LINE = 4096  # bytes; a line that a program never ends is not kept


class BadProgram(Exception):
    """A program's name or argument that the monitor's script cannot hold."""


def script_line(words: Sequence[str]) -> str:
    """Returns the monitor's command that runs a program; `words` are its name and arguments. BadProgram if there is none."""
    for word in words:
        bad = next((letter for letter in word if letter == ";" or letter.isspace() or not letter.isprintable()), None)
        if bad is not None or not word:
            why = "it is empty" if bad is None else f"{bad!r} has a meaning there"
            raise BadProgram(f"{word!r} cannot be a word of the monitor's script: {why}")
    return " ".join(["run", *words])


class ProgramWatch:
    """Follows the serial output, and knows how the program ended that `line` of the script runs."""

    def __init__(self, line: str) -> None:
        self._echo = f"> {line}".encode()
        self._unfinished = b""
        self._facts: list[Fact] = []

    def take(self, data: bytes) -> None:
        """Takes the next bytes."""
        *lines, unfinished = (self._unfinished + data).split(b"\n")
        self._unfinished = unfinished[:_LONGEST_LINE]
        for line in lines:
            if line.rstrip() == self._echo:  # what came before concerns programs of another line
                self._facts.clear()
            elif line.startswith(b"@"):
                self._facts += parse_facts(line.decode(errors="replace") + "\n")

    @property
    def succeeded(self) -> bool:
        """Whether the program has exited with 0."""
        pid = next((fact.values.get("pid") for fact in self._facts if fact.name == "process"), None)
        ends = [fact.values for fact in self._facts if fact.name == "exit" and fact.values.get("pid") == pid]
        return pid is not None and bool(ends) and (ends[-1].get("status"), ends[-1].get("signal")) == ("0", "0")
