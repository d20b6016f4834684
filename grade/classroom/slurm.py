"""A class on a Slurm cluster: one array job, each of whose tasks grades a slice of the submissions.

    python3 -m grade.classroom.slurm JOBS INDEX COUNT

grades every COUNT-th of the jobs in a file, beginning with INDEX: that is one task. The folders of main, of the class, and
of the submissions must be the same on all nodes.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from grade.classroom.executors import local
from grade.classroom.job import Job, grade_one
from grade.ladder.files import write_whole
from grade.ladder.labs import LadderError
from grade.ladder.trees import find_root

_FOLDER = "slurm"
_SCRIPT = """#!/bin/sh
#SBATCH --job-name=pagewalk
#SBATCH --array=0-{last}
#SBATCH --ntasks=1
#SBATCH --cpus-per-task={cores}
#SBATCH --output={folder}/task-%a.log
cd {root} && exec {python} -m grade.classroom.slurm {folder}/jobs.json "$SLURM_ARRAY_TASK_ID" {tasks}
"""
_CORES = 2


def submit(jobs: Sequence[Job], output: Path, tasks: int, console: Console) -> None:
    """Writes the array job of so many tasks, and submits it. LadderError if Slurm does not take it; the script stays."""
    folder, tasks = output / _FOLDER, min(tasks, len(jobs))
    folder.mkdir(exist_ok=True)
    (folder / "jobs.json").write_text(json.dumps([_as_data(job) for job in jobs], indent=1) + "\n", encoding="utf-8")
    script = folder / "job.sh"
    text = _SCRIPT.format(
        last=tasks - 1, tasks=tasks, cores=_CORES, folder=shlex.quote(str(folder)),
        root=shlex.quote(str(find_root(Path(__file__)))), python=shlex.quote(sys.executable),
    )  # fmt: skip
    write_whole(script, text.encode())
    if shutil.which("sbatch") is None:
        raise LadderError(f"sbatch is not here. Where it is: sbatch {script}")
    run = subprocess.run(["sbatch", "--parsable", str(script)], capture_output=True, text=True, check=False)
    if run.returncode:
        raise LadderError(f"sbatch did not take {script}: {run.stderr.strip() or f'status {run.returncode}'}")
    number = run.stdout.strip().partition(";")[0]
    write_whole(folder / "job", f"{number}\n".encode())
    console.print(
        f"Slurm's job {number} grades {len(jobs)} submissions in {tasks} tasks: squeue -j {number}\n"
        "When it has ended, the same command without --slurm grades what is left, and makes the pages.",
        markup=False, highlight=False,
    )  # fmt: skip


def refuse_if_running(output: Path) -> None:
    """Raises LadderError if an array job that was submitted for this folder has not ended."""
    file = output / _FOLDER / "job"
    if not file.exists():
        return
    number = file.read_text(encoding="utf-8").strip()
    try:
        run = subprocess.run(["squeue", "--noheader", "-j", number], capture_output=True, text=True, check=False)
    except OSError as error:
        raise LadderError(
            f"whether Slurm's job {number} has ended is not known here ({error}). If it has: rm {file}"
        ) from error
    if run.returncode and "Invalid job id" not in run.stderr:  # as it is said of jobs of long ago
        raise LadderError(f"Slurm does not say whether its job {number} has ended: {run.stderr.strip()}. If it has: rm {file}")
    if run.stdout.strip():
        raise LadderError(f"Slurm's job {number} is still grading this class: wait for it, or end it: scancel {number}")
    file.unlink()


def _as_data(job: Job) -> dict[str, Any]:
    return {**asdict(job), "results": str(job.results)}


def _job(data: dict[str, Any]) -> Job:
    fields: dict[str, Any] = {**data, "labs": tuple(data["labs"]), "isas": tuple(data["isas"])}
    fields["results"] = Path(data["results"])
    return Job(**fields)


def main() -> None:
    """Grades one slice."""
    file, index, count = sys.argv[1:]
    jobs = [_job(data) for data in json.loads(Path(file).read_text(encoding="utf-8"))[int(index) :: int(count)]]
    with local(int(os.environ.get("SLURM_CPUS_PER_TASK", _CORES))) as executor:
        for future in as_completed([executor.submit(grade_one, job) for job in jobs]):
            done = future.result()
            print(f"{done.name}: {done.standing}, {done.seconds:.0f} s, {done.cpu:.0f} s of CPU time", flush=True)


if __name__ == "__main__":
    main()
