"""./pagewalk package: makes what a course installs at a service, in a new folder."""

import io
import json
import os
import shlex
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import rmtree

from grade.formats.formats import FORMATS
from grade.formats.report import Report
from grade.ladder.files import need_folder_of
from grade.ladder.git import Repository
from grade.ladder.labs import LadderError
from grade.ladder.trees import Tree
from grade.run_plan import foreseen, graded_labs
from grade.submission.laid_out import secret_of
from grade.unjudged import left_of, planned_results

Files = dict[str, tuple[bytes, int]]
"""Content and mode of each file, by its path."""

_TEMPLATES = Path(__file__).parent
_PLAIN, _PROGRAM, _SECRET = 0o644, 0o755, 0o600
_DAY = (2026, 1, 1, 0, 0, 0)
"""The time of every file in an archive: the same main gives the same archive."""
_MOST_SECONDS = 600
"""PrairieLearn allows no longer job."""
_NOT_BEGUN = "the grader has not come to its end. Whoever runs the course finds in its output why"


@dataclass(frozen=True)
class Wishes:
    """What a package is to grade, and how long."""

    service: str
    lab: int | None = None
    """None: the lab that a submission says it is of."""
    isas: tuple[str, ...] = ()
    """None of them: all."""
    minutes: float = 9.0
    course: str | None = None
    """Where the handouts are on GitHub: OWNER/REPOSITORY."""
    image: str = "pagewalk-grader"
    """The name of PrairieLearn's image."""

    @property
    def lab_and_isas(self) -> list[str]:
        """What `grade` is told to grade."""
        lab = [] if self.lab is None else [str(self.lab)]
        return [*lab, *(f"--isa={isa}" for isa in self.isas)]

    @property
    def options(self) -> list[str]:
        """The command line of `grade`, after that word."""
        return [*self.lab_and_isas, f"--within={self.minutes:g}"]


def package(tree: Tree, into: Path, wishes: Wishes) -> list[str]:
    """Writes the package to the folder `into`, which must not hold anything; returns what to do with it, line by line.

    LadderError if it holds something, if there is no such lab, or if main is not in git.
    """
    if wishes.lab is not None and wishes.lab not in (known := graded_labs(tree)):
        raise LadderError(f"there is no lab {wishes.lab} to grade, only {', '.join(map(str, known))}")
    into = into.absolute()
    need_folder_of(into)
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise LadderError(f"{into} holds something: name a new folder")
    files, lines = _MAKERS[wishes.service](tree, wishes)
    fresh = Path(tempfile.mkdtemp(prefix=f".{into.name}.", dir=into.parent))
    try:
        for path, (content, mode) in files.items():
            file = fresh / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            file.chmod(mode)
        fresh.chmod(_PROGRAM)
        os.replace(fresh, into)
    except BaseException:
        rmtree(fresh)
        raise
    return [f"{into} has what {_NAMES[wishes.service]} needs.", *lines]


def _gradescope(tree: Tree, wishes: Wishes) -> tuple[Files, list[str]]:
    files = _grader(tree, wishes)
    for name in ("setup.sh", "run_autograder"):
        files[name] = (_template("gradescope", name), _PROGRAM)
    folder = {f"autograder/{path}": file for path, file in files.items()}
    folder["autograder.zip"] = (_zipped(files), _PLAIN)
    return folder, [
        "Upload autograder.zip as the assignment's autograder. Base image: Ubuntu 24.04 or Debian 12 (Python 3.11 is needed).",
        f"Give it a time limit of more than {wishes.minutes:g} minutes.",
    ]


def _github(tree: Tree, wishes: Wishes) -> tuple[Files, list[str]]:
    if wishes.lab is None or wishes.course is None:
        raise LadderError("github needs --lab N and --course OWNER/REPOSITORY, to which `handout` was pushed")
    if wishes.course.count("/") != 1 or shlex.quote(wishes.course) != wishes.course:
        raise LadderError(f"--course {wishes.course}: must be OWNER/REPOSITORY")
    text = _template("github", "classroom.yml").decode()
    said = {
        "COURSE": wishes.course,
        "LAB": str(wishes.lab),
        "OPTIONS": shlex.join(wishes.options[1:]),  # a handed-out tree grades its own lab
        "TIMEOUT": f"{wishes.minutes + 15:.0f}",
        "NOT_GRADED": _not_graded(tree, wishes).decode().strip(),
    }
    for name, value in said.items():
        text = text.replace(f"@{name}@", value)
    return {".github/workflows/classroom.yml": (text.encode(), _PLAIN)}, [
        "Commit .github/ to the template repository of the assignment, on the branch that students get.",
        f"Students' repositories must be able to read {wishes.course}. What they report is no grade: docs/instructor.md.",
    ]


def _autolab(tree: Tree, wishes: Wishes) -> tuple[Files, list[str]]:
    files = {f"pagewalk/{path}": file for path, file in _grader(tree, wishes).items()}
    made = {
        "autograde-Makefile": (_template("autolab", "autograde-Makefile"), _PLAIN),
        "autograde.tar": (_tarred(files), _PLAIN),
    }
    labs = graded_labs(tree) if wishes.lab is None else [wishes.lab]
    names = [f"lab{target.lab}-{target.isa}" for target in foreseen(tree, labs, wishes.isas)]
    return made, [
        "Upload both files as the assessment's autograder. The name of a submission is handin.tar.gz.",
        f"Problems, 100 points each: {', '.join(names)}.",
        "Its image needs what `./pagewalk setup` installs: docs/instructor.md, Services.",
    ]


def _prairielearn(tree: Tree, wishes: Wishes) -> tuple[Files, list[str]]:
    if (seconds := round(wishes.minutes * 60) + 60) > _MOST_SECONDS:
        raise LadderError(f"PrairieLearn ends a job after ten minutes: --within {_MOST_SECONDS // 60 - 1} at most")
    files = {f"pagewalk/{path}": file for path, file in _grader(tree, wishes).items()}
    options = {"enabled": True, "image": wishes.image, "entrypoint": "/pagewalk/entry.sh", "timeout": seconds}
    info = {"gradingMethod": "External", "externalGradingOptions": options}
    files |= {
        "Dockerfile": (_template("prairielearn", "Dockerfile"), _PLAIN),
        "entry.sh": (_template("prairielearn", "entry.sh"), _PROGRAM),
        "info.json": (f"{json.dumps(info, indent=2)}\n".encode(), _PLAIN),
    }
    return files, [
        f"Build the image here and push it: docker build -t {wishes.image} . && docker push {wishes.image}",
        "Put the keys of info.json into the question's. It takes one file: <pl-file-upload>, and shows <pl-external-grader-results>.",
    ]


_MAKERS: Mapping[str, Callable[[Tree, Wishes], tuple[Files, list[str]]]] = {
    "gradescope": _gradescope,
    "github": _github,
    "autolab": _autolab,
    "prairielearn": _prairielearn,
}
_NAMES = {"gradescope": "Gradescope", "github": "GitHub Classroom", "autolab": "Autolab", "prairielearn": "PrairieLearn"}


def _grader(tree: Tree, wishes: Wishes) -> Files:
    """Returns main, its secret, the two files that grade_one.sh reads, and `trial`: what is graded to try the image."""
    names = Repository(tree.root).run("ls-files", "-z").split("\0")
    paths = {name: tree.root / name for name in names if name}
    files = {f"main/{name}": (path.read_bytes(), path.stat().st_mode & 0o755) for name, path in paths.items() if path.is_file()}
    files["main/build/secret"] = (secret_of(tree), _SECRET)
    trial = replace(wishes, lab=wishes.lab or tree.lab).lab_and_isas
    files["trial"] = (f"{shlex.join(trial)}\n".encode(), _PLAIN)
    files["options"] = (f"{shlex.join(wishes.options)}\n".encode(), _PLAIN)
    files["not-graded"] = (_not_graded(tree, wishes), _PLAIN)
    return files


def _not_graded(tree: Tree, wishes: Wishes) -> bytes:
    """Returns the report of a run that nothing else is heard of."""
    targets = [] if wishes.lab is None else foreseen(tree, [wishes.lab], wishes.isas)
    results = left_of(planned_results(tree, targets, ()), (), _NOT_BEGUN)
    return FORMATS[wishes.service](Report(results, problem=_NOT_BEGUN))


def _template(service: str, name: str) -> bytes:
    return (_TEMPLATES / service / name).read_bytes()


def _zipped(files: Files) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, (content, mode) in sorted(files.items()):
            entry = zipfile.ZipInfo(path, _DAY)
            entry.external_attr = (0o100000 | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return out.getvalue()


def _tarred(files: Files) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, (content, mode) in sorted(files.items()):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode, entry.mtime = len(content), mode, 1_767_225_600  # _DAY
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()
