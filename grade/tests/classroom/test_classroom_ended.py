"""`class` that is ended in the middle, or has no room: nothing is lost, and nothing is left over."""

import json
import os
import random
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from grade.classroom import job
from grade.classroom.warden import PREFIX
from grade.ladder.trees import find_root
from grade.tests.classroom.class_course import Course, course, results_of, wait_for

_ = course  # the fixture


def test_ctrl_c_loses_only_what_was_in_flight(course: Course) -> None:
    course.hand_in(**{f"s{n:02}": f"points={n % 5} seconds=0.3" for n in range(12)})
    process = course.begin("-j", "2")
    wait_for(lambda: len(results_of(course)) >= 3)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130 and "interrupted" in output and "Traceback" not in output
    assert not course.processes() and not course.left_over()
    kept = results_of(course)
    assert 3 <= len(kept) < 12
    assert course.run("-j", "2").returncode == 0
    assert course.grades() == {f"s{n:02}": f"{n % 5}" for n in range(12)}
    assert all(course.gradings().count(name) == 1 for name in kept)


def test_kill_9_at_any_moment_loses_nothing_and_leaves_nothing(course: Course) -> None:
    course.hand_in(**{f"s{n:02}": f"points={n % 5} seconds=0.1" for n in range(40)})
    chance = random.Random(15)
    for _ in range(20):
        process = course.begin("-j", "2")
        time.sleep(chance.uniform(0.6, 1.4))
        process.kill()
        process.wait()
        kept = results_of(course)
        wait_for(lambda: not course.processes())
        assert set(kept) <= set(results_of(course)), "what was graded stays"
        for name in kept:
            assert json.loads((course.graded / "results" / f"{name}.json").read_text())["class"]["standing"] == "graded"
    assert course.run("-j", "2").returncode == 0
    assert course.grades() == {f"s{n:02}": f"{n % 5}" for n in range(40)}
    assert len(course.gradings()) <= 40 + 20 * 2, "each kill costs what was in flight, and no more"
    assert not course.processes() and not course.left_over()


def test_a_killed_warden_leaves_no_temporary_files_for_long(course: Course) -> None:
    course.hand_in(alice="seconds=30")
    process = course.begin()
    wait_for(lambda: course.gradings() == ["alice"])
    assert list(course.temporary.glob(f"{PREFIX}*"))
    (warden,) = [pid for pid in course.processes() if b"warden.py" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    os.kill(warden, signal.SIGKILL)
    process.kill()
    process.communicate()
    for pid in course.processes():
        os.kill(pid, signal.SIGKILL)
    course.hand_in(alice="points=5")
    assert course.run().returncode == 0 and not course.left_over()


def test_a_second_run_on_the_same_folder_says_so(course: Course) -> None:
    course.hand_in(alice="seconds=3")
    process = course.begin()
    wait_for(lambda: course.gradings() == ["alice"])
    second = course.run()
    assert second.returncode == 2 and f"(process {process.pid})" in second.stderr
    assert "another run of `class` works on" in second.stderr
    assert process.wait(timeout=60) == 0 and course.gradings() == ["alice"]
    process.communicate()


def test_a_full_disk_is_no_students_fault(course: Course) -> None:
    course.hand_in(alice="points=5", bob="points=4")
    unsealed = [] if "--unsealed" in course.command() else ["--unsealed"]  # the sandbox's own files are larger
    limited = ["prlimit", "--fsize=400", *course.command(*unsealed)]
    run = subprocess.run(limited, capture_output=True, text=True, check=False, env=course.environment)
    assert run.returncode == 2 and "File too large" in run.stderr and "Traceback" not in run.stderr
    assert not results_of(course)
    assert course.run().returncode == 0 and course.grades() == {"alice": "5", "bob": "4"}


@pytest.mark.parametrize("full", ["results", "main", "temporary"])
def test_a_disk_that_is_nearly_full_is_noticed_before_and_after(
    full: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = {"results": tmp_path, "main": find_root(Path(job.__file__)), "temporary": Path(tempfile.gettempdir())}[full]
    at_first = [1 << 40]

    def usage(asked: Path) -> SimpleNamespace:
        return SimpleNamespace(free=1 << 40 if asked != folder else at_first.pop() if at_first else 1 << 20)

    monkeypatch.setattr(job.shutil, "disk_usage", usage)
    monkeypatch.setattr(job, "_command", lambda *_: ["true"])
    one = job.Job("alice", "nowhere", (1,), ("x86_64",), {}, tmp_path, 60, is_sealed=False, is_kept=True)
    with pytest.raises(OSError, match="No space left on device"):  # a build may have failed for that
        job.grade_one(one)
    assert not at_first and not list(tmp_path.glob("alice.json"))
    monkeypatch.setattr(job, "_command", lambda *_: pytest.fail("there is no room to begin"))
    with pytest.raises(OSError, match="No space left on device"):
        job.grade_one(one)
