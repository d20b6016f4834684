"""What a student wrote: the statements of owned files that were not handed out, each with the lines on which it stands.

Layout, comments and the contents of strings make no difference: a statement is what ends with a semicolon or a brace.
"""

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property

_PIECE = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?(?:\*/|\Z))
    |(?P<string>"(?:\\.|[^"\\\n])*"?)
    |(?P<word>[A-Za-z_]\w*)
    |(?P<number>\.?\d(?:['\w.]|(?<=[eEpP])[+-])*)
    |(?P<letter>'(?:\\.|[^'\\\n])*'?)""",
    re.VERBOSE | re.DOTALL,
)
_STATEMENT = re.compile(r"\s*(?P<text>#[^\n]*|[^;{}]*[;{}]|[^;{}]+)")
_TOKEN = re.compile(r"\w+|\"\"|::|->|<<|>>|[-+*/%&|^=!<>]=|&&|\|\||\+\+|--|[^\w\s]")
_NAME = re.compile(r"\b(?!(?:if|else|for|while|do|switch|case|return|auto|const)\b)[A-Za-z_]\w*")
_ASSEMBLY = (".S", ".s")
"""sim_c++ takes all instructions for the same, so all assembly would look alike."""
_MOST_LINES, _MOST_CHARACTERS = 4000, 200_000


@dataclass(frozen=True)
class Place:
    """Where a statement stands: lines from 1, the last one included."""

    path: str
    first: int
    last: int


@dataclass(frozen=True)
class OwnCode:
    """A student's statements in all files, in order. Those that were handed out are empty."""

    statements: tuple[str, ...]
    places: tuple[Place, ...]

    @cached_property
    def weights(self) -> tuple[int, ...]:
        """Returns how many tokens each statement has."""
        return tuple(len(_TOKEN.findall(statement)) for statement in self.statements)

    @cached_property
    def shapes(self) -> tuple[str, ...]:
        """Returns each statement with one name for all names: what is left of it once it was disguised."""
        return tuple(_without_spaces(_NAME.sub("n", statement)) for statement in self.statements)

    def without(self, dropped: Container[int]) -> "OwnCode":
        """Returns the same with empty statements at these indices."""
        return OwnCode(tuple("" if at in dropped else text for at, text in enumerate(self.statements)), self.places)


def too_much(files: Mapping[str, str]) -> bool:
    """Returns whether there is so much text that to compare it would keep everybody waiting. A lab asks for 200 lines."""
    texts = files.values()
    return sum(text.count("\n") for text in texts) > _MOST_LINES or sum(map(len, texts)) > _MOST_CHARACTERS


def own_code(files: Mapping[str, str], given: Mapping[str, str]) -> OwnCode:
    """Returns what is in `files` and was not in `given`; texts by path."""
    statements: list[str] = []
    places: list[Place] = []
    for path in sorted(files):
        if path.endswith(_ASSEMBLY):
            continue
        found = list(_statements(files[path]))
        places += [Place(path, first, last) for _, first, last in found]
        statements += _new([text for text, _, _ in found], [text for text, _, _ in _statements(given.get(path, ""))])
    return OwnCode(tuple(statements), tuple(places))


def _statements(text: str) -> Iterator[tuple[str, int, int]]:
    """Yields the statements in ASCII, each on one line, with its first and last line in the text."""
    bare = _PIECE.sub(_replaced, text)
    line, at = 1, 0
    for match in _STATEMENT.finditer(bare):
        line += bare.count("\n", at, match.start("text"))
        at = match.start("text")
        if statement := " ".join("".join(c if "!" <= c <= "~" else " " for c in match["text"]).split()):
            yield statement, line, line + match["text"].rstrip().count("\n")


def _replaced(match: re.Match[str]) -> str:
    if match["comment"] is not None:
        return "\n" * match["comment"].count("\n") or " "
    if match["word"] is not None:
        return match["word"]
    return '""' + "\n" * match[0].count("\n") if match["string"] is not None else "0"


def _new(statements: Sequence[str], given: Sequence[str]) -> list[str]:
    """Returns the statements, of which those that were given are empty."""
    left, right = [_without_spaces(one) for one in given], [_without_spaces(one) for one in statements]
    kept = list(statements)
    for block in SequenceMatcher(None, left, right, autojunk=False).get_matching_blocks():
        kept[block.b : block.b + block.size] = [""] * block.size
    return kept


def _without_spaces(statement: str) -> str:
    return "".join(statement.split())
