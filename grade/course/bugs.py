"""Planted bugs: the grader's own examination.

labs/N-name/bugs/*.patch are changes of main that break the kernel of lab N the way students break it. A header says
what must come of it; the diff after it is one that `git apply` takes:

    Symptom: what the student sees, without giving the cause away; more lines
        are indented.
    ISAs: x86_64 aarch64
    Fails: 1.3 1.8                  milestones that must fail on the kernel of lab N
    Cause: vectors-not-mapped       what the first of them must name; Cause-aarch64: ... where ISAs differ
    From: L1.01                     where the bug was met first; `own` if in our own work
"""

from dataclasses import dataclass
from pathlib import Path

from grade.course.patches import Patch, PatchError, grade_planted, patches_in, read_header
from grade.diagnosis.causes import CAUSES
from grade.ladder.labs import ISAS, Lab
from grade.results import Status

_FIELDS = ("Symptom", "ISAs", "Fails", "Cause", *(f"Cause-{isa}" for isa in ISAS), "From")


@dataclass(frozen=True)
class Bug(Patch):
    """One planted bug. `causes` is by ISA."""

    symptom: str
    fails: tuple[str, ...]
    causes: dict[str, str]
    source: str


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


def load_bugs(tree: Path) -> list[Bug]:
    """All planted bugs of the tree, by lab and name. PatchError if a header is wrong."""
    return [_read_bug(path, lab) for path, lab in patches_in(tree, "bugs")]


def check(tree: Path, bug: Bug, isa: str) -> Verdict:
    """Plants the bug and runs the milestones that must fail, with the tests of `tree`."""
    results = grade_planted(tree, bug, isa, bug.fails)
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


def _read_bug(path: Path, lab: Lab) -> Bug:
    header = read_header(path, _FIELDS)
    isas = header.words("ISAs", ISAS)
    causes = {isa: header.field(f"Cause-{isa}" if f"Cause-{isa}" in header.fields else "Cause") for isa in isas}
    for name, value in header.fields.items():
        if name.startswith("Cause") and value not in CAUSES:
            raise PatchError(path, header.lines[name], f"{name}: {value} is not in grade/diagnosis/causes.py")
    return Bug(
        name=path.stem,
        lab=lab.number,
        path=path,
        isas=isas,
        symptom=header.field("Symptom"),
        fails=header.milestones("Fails", lab),
        causes=causes,
        source=header.field("From"),
    )
