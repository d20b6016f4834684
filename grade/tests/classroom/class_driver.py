"""Runs `class` with a grader that only pretends: python3 class_driver.py MAIN ARGUMENT...

With `--dask-worker MAIN ADDRESS` it is a worker of Dask whose grader pretends.

A submission is an archive with a file kernel/map.h, whose words say what the pretended grading does: how many points there
are, how long it takes, that it ends badly. Each grading adds a line to the file that PAGEWALK_LOG names.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def grade(work: str, results: str, name: str) -> None:
    """Pretends to grade: leaves a process of its own session, temporary files, and results."""
    words = dict(word.split("=") for word in work.split())
    with open(os.environ["PAGEWALK_LOG"], "a") as log:
        log.write(f"{name}\n")
    (Path(os.environ["TMPDIR"]) / "left").write_text("left")
    subprocess.Popen(["setsid", "sleep", "1000"])
    time.sleep(float(words.get("seconds", "0")))
    with open(os.environ["PAGEWALK_LOG"]) as log:
        attempts = log.read().split().count(name)
    if "signal" in words:
        os.kill(os.getpid(), int(words["signal"]))
    status = words.get("status", "passed")
    status = "passed" if status == "error-once" and attempts > 1 else status.removesuffix("-once")
    points = int(words.get("points", "5"))
    result = {
        "lab": 1, "isa": "x86_64", "milestone": "1.1", "title": "It maps", "points": points if status == "passed" else 0, "max": 5,
        "status": status, "duration": 0.1, "cause": None, "expected": None, "seen": None, "walk": None, "file": None,
        "kill": None, "last_words": [], "commands": {}, "picture": None, "function": None, "notes": [],
        "error": "the machine is on fire" if status == "error" else None,
    }  # fmt: skip
    if status == "failed":
        result |= {"cause": words.get("cause", "hang"), "expected": words.get("text", "x"), "seen": "y"}
    document = {"version": 2, "pagewalk": "0", "seed": 1, "results": [result], "submission": {}}
    Path(results).write_text(json.dumps(document), encoding="utf-8")
    sys.exit({"passed": 0, "failed": 1}.get(status, 2))


def pretend(main_tree: Path) -> None:
    """Has jobs of this process run the pretended grader."""
    sys.path.insert(0, str(ROOT))
    from grade.classroom import job
    from grade.ladder.trees import Tree
    from grade.submission import laid_out

    def pretended(one: job.Job, results: Path, picture: Path) -> list[str]:
        picture.write_text(f"picture of {one.name}", encoding="utf-8")
        work = laid_out.work_in(Tree(main_tree), one.source, one.labs).files[1]["kernel/map.h"].decode()
        return [sys.executable, __file__, "--grade", work, str(results), one.name]

    job._command = pretended
    os.environ["PYTHONPATH"] = str(ROOT)


def main() -> None:
    """Runs the command, as ./pagewalk would."""
    if sys.argv[1] == "--grade":
        return grade(*sys.argv[2:])
    if sys.argv[1] == "--dask-worker":
        return work_for_dask(Path(sys.argv[2]), sys.argv[3])
    main_tree = Path(sys.argv[1])
    pretend(main_tree)
    from grade.classroom import commands as of_classes
    from grade.classroom import run
    from grade.cli import main as cli
    from grade.ladder.trees import Tree

    run.graded_labs = lambda tree: [1, 2, 3]
    of_classes.main_tree = lambda command: Tree(main_tree)
    sys.argv = ["./pagewalk", *sys.argv[2:]]
    cli()


def work_for_dask(main_tree: Path, address: str) -> None:
    """Works for Dask, with one thread, until it is killed."""
    pretend(main_tree)
    from distributed.cli import dask_worker

    sys.argv = ["dask-worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--death-timeout", "60"]
    dask_worker.main() if hasattr(dask_worker, "main") else dask_worker.go()


if __name__ == "__main__":
    main()
