"""The line that says how far things are, on a terminal and in a file."""

import io

import pytest
from rich.console import Console

from grade import progress
from grade.progress import ProgressLine


def line_on(*, terminal: bool, width: int = 40) -> tuple[ProgressLine, io.StringIO]:
    out = io.StringIO()
    environment = {"TERM": "xterm"}
    return ProgressLine(Console(file=out, force_terminal=terminal, width=width, color_system=None, _environ=environment)), out


def test_on_a_terminal_it_is_below_what_is_printed() -> None:
    line, out = line_on(terminal=True)
    line.show("1 of 3")
    line.print("a result")
    line.show("2 of 3")
    line.clear()
    shown = [part.replace("\x1b[2K", "|") for part in out.getvalue().split("\r")]
    assert shown == ["", "|1 of 3", "|a result\n", "|1 of 3", "|2 of 3", "|"]


def test_it_is_never_longer_than_the_terminal_is_wide() -> None:
    line, out = line_on(terminal=True, width=10)
    line.show("0123456789")
    assert out.getvalue() == "\r\x1b[2K012345678"


def test_a_file_has_plain_lines_and_what_is_announced_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    line, out = line_on(terminal=False)
    line.show("1 of 3")
    line.announce("building 1 of 2")
    now[0] += 9
    line.show("2 of 3")
    now[0] += 2
    line.show("3 of 3")
    line.show("3 of 3")
    line.print("a result")
    line.clear()
    assert out.getvalue() == "building 1 of 2\n3 of 3\na result\n"
