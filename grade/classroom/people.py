"""People, and how the name of one is compared with another way of writing it."""

import re
from dataclasses import dataclass
from functools import lru_cache

from grade.classroom.safe_names import plain_letters

_IN_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")


@dataclass(frozen=True)
class Person:
    """Somebody on a roster. What the roster does not say is empty."""

    key: str
    """What tells this person from all others of the roster, for a person to read."""
    name: str = ""
    email: str = ""
    login: str = ""
    ids: frozenset[str] = frozenset()
    other_logins: tuple[str, ...] = ()
    line: int = 0

    @property
    def logins(self) -> tuple[str, ...]:
        """Returns all logins that the roster gives, as they are compared."""
        return tuple(login.casefold() for login in (self.login, *self.other_logins) if login)


@lru_cache(maxsize=1 << 16)
def words_of(name: str) -> tuple[str, ...]:
    """Returns the words of a name without accents, sorted: "Doe, Jane" and "Jane Doe" have the same.

    What stands in brackets, such as a group, is left out.
    """
    return tuple(sorted(_words_in_order(name)))


@lru_cache(maxsize=1 << 16)
def joined_forms(name: str) -> frozenset[str]:
    """Returns all forms that Canvas may make of a name in the names of files: "Jane Doe" gives doejane and janedoe."""
    words = _words_in_order(name)
    return frozenset("".join(words[at:] + words[:at]) for at in range(len(words)))


@lru_cache(maxsize=1 << 16)
def joined(text: str) -> str:
    """Returns a text in the form in which `joined_forms` gives names."""
    return "".join(_words_in_order(text))


def _words_in_order(name: str) -> list[str]:
    plain = plain_letters(_IN_BRACKETS.sub(" ", name)).casefold().replace("'", "").replace("’", "")
    return [word for word in re.split(r"[\W_]+", plain) if word]
