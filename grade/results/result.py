"""The outcome of one milestone."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from grade.results.text import verdict_text
from grade.results.verdict import Verdict


class Status(StrEnum):
    """The outcomes a milestone can have."""

    PASSED = "passed"
    FAILED = "failed"
    TODO = "todo"  # a function on the way is still to be written
    ERROR = "error"  # the grader itself could not judge


@dataclass(frozen=True)
class Result:
    """One milestone on one ISA. `lab` is the lab whose kernel was graded.

    An earlier lab's milestone that is run again on a later kernel has max 0: it must hold, its points are counted once.
    `duration` is in seconds.
    """

    lab: int
    isa: str
    milestone: str
    title: str
    points: float
    max: float
    status: Status
    verdict: Verdict
    duration: float

    @property
    def cause(self) -> str | None:
        """Why the student's code does not pass, as a stable name."""
        return self.verdict.cause

    @property
    def message(self) -> str:
        """Everything that a student reads about this milestone."""
        return verdict_text(self.verdict)

    @property
    def waits(self) -> bool:
        """Whether an earlier lab's milestone could not be judged because it needs code of this lab that is not written."""
        return self.status is Status.TODO and not self.max

    @property
    def sort_key(self) -> tuple[int, list[int], str]:
        """The key that sorts by lab, then milestone as numbers, then ISA."""
        return (self.lab, [int(part) for part in self.milestone.split(".")], self.isa)

    def as_data(self) -> dict[str, Any]:
        """Returns the result as a dictionary for JSON: the verdict's fields stand beside the others."""
        fields = {name: value for name, value in vars(self).items() if name != "verdict"}
        return {**fields, "message": self.message, **self.verdict.as_data()}

    @classmethod
    def from_data(cls, document: Mapping[str, Any]) -> Self:
        """Reads it from JSON. LookupError, TypeError or ValueError if it is none of ours."""
        own: dict[str, Any] = {name: document[name] for name in cls.__dataclass_fields__ if name != "verdict"}
        own |= {"status": Status(own["status"]), "verdict": Verdict.from_data(document)}
        return cls(**own)
