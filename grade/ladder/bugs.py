"""Planted bugs: the grader's own examination.

labs/N-name/bugs/*.patch are changes of main that break the kernel of lab N the way students break it. A header says what
must come of it; the diff after it is one that `git apply` takes:

    Symptom: what the student sees, without giving the cause away; more lines
        are indented.
    ISAs: x86_64 aarch64
    Fails: 1.3 1.8                  milestones that must fail on the kernel of lab N
    Cause: vectors-not-mapped       what the first of them must name; Cause-aarch64: ... where ISAs differ
    From: L1.01                     where the bug was met first; `own` if in our own work
"""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from grade.diagnosis.causes import CAUSES
from grade.ladder.cutter import cut
from grade.ladder.labs import ISAS, Lab, LadderError, load_labs
from grade.ladder.trees import locked
from grade.results import Status

_HEADER = re.compile(r"(Symptom|ISAs|Fails|Cause(?:-\w+)?|From): *(\S.*)")
_NOT_PLANTED = shutil.ignore_patterns("build", "grade", "bugs", "__pycache__", ".git", ".?*_cache", ".hypothesis")


class BugError(LadderError):
    """A planted bug that cannot be used: its header or its diff is wrong. str() has the file and the line."""

    def __init__(self, path: Path, line: int, problem: str) -> None:
        super().__init__(f"{path}:{line}: {problem}")
        self.path, self.line, self.problem = path, line, problem


@dataclass(frozen=True)
class Bug:
    """One planted bug of the kernel of `lab`. `causes` is by ISA."""

    name: str
    lab: int
    path: Path
    symptom: str
    isas: tuple[str, ...]
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
    """All planted bugs of the tree, by lab and name. BugError if a header is wrong."""
    return [
        _read_bug(path, lab) for lab in load_labs(tree) for path in sorted((lab.folder / "bugs").glob("*.patch"))
    ]


def plant(tree: Path, bug: Bug, into: Path) -> Path:
    """Makes `into` the solved tree of the bug's lab with the bug in it. BugError if the diff does not fit main."""
    with locked(into.with_name(into.name + ".lock")), TemporaryDirectory(prefix="pagewalk-bug-") as folder:
        copy = Path(folder) / "main"
        shutil.copytree(tree, copy, ignore=_NOT_PLANTED)
        _apply(bug, copy)
        cut(copy, bug.lab, bug.lab, into)
    return into


def check(tree: Path, bug: Bug, isa: str) -> Verdict:
    """Plants the bug below <tree>/build/bugs and runs the milestones that must fail, with the tests of `tree`.

    The bugs of a lab take turns in one folder for each worker of pytest: what a bug does not touch is not built again.
    """
    place = tree / "build" / "bugs" / f"lab-{bug.lab}-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    with locked(place.with_name(place.name + ".turn")):
        planted = plant(tree, bug, place)
        results = {result["milestone"]: result for result in run_milestones(tree, planted, bug.lab, isa, bug.fails)}
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


def run_milestones(tree: Path, graded: Path, lab: int, isa: str, milestones: tuple[str, ...] = ()) -> list[dict]:
    """Grades the kernel of `lab` in the cut tree `graded` with the tests of `tree`, in a process of its own.

    Returns the results as they are in the JSON file; all milestones if none is named.
    """
    labs = [known for known in load_labs(tree) if known.number <= lab]
    folders = [str(known.folder) for known in labs if any(known.folder.glob("test_*.py"))]
    with TemporaryDirectory(prefix="pagewalk-results-") as folder:
        results = Path(folder) / "results.json"
        command = [sys.executable, "-m", "pytest", *folders, "-q", "--tb=short", "-p", "no:cacheprovider"]
        command += [f"--rootdir={tree}", f"--tree={graded}", f"--lab={lab}", f"--isa={isa}", "--forget-failures"]
        command += [f"--milestone={number}" for number in milestones] + [f"--results-json={results}"]
        # The options of a pytest that called us are not for this one.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        run = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
        if not results.exists():
            raise RuntimeError(f"pytest gave no results:\n{(run.stdout + run.stderr)[-4000:]}")
        return json.loads(results.read_text(encoding="utf-8"))["results"]


# --- reading a patch -------------------------------------------------------------------------------------------------


def _read_bug(path: Path, lab: Lab) -> Bug:
    fields, lines = _read_header(path)

    def field(name: str) -> str:
        if name not in fields:
            raise BugError(path, 1, f"the header has no {name}:")
        return fields[name]

    def names(name: str, known: tuple[str, ...] | None = None) -> tuple[str, ...]:
        found = tuple(field(name).split())
        for word in found:
            if known is not None and word not in known:
                raise BugError(path, lines[name], f"{name}: {word} is none of {', '.join(known)}")
        return found

    fails, isas = names("Fails"), names("ISAs", ISAS)
    for number in fails:
        if not re.fullmatch(r"\d+\.\d+", number) or int(number.split(".")[0]) > lab.number:
            raise BugError(path, lines["Fails"], f"Fails: {number} is not a milestone of lab {lab.number}'s kernel")
    causes = {isa: field(f"Cause-{isa}" if f"Cause-{isa}" in fields else "Cause") for isa in isas}
    for name in fields:
        if name.startswith("Cause") and fields[name] not in CAUSES:
            raise BugError(path, lines[name], f"{name}: {fields[name]} is not in grade/diagnosis/causes.py")
    return Bug(path.stem, lab.number, path, field("Symptom"), isas, fails, causes, field("From"))


def _read_header(path: Path) -> tuple[dict[str, str], dict[str, int]]:
    """The fields before the diff, and the line of each."""
    fields: dict[str, str] = {}
    lines: dict[str, int] = {}
    last = ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.startswith("diff --git ") or line.startswith("--- "):
            return fields, lines
        if match := _HEADER.fullmatch(line):
            last, value = match.groups()
            if last in fields:
                raise BugError(path, number, f"{last}: stands here twice")
            fields[last], lines[last] = value.strip(), number
        elif line.startswith((" ", "\t")) and line.strip() and last:
            fields[last] += " " + line.strip()
        elif line.strip():
            raise BugError(path, number, "neither a field (Symptom, ISAs, Fails, Cause, From) nor indented")
    raise BugError(path, 1, "there is no diff after the header")


def _apply(bug: Bug, into: Path) -> None:
    """Changes the files in `into`, which is in no repository. git takes no fuzz: every line of context must fit."""
    environment = os.environ | {"GIT_CEILING_DIRECTORIES": str(into.parent), "LC_ALL": "C.UTF-8"}
    command = ["git", "apply", "--whitespace=nowarn", str(bug.path.resolve())]
    for misleading in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"):
        environment.pop(misleading, None)
    run = subprocess.run(command, cwd=into, env=environment, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise BugError(bug.path, 1, f"the diff does not fit: {run.stderr.strip()}")
