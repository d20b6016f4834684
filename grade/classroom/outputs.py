"""What a class leaves in its folder: pages, grades.csv, the sheets of Canvas and Moodle, and hints at similar work."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grade.classroom import report
from grade.classroom.gathering import Found, Gathered
from grade.classroom.grades_csv import grades_csv
from grade.classroom.options import ClassOptions
from grade.classroom.people import Person
from grade.classroom.report import Entry, Report
from grade.classroom.roster import Matched, read_roster
from grade.classroom.sheets import Filled, Score, fill_canvas, fill_moodle
from grade.classroom.similar_work import write_similar_work
from grade.classroom.store import Outcome, Standing, Store
from grade.ladder.files import write_whole
from grade.ladder.trees import Tree
from grade.submission.laid_out import Work


@dataclass
class Written:
    """What was written, and what the terminal says about it: who, and why or what."""

    files: list[Path] = field(default_factory=list)
    people: list[tuple[str, str, str | None]] = field(default_factory=list)
    """Also the submission's name, if it has a page."""
    errors: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    changed: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class _Class:
    """All that is known when the grading is over."""

    gathered: Gathered
    matched: Matched
    outcomes: Mapping[str, Outcome]

    @property
    def people(self) -> dict[str, Person]:
        """Whose each submission is, by its name."""
        return {found.name: person for person, found in self.matched.pairs}

    def who(self, found: Found) -> str:
        """Returns the submission's name for people."""
        person = self.people.get(found.name)
        return (person.name or person.key) if person is not None else found.hints.name or found.name

    def graded(self) -> list[Found]:
        """Returns the submissions whose points are known."""
        known = (found for found in self.gathered.found if found.name in self.outcomes)
        return [found for found in known if self.outcomes[found.name].standing == Standing.GRADED]


def match(options: ClassOptions, gathered: Gathered) -> Matched:
    """Returns which submission is whose; without a roster that of nobody. LadderError if the roster cannot be used."""
    return read_roster(options.roster).match(gathered.found) if options.roster is not None else Matched()


def check_sheets(options: ClassOptions) -> None:
    """Raises LadderError if a sheet that is to be filled cannot be: better now than when everything has been graded."""
    if options.canvas is not None:
        fill_canvas(options.canvas, options.canvas_column, [])
    if options.moodle is not None:
        fill_moodle(options.moodle, [])


def write_outputs(
    tree: Tree, options: ClassOptions, gathered: Gathered, matched: Matched, works: Mapping[str, Work], store: Store
) -> Written:
    """Writes everything anew from the outcomes that are there. LadderError if a file cannot be written, or a sheet be read."""
    read = {found.name: store.read(found.name) for found in gathered.found}
    group = _Class(gathered, matched, {name: outcome for name, outcome in read.items() if outcome is not None})
    folder, written = options.output.resolve(), Written()
    _say_who_needs_a_person(group, written)
    page, title = folder / "similarity.html", _title(options, group)
    names = {found.name: group.who(found) for found in gathered.found}
    has_similarity, notes = write_similar_work(tree, names, works, title, page)
    written.notes += notes
    written.files += [page] if has_similarity else []
    entries = [Entry(group.who(found), group.outcomes[found.name]) for found in gathered.found if found.name in group.outcomes]
    made = Report(title, entries, _for_the_page(group, written), has_similarity, _how(options))
    report.write_pages(tree.root, folder, made)
    written.changed = report.changes(made)
    write_whole(folder / "grades.csv", grades_csv(_rows(group)).encode())
    written.files += [folder / "index.html", folder / "grades.csv"]
    _write_sheets(options, group, written)
    return written


def _title(options: ClassOptions, group: _Class) -> str:
    labs = sorted({lab for outcome in group.outcomes.values() for lab in outcome.key.get("labs", [])})
    return f"Lab {', '.join(map(str, labs))}" if labs else options.submissions.resolve().name


def _how(options: ClassOptions) -> str:
    return "Built and run without a sandbox." if options.unsealed else "Built and run in a sandbox."


def _say_who_needs_a_person(group: _Class, written: Written) -> None:
    for found in group.gathered.found:
        outcome, who = group.outcomes.get(found.name), group.who(found)
        if outcome is not None and outcome.standing == Standing.REFUSED:
            written.people.append((who, f"could not be graded: {outcome.why}", found.name))
        elif outcome is not None and outcome.standing == Standing.ERROR:
            written.errors.append((who, outcome.why or ""))
        if outcome is not None and outcome.standing == Standing.GRADED:
            written.people += [(who, why, found.name) for why in _odd(outcome)]
    written.people += [(name, why, name) for name, why in group.gathered.doubtful]
    written.people += [(doubt.found.name, doubt.why, doubt.found.name) for doubt in group.matched.ambiguous]
    written.people += [(found.name, "matches nobody on the roster", found.name) for found in group.matched.unmatched]
    if group.matched.absent:
        names = ", ".join(person.name or person.key for person in group.matched.absent)
        written.notes.append(f"{len(group.matched.absent)} on the roster have handed in nothing: {names}")


def _odd(outcome: Outcome) -> Iterator[str]:
    """Yields what is strange about a submission that was graded, as it says itself."""
    labs, says = set(outcome.key.get("labs", [])), outcome.submission.get("says_lab")
    if given := labs & set(outcome.submission.get("given", [])):
        named = ", ".join(map(str, sorted(given)))
        yield f"says in labs/course.toml that lab {named} was handed out solved: its points are not the student's own work"
    if says is not None and says not in labs:
        yield f"is of lab {says}, as its labs/course.toml says, and was graded as lab {', '.join(map(str, sorted(labs)))}"
    elif not outcome.submission.get("taken", [None]):
        yield "has none of the files that a student of this lab writes: the starter's were graded"


def _for_the_page(group: _Class, written: Written) -> list[tuple[str, str, str | None]]:
    listed: list[tuple[str, str, str | None]] = [
        (who, why, f"students/{name}.html" if name is not None else None) for who, why, name in written.people
    ]
    listed += [
        (person.name or person.key, "is on the roster and has handed in nothing", None) for person in group.matched.absent
    ]
    listed += [(name, f"was ignored: {why}", None) for name, why in group.gathered.ignored]
    return listed


# --- tables ----------------------------------------------------------------------------------------------------------


def _rows(group: _Class) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for found in group.gathered.found:
        person, outcome = group.people.get(found.name), group.outcomes.get(found.name)
        rows.append({**_of_person(group.who(found), person), "submission": found.name, **_of_outcome(outcome)})
    for person in group.matched.absent:
        rows.append({**_of_person(person.name or person.key, person), "submission": None, "standing": "nothing handed in"})
    return rows


def _of_person(who: str, person: Person | None) -> dict[str, object]:
    return {"name": who, "email": person.email if person else None, "login": person.login if person else None}


def _of_outcome(outcome: Outcome | None) -> dict[str, object]:
    if outcome is None:
        return {"standing": "not graded"}
    is_known = outcome.standing == Standing.GRADED
    given = outcome.submission.get("given", [])
    row: dict[str, object] = {
        "standing": outcome.standing,
        "points": outcome.points if is_known else None,
        "of": outcome.most if is_known else None,
        "labs": ", ".join(map(str, outcome.key.get("labs", []))),
        "labs given solved": ", ".join(map(str, given)) or None,
        "why": outcome.why,
    }
    if is_known:
        row |= {f"{r.milestone} {r.isa}": r.points for r in sorted(outcome.results, key=lambda r: r.sort_key) if r.max}
    return row


def _write_sheets(options: ClassOptions, group: _Class, written: Written) -> None:
    scores = [_score(group, found) for found in group.graded()]
    if options.canvas is not None:
        filled = fill_canvas(options.canvas, options.canvas_column, scores)
        _write_sheet(options.canvas, options.output / f"canvas-{options.canvas.name}", filled, written)
    if options.moodle is not None:
        filled = fill_moodle(options.moodle, scores)
        _write_sheet(options.moodle, options.output / f"moodle-{options.moodle.name}", filled, written)


def _score(group: _Class, found: Found) -> Score:
    outcome = group.outcomes[found.name]
    return Score(found.hints, group.people.get(found.name), outcome.points, round(outcome.most))


def _write_sheet(export: Path, into: Path, filled: Filled, written: Written) -> None:
    write_whole(into, filled.content)
    written.files.append(into)
    written.notes.append(f"{export.name}, {filled.column}: {filled.entered} entered, {filled.unchanged} were there already")
    written.notes += [f"{export.name}: {one.who} had {one.before}, and has {one.after}" for one in filled.replaced]
    written.notes += [f"{export.name}: {who}: {why}" for who, why in filled.left_out]
    written.notes += [f"{export.name}: {note}" for note in filled.notes]
