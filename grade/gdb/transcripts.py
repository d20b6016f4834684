"""Keeps the examples of docs/gdb.md real: GDB's answers to their commands are inserted, and compared, by program.

An example is a block of code after `<!-- gdb ISA "SCRIPT" -->`; its lines that begin with `(gdb) ` are typed. With
`--record` after the script, the guest is recorded first.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

_EXAMPLE = re.compile(
    r'(?P<head><!-- gdb (?P<isa>\w+) "(?P<script>[^"]*)"(?P<record> --record)? -->\n```\n)(?P<body>.*?)(?P<end>^```$)',
    re.M | re.S,
)
_PROMPT = "(gdb) "
_MARK = "=== pagewalk ==="
_SECONDS = 120


def renewed(text: str, root: Path) -> str:
    """Returns the page with all examples run again, in the tree at `root`."""

    def play(example: re.Match[str]) -> str:
        commands = [line[len(_PROMPT) :] for line in example["body"].splitlines() if line.startswith(_PROMPT)]
        record = example["record"] is not None
        return example["head"] + transcript(root, example["isa"], example["script"], commands, record=record) + example["end"]

    return _EXAMPLE.sub(play, text)


def transcript(root: Path, isa: str, script: str, commands: list[str], *, record: bool = False) -> str:
    """Returns what GDB shows for the commands, under each of them."""
    typed = [part for command in commands for part in (f"echo {_MARK}\\n", command)]
    options = ["--record"] if record else []
    run = subprocess.run(
        [sys.executable, "-m", "grade", "gdb", "--isa", isa, "--script", script, "--serial", os.devnull, *options],
        cwd=root, input="\n".join([*typed, f"echo {_MARK}\\n", "quit"]) + "\n", stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=_SECONDS, check=True,
    )  # fmt: skip
    answers = run.stdout.replace(_PROMPT, "").split(f"{_MARK}\n")[1:]
    shown = (_PROMPT + command + "\n" + _without_end_spaces(answer) for command, answer in zip(commands, answers))
    return "".join(shown)


def alike(text: str) -> str:
    """Returns the page without what changes with the kernel, or with a tick: numbers, spaces, states of processes."""
    text = re.sub(r"\b(0x)?[0-9a-f]*[0-9][0-9a-f]*\b", "N", text)
    return re.sub(r" +", " ", re.sub(r"\b(ready|running|sleeping|waiting)\b", "STATE", text))


def _without_end_spaces(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in text.strip("\n").splitlines())
