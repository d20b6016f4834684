"""A class for tests, whose gradings are pretended (class_driver.py)."""

import csv
import io
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from grade.ladder.labs import COURSE_FILE
from grade.ladder.trees import Tree
from grade.student.archive import pack
from grade.tests.submission.submission_trees import SEALED, small_main

DRIVER = Path(__file__).with_name("class_driver.py")
COURSE = b'lab = 1\nlabs = 3\nisas = ["x86_64", "aarch64"]\nsolved = 0\n'


class Course:
    """A small main, a folder of submissions, and the folder of the class."""

    def __init__(self, folder: Path) -> None:
        self.main: Tree = small_main(folder / "main")
        self.submissions, self.graded, self.log = folder / "in", folder / "graded", folder / "log"
        self.temporary = folder / "tmp"
        for made in (self.submissions, self.temporary):
            made.mkdir()
        self.log.touch()

    def hand_in(self, **works: str) -> None:
        """Hands in an archive for each name; the words say how its grading goes."""
        for name, work in works.items():
            files = {COURSE_FILE: COURSE, "kernel/map.h": work.encode()}
            (self.submissions / f"{name}.tar.gz").write_bytes(pack("lab1-submission", files))

    def command(self, *options: str) -> list[str]:
        """Returns the command line."""
        sealed = [] if SEALED else ["--unsealed"]
        places = [str(self.submissions), "-o", str(self.graded), "--isa", "x86_64"]
        return [sys.executable, str(DRIVER), str(self.main.root), "class", *places, *sealed, *options]

    @property
    def environment(self) -> dict[str, str]:
        """Returns what the command is run with."""
        return {**os.environ, "PAGEWALK_LOG": str(self.log), "TMPDIR": str(self.temporary)}

    def run(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Runs it to its end."""
        return subprocess.run(self.command(*options), capture_output=True, text=True, check=False, env=self.environment)

    def begin(self, *options: str) -> subprocess.Popen[str]:
        """Begins it."""
        return subprocess.Popen(
            self.command(*options), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=self.environment
        )

    def gradings(self) -> list[str]:
        """Returns whose grading was begun, in order."""
        return self.log.read_text(encoding="utf-8").split()

    def grades(self) -> dict[str, str]:
        """Returns the points in grades.csv, by submission."""
        text = (self.graded / "grades.csv").read_text(encoding="utf-8")
        return {row["submission"]: row["points"] for row in csv.DictReader(io.StringIO(text))}

    def processes(self) -> list[int]:
        """Returns what still runs of this course."""
        found, mark = [], f"PAGEWALK_LOG={self.log}".encode()
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
        return found

    def left_over(self) -> list[str]:
        """Returns temporary files, and unfinished ones beside the results."""
        beside = [path.name for path in (self.graded / "results").glob(".*")]
        return beside + [path.name for path in self.temporary.iterdir()]


@pytest.fixture
def course(tmp_path: Path) -> Course:
    """Returns a class whose gradings are pretended."""
    return Course(tmp_path)


def results_of(course: Course) -> list[str]:
    """Returns whose outcomes are there."""
    return sorted(path.stem for path in (course.graded / "results").glob("[a-z]*.json"))


def wait_for(condition: object, seconds: float = 30) -> None:
    """Waits until it is so; the test fails if that takes too long."""
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            subprocess.run(["ps", "axf"], check=False)
            pytest.fail("it did not happen in time")
        time.sleep(0.02)
