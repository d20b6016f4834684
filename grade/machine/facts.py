"""Facts: the lines `@name key=value key=value ...` that a kernel prints among its other text."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fact:
    """One fact. `values` holds the text as printed; `line` is the whole line."""

    name: str
    values: dict[str, str]
    line: str


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
        facts.append(Fact(words[0][1:], {key: value for key, _, value in pairs}, line))
    return facts
