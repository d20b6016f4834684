"""Planted bugs: the grader's own examination.

labs/N-name/bugs/*.patch are changes of main that break the kernel of lab N the way students break it
(grade/practice/bug.py has their form). Each must make its milestones fail, and the first must name the cause.
"""

from dataclasses import dataclass
from pathlib import Path

from grade.course.patches import grade_planted
from grade.practice.bug import Bug
from grade.results.result import Status


@dataclass(frozen=True)
class Verdict:
    """What the milestones made of a bug."""

    bug: Bug
    isa: str
    cause_seen: str | None
    """The cause that the first of bug.fails named."""
    failed: tuple[str, ...]
    missing: tuple[str, ...]
    """Those of bug.fails that did not fail."""
    messages: str
    """What a student would read."""

    @property
    def caught(self) -> bool:
        """Whether all the milestones failed that must."""
        return bool(self.failed) and not self.missing

    @property
    def cause_is_right(self) -> bool:
        """Whether the first of them said why."""
        return self.cause_seen == self.bug.causes[self.isa]


def check(tree: Path, bug: Bug) -> list[Verdict]:
    """Plants the bug and runs the milestones that must fail, with the tests of `tree`: a verdict for each of its ISAs."""
    return [_verdict(bug, isa, results) for isa, results in grade_planted(tree, bug, bug.fails).items()]


def _verdict(bug: Bug, isa: str, results: dict[str, dict]) -> Verdict:
    failed = tuple(m for m in bug.fails if m in results and results[m]["status"] == Status.FAILED)
    messages = [f"{m} {r['status']}: {r['cause'] or ''}\n{r['message']}" for m, r in results.items()]
    first = results.get(bug.fails[0])
    return Verdict(
        bug=bug,
        isa=isa,
        cause_seen=first["cause"] if first else None,
        failed=failed,
        missing=tuple(m for m in bug.fails if m not in failed),
        messages="\n\n".join(messages),
    )
