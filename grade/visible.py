"""Text that a student's code or files influenced, made harmless for a terminal."""

import unicodedata

_KEPT = "\n\t"
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
"""Unicode's categories of invisible characters: controls, marks that change the direction of writing, halves of pairs..."""


def visible(text: str) -> str:
    """Returns `text` with each character that would steer the terminal, or be invisible, written as \\x1b or \\u202e.

    A byte that is no UTF-8, which Python reads as a surrogate, is written as that byte: \\xff.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c in _KEPT or unicodedata.category(c) not in _HIDDEN else _escaped(ord(c)) for c in text)


def _escaped(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:  # surrogateescape
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
