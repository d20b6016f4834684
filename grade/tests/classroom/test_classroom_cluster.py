"""`class` on two workers of Dask, and as an array job of Slurm."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from grade.tests.classroom.class_course import DRIVER, Course, course, wait_for

_ = course  # the fixture


@pytest.mark.skipif(shutil.which("dask-scheduler") is None, reason="Dask is not installed")
def test_two_workers_of_dask_one_of_which_is_killed(course: Course) -> None:
    course.hand_in(**{f"s{n:02}": f"points={n % 5} seconds=0.5" for n in range(10)})
    note = course.temporary.parent / "scheduler.json"
    options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(note)]
    with ended_at_last(["dask-scheduler", *options], course):
        wait_for(lambda: note.exists() and note.read_text().strip().endswith("}"))
        address = json.loads(note.read_text())["address"]
        worker = [sys.executable, str(DRIVER), "--dask-worker", str(course.main.root), address]
        with ended_at_last(worker, course), ended_at_last(worker, course) as doomed:
            process = course.begin("--scheduler-file", str(note))
            wait_for(lambda: len(course.gradings()) >= 3)
            doomed.kill()
            output, _ = process.communicate(timeout=120)
            assert process.returncode == 0, output
            assert course.grades() == {f"s{n:02}": f"{n % 5}" for n in range(10)}
            assert course.begin("--dask", address, "--changed").wait(timeout=60) == 0
            assert len(course.gradings()) <= 11, "only what the killed worker had was begun again"


@contextmanager
def ended_at_last(command: list[str], course: Course) -> Iterator[subprocess.Popen[bytes]]:
    """Yields a process that is killed at the end."""
    with subprocess.Popen(
        command, env=course.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=course.temporary.parent
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_slurm_gets_one_array_job_whose_tasks_grade_all(course: Course) -> None:
    course.hand_in(alice="points=5", bob="points=4", carol="points=3")
    tools = course.temporary.parent / "bin"
    tools.mkdir()
    for name, text in {"sbatch": 'cp "$2" submitted; echo "17;cluster"', "squeue": '[ ! -e running ] || echo "17 R"'}.items():
        (tools / name).write_text(f"#!/bin/sh\ncd {tools}\n{text}\n")
        (tools / name).chmod(0o755)
    environment = {**course.environment, "PATH": f"{tools}:{os.environ['PATH']}"}
    options = {"capture_output": True, "text": True, "check": False}
    submitted = subprocess.run(course.command("--slurm", "2"), env=environment, **options)
    assert submitted.returncode == 0 and "Slurm's job 17 grades 3 submissions in 2 tasks" in submitted.stdout
    script = (tools / "submitted").read_text()
    assert "#SBATCH --array=0-1\n" in script and not course.gradings()
    (tools / "running").touch()
    waits = subprocess.run(course.command(), env=environment, **options)
    assert waits.returncode == 2 and "Slurm's job 17 is still grading this class" in waits.stderr
    (tools / "running").unlink()
    (tools / "squeue").write_text("#!/bin/sh\necho cannot reach the controller >&2; exit 1\n")
    unknown = subprocess.run(course.command(), env=environment, **options)
    assert unknown.returncode == 2 and "If it has: rm " in unknown.stderr and "cannot reach" in unknown.stderr
    (tools / "squeue").write_text("#!/bin/sh\necho slurm_load_jobs error: Invalid job id specified >&2; exit 1\n")
    code = f"import sys; sys.path.insert(0, {str(DRIVER.parent)!r}); import class_driver; from pathlib import Path; "
    code += f"class_driver.pretend(Path({str(course.main.root)!r})); from grade.classroom import slurm; slurm.main()"
    for task in ("0", "1"):
        arguments = ["x", str(course.graded / "slurm" / "jobs.json"), task, "2"]
        subprocess.run(
            [sys.executable, "-c", code, *arguments[1:]], env={**environment, "SLURM_CPUS_PER_TASK": "2"}, check=True
        )
    assert sorted(course.gradings()) == ["alice", "bob", "carol"]
    collected = subprocess.run(course.command(), env=environment, **options)
    assert collected.returncode == 0 and "3 graded before" in collected.stdout
    assert course.grades() == {"alice": "5", "bob": "4", "carol": "3"}


def test_where_there_is_no_slurm_the_script_is_left(course: Course) -> None:
    course.hand_in(alice="points=5")
    run = course.run("--slurm", "2")
    assert run.returncode == 2 and f"{course.graded}/slurm/job.sh" in run.stderr
    assert (course.graded / "slurm" / "job.sh").read_text().startswith("#!/bin/sh\n#SBATCH")
