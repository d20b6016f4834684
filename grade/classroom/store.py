"""The outcomes of a class: a file for each submission, complete or not there, and a lock so that only one run writes."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import Any

from grade.ladder.files import write_whole
from grade.ladder.labs import LadderError
from grade.results.result import Result

LOCK = ".lock"


class Standing(StrEnum):
    """How far a submission has come."""

    GRADED = "graded"
    REFUSED = "refused"  # it cannot be read, or it is unclear what it is
    ERROR = "error"  # the grader could not judge it, or not all of it
    STOPPED = "stopped"  # the grading was given up; nothing is kept of it


class Store:
    """The folder of results. Each file is what `grade --json` writes, with "class" added: who, by what key, how it went."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        """Returns where the outcome of a submission is."""
        return self.folder / f"{name}.json"

    def picture(self, name: str) -> Path:
        """Returns where the picture of its first failure is, if it has one."""
        return self.folder / f"{name}.picture.html"

    def read(self, name: str) -> "Outcome | None":
        """Returns what was kept; None if there is nothing, or nothing that this version can read."""
        with suppress(OSError, LookupError, TypeError, ValueError, AttributeError):
            return Outcome(json.loads(self.path(name).read_text(encoding="utf-8")))
        return None

    def keep(self, name: str, document: dict[str, Any], picture: Path | None) -> None:
        """Keeps an outcome, atomically; what it says of the one before is added, if that had points from another main."""
        before = self.read(name)
        if before is not None and (changed := before.as_earlier(document["class"]["key"])) is not None:
            document["class"]["before"] = changed
        if picture is not None and picture.exists():
            os.replace(picture, self.picture(name))
        else:
            self.picture(name).unlink(missing_ok=True)
        write_whole(self.path(name), (json.dumps(document, indent=1) + "\n").encode())


class Outcome:
    """What is known of one submission. LookupError, TypeError or ValueError if the document is none of ours."""

    def __init__(self, document: dict[str, Any]) -> None:
        about = document["class"]
        self.name: str = about["name"]
        self.key: dict[str, Any] = dict(about["key"])
        self.standing: str = about["standing"]
        self.why: str | None = about["why"]
        self.attempt: int = about["attempt"]
        self.seconds: float = about["seconds"]
        self.cpu: float = about["cpu"]
        self.before: dict[str, Any] | None = about.get("before")
        self.results = [Result.from_data(one) for one in document["results"]]
        self.submission: dict[str, Any] = document.get("submission") or {}
        self.seed: int | None = document.get("seed")

    @property
    def points(self) -> float:
        """The sum of its points."""
        return sum(result.points for result in self.results)

    @property
    def most(self) -> float:
        """The points that were possible."""
        return sum(result.max for result in self.results)

    def as_earlier(self, key: dict[str, Any]) -> dict[str, Any] | None:
        """Returns what a later outcome of the same work says about this one; None if it was other work."""
        is_same = all(name in key and self.key.get(name) == key[name] for name in ("files", "labs", "isas"))
        if not is_same:
            return None
        if self.key == key or self.standing != Standing.GRADED:
            return self.before
        listed = [[r.lab, r.milestone, r.isa, r.points, r.status, r.cause] for r in self.results]
        return {"key": self.key, "points": self.points, "results": listed}


@contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """Holds the folder of a class until the end. LadderError if another run has it."""
    with (folder / LOCK).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            who = file.read(20).strip()
            raise LadderError(
                f"another run of `class` works on {folder}" + (f" (process {who})" if who.isdigit() else "")
                + ": wait for it, or end it; what it has graded stays"
            ) from None  # fmt: skip
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
