"""Facts: the lines `@name key=value key=value ...` that a kernel prints among its other text."""

from dataclasses import dataclass

_LARGEST = (1 << 64) - 1


class MalformedFact(LookupError):
    """A fact lacks what such a fact has, or has something else in its place: the kernel has not printed it."""


class Values(dict[str, str]):
    """The values of a fact by their names. MalformedFact for one that is not there."""

    def __init__(self, values: dict[str, str], line: str) -> None:
        super().__init__(values)
        self._line = line

    def __missing__(self, name: str) -> str:
        raise MalformedFact(f"{self._line} (without {name}=)")


@dataclass(frozen=True)
class Fact:
    """One fact. `values` holds the text as printed; `line` is the whole line."""

    name: str
    values: dict[str, str]
    line: str

    def number(self, name: str) -> int:
        """Returns the value of that name as a number of at most 64 bits. MalformedFact if it is none, or not there."""
        text = self.values[name]
        try:
            value = int(text, 0)
        except ValueError:
            value = -1
        if not 0 <= value <= _LARGEST:
            raise MalformedFact(f"{self.line} ({name}= is no number of 64 bits)")
        return value


def parse_facts(text: str) -> list[Fact]:
    """Returns the facts in `text`, in order.

    A last line without its newline is left out: the guest may have been stopped
    in the middle of it. Words that are not `key=value` are passed over.
    """
    complete, _, _ = text.rpartition("\n")
    facts = []
    for line in complete.split("\n"):
        line = line.rstrip("\r ")
        words = line.split()
        if not line.startswith("@") or len(words[0]) == 1:
            continue
        pairs = (word.partition("=") for word in words[1:] if "=" in word)
        facts.append(Fact(words[0][1:], Values({key: value for key, _, value in pairs}, line), line))
    return facts
