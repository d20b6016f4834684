"""One line at the bottom of a terminal that shows the progress. In a file it is a plain line now and then."""

import time

from rich.console import Console, RenderableType

_SECONDS_BETWEEN = 10.0
"""Between plain lines that only report progress."""


class ProgressLine:
    """The line. Everything that is printed meanwhile must go through print(): the line is below it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._is_live = console.is_terminal and not console.is_dumb_terminal
        self._text = ""
        self._printed = time.monotonic()

    def show(self, text: str) -> None:
        """Shows the progress."""
        if self._is_live:
            if text != self._text:
                self._write(f"\r\x1b[2K{text[: self._console.width - 1]}")
                self._text = text
        elif time.monotonic() - self._printed > _SECONDS_BETWEEN:
            self.print(text)

    def announce(self, text: str) -> None:
        """Shows the progress; writes it to a file, too, whenever the last line was."""
        self.show(text) if self._is_live else self.print(text)

    def print(self, *lines: RenderableType) -> None:
        """Prints what stays."""
        text = self._text
        self.clear()
        for line in lines:
            self._console.print(line, markup=False, soft_wrap=True)
        self._printed = time.monotonic()
        if text:
            self.show(text)

    def clear(self) -> None:
        """Removes the line."""
        if self._text:
            self._write("\r\x1b[2K")
            self._text = ""

    def _write(self, text: str) -> None:
        self._console.file.write(text)
        self._console.file.flush()
