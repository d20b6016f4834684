"""What the witness has seen of a run: the lines and counters that its plugin wrote (grade/discipline/plugin/report.h)."""

import struct
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Seen:
    """How much the witness has seen, and so how much a run without violations is worth."""

    accesses: int
    """Loads and stores of the guest."""
    entries: int
    """Entries of live tables that were changed."""
    invalidations: int
    barriers: int
    roots: int
    """Loads of a root."""
    releases: int
    """Frames that were given back."""
    violations: int
    """Also those that are like others before them, and are not told."""
    settled: int
    """1 as soon as the monitor of a kernel without processes has begun, after which it loads no other root."""


COUNTERS_SIZE = 8 * (len(fields(Seen)) + 1)
"""The size in bytes of the counters: those of Seen, and whether the witness still judges."""


TABLES_IN_TWO_PLACES = ("a frame is a table in two places", "a root is a table of another one")
"""Why something could not be judged, in the words of the plugin, where the kernel is to blame."""
UNREADABLE = "this QEMU does not let a plugin read registers"
"""The same, where nobody is."""


@dataclass(frozen=True)
class Event:
    """A line of the witness: a violation, or what happened to the tables. Addresses are virtual where not said otherwise."""

    kind: str
    values: dict[str, str]

    def number(self, name: str) -> int:
        """Returns a value as a number. KeyError if there is none of this name."""
        return int(self.values[name], 0)

    @property
    def rule(self) -> str:
        """The rule that a violation breaks."""
        return self.values["rule"]

    def addresses(self, name: str) -> tuple[int, ...]:
        """Returns the address of an instruction, and those to which it and its callers return, innermost first."""
        return tuple(int(word, 0) for word in self.values[name].split(","))


@dataclass(frozen=True)
class Record:
    """All that the witness has told of one run."""

    seen: Seen
    events: tuple[Event, ...]
    unjudged: str
    """Why something could not be judged; '' if all was."""

    @property
    def is_kernels_doing(self) -> bool:
        """Whether what could not be judged is something in the kernel's tables that no kernel of these labs has."""
        return self.unjudged in TABLES_IN_TWO_PLACES

    @property
    def is_of_qemu(self) -> bool:
        """Whether no kernel could be judged here."""
        return self.unjudged == UNREADABLE

    @property
    def violations(self) -> tuple[Event, ...]:
        """The violations, each of its kind once, in the order in which they came."""
        return tuple(event for event in self.events if event.kind == "violation")


def read_record(lines: bytes, counters: bytes) -> Record:
    """Reads what was written. A last line that is not complete is left out: QEMU may have been killed."""
    complete = lines.decode(errors="replace").rpartition("\n")[0].splitlines()
    words = [line.partition(" ") for line in complete]
    unjudged = next((rest for kind, _, rest in words if kind == "unjudged"), "")
    events = tuple(Event(kind, _values(rest)) for kind, _, rest in words if kind != "unjudged")
    *seen, _ = struct.unpack(f"<{COUNTERS_SIZE // 8}Q", counters)
    return Record(Seen(*seen), events, unjudged)


def _values(text: str) -> dict[str, str]:
    return {name: value for name, _, value in (word.partition("=") for word in text.split())}
