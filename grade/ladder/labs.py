"""The ladder: what each labs/<N-name>/lab.toml says about the files of its lab.

Which lab a file belongs to decides what a handout holds, and that a student's file is never touched
by a later handout. So everything that could make this doubtful is refused here, by name.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path, PurePosixPath
from typing import Any

import tomllib

ISA_FIELD = "{isa}"

COURSE_FILE = "labs/course.toml"
"""The file that says what a handed-out tree is. Main has none."""

LENT_FOLDER = "lent/"
"""A folder in a lab's folder in main: the files that the lab lends. No cut has this folder."""


class LadderError(Exception):
    """The tree does not say clearly which lab is which; the message names the file and the key."""


@dataclass(frozen=True)
class Lab:
    """One lab.toml. Patterns are paths from the root; `{isa}` stands for every ISA, an ending `/` for a folder."""

    number: int
    title: str
    folder: Path
    owned: tuple[str, ...]
    retires: tuple[str, ...]
    adds: tuple[str, ...] = ()
    lends: tuple[str, ...] = ()
    takes_back: tuple[str, ...] = ()
    dies: tuple[tuple[str, int], ...] = ()
    """Programs that its milestones start so that they are killed, each with the signal."""
    forks: tuple[str, ...] = ()
    """Programs whose milestones are about fork: if one of them is killed, fork may be the reason."""

    @property
    def prefix(self) -> str:
        """The prefix of paths in the lab's own folder, from the root: `labs/2-higher-half/`."""
        return f"labs/{self.folder.name}/"

    def owns(self, path: str) -> bool:
        """Returns whether the student of this lab writes in the file `path` (from the root)."""
        return any(_matches(pattern, path) for pattern in self.owned)

    def owned_for(self, isas: Iterable[str]) -> list[str]:
        """Returns the files that the student writes for these ISAs alone, without those for all ISAs."""
        return [pattern.replace(ISA_FIELD, isa) for pattern in self.owned if ISA_FIELD in pattern for isa in isas]

    def brings(self, path: str) -> bool:
        """Returns whether `path` first appears in this lab: owned, added, or in the lab's own folder."""
        return path.startswith(self.prefix) or any(_matches(p, path) for p in self.owned + self.adds)

    def source_of(self, lent: str) -> str:
        """Returns where main keeps a file that this lab lends under the path `lent`."""
        return f"{self.prefix}{LENT_FOLDER}{lent}"


@dataclass(frozen=True)
class Loan:
    """A provisional file, `source` in main: the cuts of labs `first` to `last` have it at `path`, the others do not."""

    path: str
    source: str
    first: int
    last: int


def load_labs(tree: Path) -> list[Lab]:
    """Reads all labs of the tree in climbing order. LadderError if they contradict each other or the files."""
    labs = sorted(
        (_read_lab(path, f"labs/{path.parent.name}/lab.toml") for path in tree.glob("labs/*/lab.toml")),
        key=lambda lab: (lab.number, lab.folder),
    )
    for lower, upper in combinations(labs, 2):
        if lower.number == upper.number:
            raise LadderError(f"{upper.prefix}lab.toml: number: {lower.prefix}lab.toml is lab {lower.number} too")
    if not (tree / COURSE_FILE).exists():  # a handout says only what its student must know
        _check_files(tree, labs)
    return labs


def _check_files(tree: Path, labs: list[Lab]) -> None:
    """Checks that each file of main belongs to at most one lab, and exists."""
    isas = sorted(path.name for path in tree.glob("arch/*/"))
    for lab in labs:
        _check_files_exist(tree, lab, isas)
    for lower, upper in combinations(labs, 2):
        _check_nothing_shared(lower, upper, isas)
    _check_loans(tree, labs)


def owner_of(labs: list[Lab], path: str) -> Lab | None:
    """Returns the lab whose student writes in `path`, or None for a file of the course."""
    return next((lab for lab in labs if lab.owns(path)), None)


def loans_of(labs: list[Lab]) -> list[Loan]:
    """Returns all loans of main, whose labs these are."""
    until = {path: taker.number - 1 for taker in labs for path in taker.takes_back}
    return [Loan(path, lender.source_of(path), lender.number, until[path]) for lender in labs for path in lender.lends]


def _read_lab(path: Path, name: str) -> Lab:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LadderError(f"{name}: not TOML: {error}") from error
    keys = {"number": int, "title": str, "owned": list, "retires": list}
    optional = {"adds": list, "lends": list, "takes_back": list, "dies": dict, "forks": list}
    keys |= optional
    for key in table:
        if key not in keys:
            raise LadderError(f"{name}: {key}: no such key; known are {', '.join(keys)}")
    values = {key: _checked(name, table, key, keys[key]) for key in keys if key in table or key not in optional}
    if path.parent.name.split("-")[0] != str(values["number"]):
        raise LadderError(f"{name}: number: is {values['number']}, but the folder is {path.parent.name}")
    return Lab(folder=path.parent, **values)


def _checked(name: str, table: dict[str, Any], key: str, kind: type) -> Any:
    """Returns the value of `key`, lists as tuples of str, tables as tuples of pairs."""
    if key not in table:
        raise LadderError(f"{name}: {key}: missing")
    value = table[key]
    is_right = type(value) is kind  # isinstance would accept `true` as a number
    if not is_right:
        raise LadderError(f"{name}: {key}: must be {_kind_in_words(kind)}, is {value!r}")
    if kind is dict:
        for program, signal in value.items():
            if type(signal) is not int:
                raise LadderError(f"{name}: {key}: {program}: must be a signal's number, is {signal!r}")
        return tuple(value.items())
    if kind is not list:
        return value
    for item in value:
        if not isinstance(item, str):
            raise LadderError(f"{name}: {key}: must be a list of strings, holds {item!r}")
    return tuple(value)


def _kind_in_words(kind: type) -> str:
    return {int: "a whole number", str: "a string", list: "a list of strings", dict: "a table"}[kind]


def _matches(pattern: str, path: str) -> bool:
    return _compiled(pattern).match(path) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    expression = r"[^/]+".join(re.escape(part) for part in pattern.split(ISA_FIELD))
    return re.compile(expression if pattern.endswith("/") else rf"{expression}\Z")


def _expanded(pattern: str, isas: list[str]) -> list[str]:
    return [pattern.replace(ISA_FIELD, isa) for isa in isas] if ISA_FIELD in pattern else [pattern]


def _check_files_exist(tree: Path, lab: Lab, isas: list[str]) -> None:
    """Checks that every name fits a file: one that fits none would let that file slip into earlier handouts."""
    for key, patterns in (("owned", lab.owned), ("adds", lab.adds)):
        for pattern in patterns:
            if not any((tree / path).exists() for path in _expanded(pattern, isas)):
                raise LadderError(f"{lab.prefix}lab.toml: {key}: there is no {pattern}")
    for key, programs in (("dies", [program for program, _ in lab.dies]), ("forks", lab.forks)):
        for program in programs:
            if not any((tree / "user").rglob(f"{program}.cc")):
                raise LadderError(f"{lab.prefix}lab.toml: {key}: there is no program {program} in user/")


def _check_nothing_shared(lower: Lab, upper: Lab, isas: list[str]) -> None:
    for pattern in upper.owned + upper.adds:
        for path in _expanded(pattern, isas):
            owned = (other for known in lower.owned for other in _expanded(known, isas))
            added = (other for known in lower.adds for other in _expanded(known, isas))
            if any(_overlap(path, other) for other in owned) or any(_takes_away(path, other) for other in added):
                key = "owned" if pattern in upper.owned else "adds"
                where = f"{upper.prefix}lab.toml:{_line_of(upper, pattern)}"
                raise LadderError(f"{where}: {key}: {path} is claimed by {lower.prefix}lab.toml too")


def _line_of(lab: Lab, pattern: str) -> int:
    """Returns the line of the lab.toml that names the pattern."""
    lines = (lab.folder / "lab.toml").read_text(encoding="utf-8").splitlines()
    return next((number for number, line in enumerate(lines, 1) if f'"{pattern}"' in line or f"'{pattern}'" in line), 1)


def _overlap(one: str, other: str) -> bool:
    """Returns whether two paths name a common file; a path may be a folder (ending in /) that holds the other."""
    return one == other or (one.endswith("/") and other.startswith(one)) or (other.endswith("/") and one.startswith(other))


def _takes_away(upper: str, lower: str) -> bool:
    """Returns whether the upper lab's path takes files away from the lower lab, which adds `lower`.

    A single file in a folder that the lower lab adds does not: it is the upper lab's, all others there are the lower's.
    """
    return _overlap(upper, lower) and (upper == lower or upper.endswith("/"))


def _check_loans(tree: Path, labs: list[Lab]) -> None:
    """Checks that main has each lent file once, in its lender's folder, and that each loan ends."""
    lenders = _only_mention(labs, "lends", "lent")
    takers = _only_mention(labs, "takes_back", "taken back")
    for path, lender in lenders.items():
        _check_lent_file(tree, labs, lender, path)
        if path not in takers:
            raise LadderError(f"{lender.prefix}lab.toml: lends: no lab takes {path} back")
    for path, taker in takers.items():
        if path not in lenders or lenders[path].number >= taker.number:
            raise LadderError(f"{taker.prefix}lab.toml: takes_back: {path} is not lent by any lower lab")


def _only_mention(labs: list[Lab], key: str, done: str) -> dict[str, Lab]:
    """Returns every path that a lab has under `key`, with that lab. LadderError if a path is mentioned twice."""
    mentions: dict[str, Lab] = {}
    for lab in labs:
        for path in lab.lends if key == "lends" else lab.takes_back:
            if path in mentions:
                other = mentions[path].prefix
                raise LadderError(f"{lab.prefix}lab.toml: {key}: {path} is {done} in {other}lab.toml as well")
            mentions[path] = lab
    return mentions


def _check_lent_file(tree: Path, labs: list[Lab], lender: Lab, path: str) -> None:
    here = f"{lender.prefix}lab.toml: lends:"
    plain = PurePosixPath(path)
    if plain.is_absolute() or ".." in plain.parts or str(plain) != path:
        raise LadderError(f"{here} {path!r} is not a plain path from the root")
    if not (tree / lender.source_of(path)).is_file():
        raise LadderError(f"{here} there is no {lender.source_of(path)}")
    if (tree / path).exists():
        raise LadderError(f"{here} main itself has {path}, so it cannot be lent")
    claimant = next((lab for lab in labs if lab.brings(path)), None)
    if claimant is not None:
        raise LadderError(f"{here} {path} is claimed by {claimant.prefix}lab.toml as well")
