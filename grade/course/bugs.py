"""Planted bugs: the examination of the grader itself.

labs/N-name/bugs/*.patch are changes of main that break the kernel of lab N the way students break it
(grade/patches/bug.py has their form). Each must make its milestones fail, and the first must name the cause.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grade.course.patches import grade_planted
from grade.ladder.labs import load_labs, owner_of
from grade.patches.bug import Bug
from grade.results.result import Result, Status
from grade.student.next_step import urgency


@dataclass(frozen=True)
class Finding:
    """What the milestones reported about a bug on one ISA."""

    bug: Bug
    isa: str
    causes_seen: dict[str, str | None]
    """The cause that each of bug.fails named."""
    failed: tuple[str, ...]
    missing: tuple[str, ...]
    """Milestones of bug.fails that did not fail."""
    files_seen: dict[str, str]
    """The file to which each of bug.fails led; '' if to none."""
    first: str
    """The milestone that a student is told to look at first; '' if none failed."""
    is_students: bool
    """Whether the bug is in files that students write. Nobody is led to a mistake in given code."""
    messages: str
    """What a student would read."""

    @property
    def caught(self) -> bool:
        """Whether all the milestones failed that must."""
        return bool(self.failed) and not self.missing

    @property
    def wrong_causes(self) -> dict[str, str]:
        """The right cause for each milestone that named another one."""
        wanted = {self.bug.fails[0]: self.bug.causes[self.isa], **self.bug.also}
        return {number: cause for number, cause in wanted.items() if self.causes_seen.get(number) != cause}

    @property
    def cause_is_right(self) -> bool:
        """Whether the milestones named the right causes."""
        return not self.wrong_causes

    @property
    def file_is_right(self) -> bool:
        """Whether the first of bug.fails led to the file in which the bug is."""
        return self.files_seen.get(self.bug.fails[0]) in self.bug.changed_files()

    @property
    def first_is_right(self) -> bool:
        """Whether the milestone to look at first has the right cause, if that is known, and led to the file."""
        causes = {self.bug.fails[0]: self.bug.causes[self.isa], **self.bug.also}
        is_right = causes.get(self.first) in (None, self.causes_seen.get(self.first))
        return is_right and self.files_seen.get(self.first) in self.bug.changed_files()


def check(tree: Path, bug: Bug, *, is_whole: bool = False) -> list[Finding]:
    """Plants the bug and runs the milestones that must fail, with the tests of `tree`: a finding for each of its ISAs.

    `is_whole`: it runs all milestones, and what is to be looked at first is what a student is told who grades all.
    """
    labs = load_labs(tree)
    owners = [owner_of(labs, path) for path in bug.changed_files()]
    is_students = all(owner is not None and owner.number <= bug.lab for owner in owners)
    found = grade_planted(tree, bug, () if is_whole else bug.fails)
    return [_finding(bug, isa, results, is_students) for isa, results in found.items()]


def _finding(bug: Bug, isa: str, results: dict[str, dict[str, Any]], is_students: bool) -> Finding:
    failed = tuple(m for m in bug.fails if m in results and results[m]["status"] == Status.FAILED)
    messages = [f"{m} {r['status']}: {r['cause'] or ''}\n{r['message']}" for m, r in results.items() if m in bug.fails]
    return Finding(
        bug=bug,
        isa=isa,
        causes_seen={number: result["cause"] for number, result in results.items()},
        failed=failed,
        missing=tuple(m for m in bug.fails if m not in failed),
        messages="\n\n".join(messages),
        files_seen={number: (result["file"] or "").partition(":")[0] for number, result in results.items()},
        first=_first([Result.from_data(result) for result in results.values()]),
        is_students=is_students,
    )


def _first(results: list[Result]) -> str:
    failed = [result for result in results if result.status is Status.FAILED]
    return min(failed, key=urgency).milestone if failed else ""
