"""Text that a student's code or files influenced, made harmless for what reads a report: a service, a log, a spreadsheet."""

import json
import re
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from grade.results.files import IN_HTML
from grade.visible import visible

LONGEST = 20_000
"""Characters of one text; a message of the compiler can be of any length."""
_SHORTER = (LONGEST, 4_000, 1_000, 200, 0)
_FORMULA = ("=", "+", "-", "@", "\t")
_COMMAND = re.compile(r"^(\s*):(?=:)", re.MULTILINE)
_OLD_COMMAND = re.compile(r"##(?=\[)")
_ANGLES = str.maketrans("<>", "\u2039\u203a")


def neutral(text: str) -> str:
    """Returns `text` as one that no reader of a report takes for more than text.

    Control and invisible characters, and bytes that are no UTF-8, are written as \\x1b. What would begin a formula in a
    spreadsheet gets an apostrophe. What GitHub's runner would take for a command (`::name` at the beginning of a line, `##[name`
    anywhere) gets a space.
    """
    text = _OLD_COMMAND.sub("# #", _COMMAND.sub(r"\1: ", visible(text)))
    return f"'{text}" if text.lstrip(" \n").startswith(_FORMULA) else text


def without_tags(text: str) -> str:
    """Returns `text` with angle quotation marks for < and >: for what puts it into a page as it is."""
    return text.translate(_ANGLES)


def one_line(text: str) -> str:
    """Returns the text with a space for each end of a line."""
    return " ".join(text.split())


def shortened(text: str, most: int) -> str:
    """Returns the beginning of a text that has more than `most` characters, and how many are missing."""
    return text if len(text) <= most else f"{text[:most]}\n({len(text) - most} more characters)"


def json_line(document: Any) -> bytes:
    """Returns the document as one line of JSON in ASCII, each text in it neutral, without the characters of HTML."""
    return (json.dumps(_neutral(document)).translate(IN_HTML) + "\n").encode("ascii")


def _neutral(document: Any) -> Any:
    match document:
        case StrEnum():
            return document.value
        case str():
            return neutral(document)
        case dict():
            return {neutral(name): _neutral(value) for name, value in document.items()}
        case list() | tuple():
            return [_neutral(value) for value in document]
        case _:
            return document


def fitted(make: Callable[[int], bytes], most: int) -> bytes:
    """Returns make(longest text) for the greatest length that gives at most `most` bytes, or else for the least."""
    content = b""
    for length in _SHORTER:
        content = make(length)
        if len(content) <= most:
            break
    return content
