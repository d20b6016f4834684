"""Why a milestone does not pass, as data. What people and programs read is made from it and never read back."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from grade.results.causes import CAUSES
from grade.results.failure import Failure, Kill
from grade.walker import Walk
from grade.walker.data import walk_as_data, walk_from_data


@dataclass(frozen=True)
class Verdict:
    """What is known of one milestone on one ISA. Fields with nothing to say are None or empty, all of them if it passed."""

    cause: str | None = None
    """One of docs/causes.md, if the student's code is wrong."""
    expected: str | None = None
    seen: str | None = None
    walk: Walk | None = None
    file: str | None = None
    """Where to look first, with the line if that is known."""
    kill: Kill | None = None
    """The process that was killed, if that is what went wrong."""
    last_words: tuple[str, ...] = ()
    """The last lines that the kernel printed."""
    commands: dict[str, str] = field(default_factory=dict)
    """Commands that show more, by gdb and explain."""
    picture: str | None = None
    """The file with the picture of the machine."""
    function: str | None = None
    """The function that is to be written first."""
    error: str | None = None
    """What the tools said of a tree that does not build, or why the grader could not judge."""
    notes: tuple[str, ...] = ()

    @property
    def essence(self) -> "Verdict":
        """What two milestones that fail for one reason have in common: not what was wanted, nor the last words."""
        return replace(self, expected=None, last_words=(), commands={}, picture=None, notes=())

    def as_data(self) -> dict[str, Any]:
        """Returns the verdict as a dictionary for JSON: a name for each field, and `meaning`, the cause in a sentence."""
        return {
            **vars(self),
            "meaning": CAUSES[self.cause].meaning if self.cause is not None else None,
            "walk": walk_as_data(self.walk) if self.walk is not None else None,
            "kill": self.kill.as_data() if self.kill is not None else None,
        }

    @classmethod
    def from_data(cls, document: Mapping[str, Any]) -> Self:
        """Reads it from JSON, ignoring other fields. LookupError, TypeError or ValueError if it is none of ours."""
        fields: dict[str, Any] = {name: document[name] for name in cls.__dataclass_fields__}
        walk, kill = fields["walk"], fields["kill"]
        fields |= {"walk": walk and walk_from_data(walk), "kill": kill and Kill.from_data(kill)}
        fields |= {"last_words": tuple(fields["last_words"]), "notes": tuple(fields["notes"])}
        return cls(**fields)


def verdict_of(failure: Failure, lab: int, isa: str) -> Verdict:
    """Returns the verdict that a failure on a lab's kernel leads to."""
    file = failure.file or CAUSES[failure.cause].file_in(lab, isa)
    return Verdict(failure.cause, failure.expected, failure.seen, failure.walk, file or None, failure.kill)
