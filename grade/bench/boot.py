"""Boots a kernel as anybody would, for the clock and for the counter: without a debugger or any other observer."""

import os
import select
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from grade.bench.figure import NotMeasured
from grade.guest.guest import Recipe
from grade.guest.plain_qemu import plain_qemu
from grade.ladder.build import Kernel
from grade.machine.facts import parse_facts
from grade.pipes import output_of

END = "@poweroff"
PATIENCE = 60.0  # seconds, enough even on a busy machine


@dataclass(frozen=True)
class Boot:
    """The outcome of a boot: how long it took until the awaited words came, in seconds, and all the text until then."""

    seconds: float
    text: str

    @property
    def last_fact(self) -> str:
        """The kernel's last fact except that it ends: why something was not done."""
        facts = [fact.line for fact in parse_facts(self.text) if not fact.line.startswith(END)]
        return facts[-1] if facts else "no fact at all"


def boot_until(kernel: Kernel, script: str, words: str, options: Sequence[str] = (), inherited: Sequence[int] = ()) -> Boot:
    """Boots until the kernel or a program has printed `words`; the seconds are those from the start of QEMU.

    `options` are more of QEMU's, and `inherited` descriptors that they name. NotMeasured if the words do not come.
    """
    with _booted(kernel, script, options, inherited) as output:
        return Boot(output.wait_for(words), output.text)


def boot_between(kernel: Kernel, script: str, first: str, last: str) -> Boot:
    """Boots until the script is done; the seconds are those between the words `first` and then `last`."""
    with _booted(kernel, script, (), ()) as output:
        before = output.wait_for(first)
        seconds = output.wait_for(last) - before
        output.wait_for(END)
        return Boot(seconds, output.text)


@contextmanager
def _booted(kernel: Kernel, script: str, options: Sequence[str], inherited: Sequence[int]) -> Iterator["_Output"]:
    recipe = Recipe(kernel.isa, str(kernel.elf), f"{script}\npoweroff", 0)
    with plain_qemu(recipe) as (plain, descriptors):
        command = [*plain, *options, "-serial", "stdio", "-no-reboot"]
        start = time.perf_counter()
        qemu = subprocess.Popen(
            command, bufsize=0, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            pass_fds=(*descriptors, *inherited),
        )  # fmt: skip
        with qemu:
            try:
                yield _Output(output_of(qemu).fileno(), start)
            finally:
                qemu.kill()


class _Output:
    """The output of a QEMU that was started at `start`."""

    def __init__(self, descriptor: int, start: float) -> None:
        self._descriptor, self._start = descriptor, start
        self._seen = b""
        self._looked_through = 0  # bytes of it

    @property
    def text(self) -> str:
        return self._seen.decode(errors="replace")

    def wait_for(self, words: str) -> float:
        """Returns the seconds from the start until the words come, after those of the last call. NotMeasured if they do not."""
        while (place := self._seen.find(words.encode(), self._looked_through)) < 0:
            patience = max(0.0, self._start + PATIENCE - time.perf_counter())
            ready = select.select([self._descriptor], [], [], patience)[0]
            data = os.read(self._descriptor, 65536) if ready else b""
            if not data:
                what = "ended" if ready else f"ran for {PATIENCE:g} s"
                last = self.text.strip()[-400:]
                raise NotMeasured(f"QEMU {what} without the words {words!r}; the last of what it said:\n{last}")
            self._seen += data
        self._looked_through = place + len(words)
        return time.perf_counter() - self._start
