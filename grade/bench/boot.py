"""Boots a kernel as anybody would, for the clock and for the counter: no debugger, nobody who looks on."""

import os
import select
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

from grade.bench.figure import NotMeasured
from grade.boot.guest import Recipe
from grade.boot.plain_qemu import command_line, parameters_file
from grade.ladder.build import Kernel
from grade.machine.facts import parse_facts

END = "@poweroff"
PATIENCE = 60.0  # seconds, also on a busy machine


@dataclass(frozen=True)
class Boot:
    """What a boot came to: the seconds from the start of QEMU to the awaited words, and all the text till then."""

    seconds: float
    text: str

    @property
    def last_fact(self) -> str:
        """What the kernel said last of all but that it ends: why something was not done."""
        facts = [fact.line for fact in parse_facts(self.text) if not fact.line.startswith(END)]
        return facts[-1] if facts else "no fact at all"


def boot_until(
    kernel: Kernel, script: str, words: str, options: Sequence[str] = (), inherited: Sequence[int] = ()
) -> Boot:
    """Boots until the kernel or a program has printed `words`.

    `options` are more of QEMU's, and `inherited` descriptors that they name. NotMeasured if the words do not come.
    """
    recipe = Recipe(kernel.isa, str(kernel.elf), f"{script}\npoweroff", 0)
    with parameters_file(recipe) as parameters:
        command = [*command_line(recipe, parameters), *options, "-serial", "stdio", "-no-reboot"]
        start = time.perf_counter()
        qemu = subprocess.Popen(
            command, bufsize=0, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            pass_fds=(parameters.fileno(), *inherited),
        )  # fmt: skip
        with qemu:
            try:
                text = _read_until(qemu.stdout.fileno(), words.encode(), start + PATIENCE)
                return Boot(time.perf_counter() - start, text)
            finally:
                qemu.kill()


def _read_until(output: int, words: bytes, deadline: float) -> str:
    seen = b""
    while words not in seen:
        ready = select.select([output], [], [], max(0.0, deadline - time.perf_counter()))[0]
        data = os.read(output, 65536) if ready else b""
        if not data:
            what = "ended" if ready else f"ran for {PATIENCE:g} s"
            last = seen.decode(errors="replace").strip()[-400:]
            raise NotMeasured(f"QEMU {what} without the words {words.decode()!r}; the last of what it said:\n{last}")
        seen += data
    return seen.decode(errors="replace")
