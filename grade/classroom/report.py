"""What comes out of a class: a page for the instructor, a page and a text for each student, and grades.csv."""

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from grade.classroom import pages
from grade.classroom.store import Outcome, Standing, Store
from grade.ladder.files import write_whole
from grade.ladder.labs import load_labs
from grade.results.causes import CAUSES
from grade.results.report import table_text
from grade.results.result import Result, Status
from grade.version import PAGEWALK
from grade.visible import visible

_STUDENTS = "students"
_MOST_CAUSES, _MOST_SLOW = 12, 5
_BINS, _TALLEST = 11, 130


@dataclass(frozen=True)
class Entry:
    """One submission on the pages: whose it is, as far as that is known, and what came of it."""

    who: str
    outcome: Outcome

    @property
    def page(self) -> str:
        """The link to its page."""
        return f"{_STUDENTS}/{self.outcome.name}.html"


@dataclass(frozen=True)
class Report:
    """All that the pages show. `people` are those who have to be looked at by a person: who, why, and a page or None."""

    title: str
    entries: Sequence[Entry]
    people: Sequence[tuple[str, str, str | None]]
    has_similarity: bool
    how: str

    @cached_property
    def graded(self) -> list[Entry]:
        """Those whose points are known."""
        return [entry for entry in self.entries if entry.outcome.standing == Standing.GRADED]


def write_pages(root: Path, folder: Path, report: Report) -> None:
    """Writes all pages and texts below `folder`, and removes those of submissions that are no longer there."""
    students = folder / _STUDENTS
    students.mkdir(exist_ok=True)
    store = Store(folder / "results")
    names = [entry.outcome.name for entry in report.entries]
    wanted = {f"{name}.{kind}" for name in names for kind in ("html", "txt")}
    for path in students.iterdir():
        if path.suffix in (".html", ".txt") and path.name not in wanted and path.is_file():
            path.unlink()
    for entry in report.entries:
        write_whole(students / f"{entry.outcome.name}.html", _student_page(entry, store))
        write_whole(students / f"{entry.outcome.name}.txt", _student_text(entry).encode(errors="replace"))
    write_whole(folder / "index.html", _index(root, folder, report))


# --- one student -----------------------------------------------------------------------------------------------------


def _student_page(entry: Entry, store: Store) -> bytes:
    outcome, path = entry.outcome, store.picture(entry.outcome.name)
    picture = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    return pages.render(
        "student.html.j2", who=entry.who, title=_labs_of(outcome), outcome=outcome, given=outcome.submission.get("given", []),
        isas=pages.isas_of(outcome.results), rows=pages.by_milestone(outcome.results),
        failures=pages.failures_of(outcome.results), picture=picture, picture_policy=pages.picture_policy(picture),
        left_out=outcome.submission.get("left_out", []), missing=outcome.submission.get("missing", []),
    )  # fmt: skip


def _student_text(entry: Entry) -> str:
    outcome = entry.outcome
    lines = [f"{entry.who}: {_labs_of(outcome)}", ""]
    if outcome.standing == Standing.REFUSED:
        return "\n".join([*lines, f"This could not be graded: {outcome.why}.", ""])
    if outcome.standing == Standing.ERROR:
        lines += [f"Not final: {outcome.why}", ""]
    return visible("\n".join([*lines, table_text(outcome.results)]))


def _labs_of(outcome: Outcome) -> str:
    labs = outcome.key.get("labs", [])
    return f"lab {', '.join(map(str, labs))}" if labs else "not graded"


# --- the class -------------------------------------------------------------------------------------------------------


def _index(root: Path, folder: Path, report: Report) -> bytes:
    points = [entry.outcome.points for entry in report.graded]
    results = [result for entry in report.graded for result in entry.outcome.results]
    return pages.render(
        "index.html.j2", title=report.title, entries=report.entries, graded=report.graded, people=report.people,
        errors=[entry for entry in report.entries if entry.outcome.standing == Standing.ERROR], changed=changes(report),
        average=sum(points) / len(points) if points else None, isas=pages.isas_of(results),
        histogram=_histogram(report.graded), milestones=_shares(results), causes=_causes(root, folder, report.graded),
        slowest=sorted(report.entries, key=lambda entry: -entry.outcome.seconds)[:_MOST_SLOW],
        similarity=report.has_similarity, version=PAGEWALK, how=report.how,
    )  # fmt: skip


def _histogram(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Returns the bars: 0-9 points of a hundred, 10-19, ..., and those with all of them."""
    counts = Counter(int(10 * entry.outcome.points / entry.outcome.most) for entry in entries if entry.outcome.most)
    most = max(counts.values(), default=1)
    labels = [f"{10 * place}-{10 * place + 9} %" for place in range(_BINS - 1)] + ["100 %"]
    return [
        {"label": label, "count": counts[place], "height": round(_TALLEST * counts[place] / most)}
        for place, label in enumerate(labels)
    ]


def _shares(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Returns a row for each milestone: on each ISA how many of a hundred have passed it."""
    isas = pages.isas_of(results)
    rows: dict[tuple[int, str], dict[str, Any]] = {}
    counts: Counter[tuple[int, str, str]] = Counter()
    passed: Counter[tuple[int, str, str]] = Counter()
    for result in sorted(results, key=lambda result: result.sort_key):
        rows.setdefault((result.lab, result.milestone), {"milestone": result.milestone, "title": result.title})
        key = (result.lab, result.milestone, result.isa)
        counts[key] += 1
        passed[key] += result.status is Status.PASSED
    for (lab, number), row in rows.items():
        keys = [(lab, number, isa) for isa in isas]
        row["shares"] = [round(100 * passed[key] / counts[key]) if counts[key] else None for key in keys]
    return list(rows.values())


def _causes(root: Path, folder: Path, entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Returns the causes that most submissions have met, each counted once for a submission, with where it is explained."""
    met: Counter[str] = Counter()
    labs: dict[str, set[int]] = {}
    for entry in entries:
        for cause in {result.cause for result in entry.outcome.results if result.cause is not None}:
            met[cause] += 1
        for result in entry.outcome.results:
            if result.cause is not None:
                labs.setdefault(result.cause, set()).add(int(result.milestone.split(".")[0]))
    handouts = {lab.number: lab.folder / "README.md" for lab in load_labs(root)}

    def links(cause: str) -> list[tuple[str, str]]:
        handed = [(f"lab {lab}", _link(handouts[lab], folder)) for lab in sorted(labs[cause]) if lab in handouts]
        return [("causes.md", f"{_link(root / 'docs' / 'causes.md', folder)}#{cause}"), *handed]

    return [
        {"name": cause, "count": count, "meaning": CAUSES[cause].meaning, "links": links(cause)}
        for cause, count in sorted(met.items(), key=lambda pair: (-pair[1], pair[0]))[:_MOST_CAUSES]
    ]


def _link(path: Path, folder: Path) -> str:
    """Returns the link to a file of main from a page in `folder`."""
    return re.sub(r"[^\w./-]", lambda found: f"%{ord(found[0]):02X}", os.path.relpath(path, folder))


def _change(entry: Entry) -> dict[str, Any] | None:
    """Returns what has changed since another main graded the same work; None if nothing has."""
    before: Mapping[str, Any] | None = entry.outcome.before
    if before is None:
        return None
    earlier = {(lab, number, isa): (points, status, cause) for lab, number, isa, points, status, cause in before["results"]}
    words = []
    for result in sorted(entry.outcome.results, key=lambda result: result.sort_key):
        was = earlier.get((result.lab, result.milestone, result.isa))
        if was is None:
            words.append(f"{result.milestone} on {result.isa} is new: {_status(result.status, result.cause)}")
        elif was[1:] != (result.status, result.cause):
            words.append(f"{result.milestone} on {result.isa}: {_status(*was[1:])}, now {_status(result.status, result.cause)}")
    if not words and before["points"] == entry.outcome.points:
        return None
    return {
        "who": entry.who,
        "name": entry.outcome.name,
        "page": entry.page,
        "before": before["points"],
        "now": entry.outcome.points,
        "why": "; ".join(words),
    }


def _status(status: str, cause: str | None) -> str:
    return f"{status} ({cause})" if cause else str(status)


def changes(report: Report) -> list[dict[str, Any]]:
    """Returns whose points or verdicts have changed with the grader: who, before, now and why."""
    return [change for entry in report.graded if (change := _change(entry)) is not None]
