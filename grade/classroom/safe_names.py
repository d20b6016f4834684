"""Names for files, made from names of people: readable, safe in every file system, and no two the same."""

import hashlib
import re
import unicodedata

_LONGEST = 60
_MARK = 7
"""Characters of what tells two names apart: a hyphen, and six digits of a digest."""


def plain_letters(text: str) -> str:
    """Returns the text with each letter that has an accent replaced by the letter alone, in composed form otherwise."""
    apart = unicodedata.normalize("NFKD", text)
    return unicodedata.normalize("NFC", "".join(c for c in apart if not unicodedata.combining(c)))


def safe_stem(text: str) -> str:
    """Returns `text` in [A-Za-z0-9._-], at most 60 characters, beginning with a letter or digit.

    Where letters have no counterpart in ASCII, a digest of the text stands for them.
    """
    plain = plain_letters(text).replace("ß", "ss").replace("ø", "o").replace("Ø", "O").replace("ł", "l").replace("Ł", "L")
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip("-._")
    lost = any(c.isalnum() and not c.isascii() for c in plain)
    if lost or not stem:
        return _marked(stem or "submission", text)
    return stem if len(stem) <= _LONGEST else _marked(stem, text)


class SafeNames:
    """Gives out safe stems, no two of which differ only in upper and lower case."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def give(self, text: str, source: str) -> str:
        """Returns a stem for `text`. If it is taken, a digest of `source` is added, which must differ from all others."""
        stem, count = safe_stem(text), 0
        while stem.casefold() in self._taken:
            count += 1
            stem = _marked(safe_stem(text), f"{source}\0{count}")
        self._taken.add(stem.casefold())
        return stem


def _marked(stem: str, text: str) -> str:
    digest = hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[: _MARK - 1]
    return f"{stem[: _LONGEST - _MARK].rstrip('-._')}-{digest}"
