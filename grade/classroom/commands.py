"""The command line of `class`."""

import sys
from pathlib import Path
from typing import Any

import click

from grade.cli_common import isa_option, main_tree, reports_what_is_missing, terminal

_file = click.Path(path_type=Path)


@click.command("class")
@click.argument("submissions", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, metavar="DIR", type=click.Path(file_okay=False, path_type=Path),
    help="The folder of the class: results, pages, grades. The same command goes on in it.",
)  # fmt: skip
@click.option("--lab", type=int, help="The lab that is graded (default: what each submission says).")
@isa_option
@click.option("--roster", type=_file, help="A CSV file of the people in the class: pages and grades then name them.")
@click.option("--canvas", type=_file, help="Canvas' exported gradebook: a copy of it with the points goes to DIR.")
@click.option("--canvas-column", metavar="NAME", help="The column of that file, if several could be meant.")
@click.option("--moodle", type=_file, help="Moodle's grading worksheet: a copy of it with the points goes to DIR.")
@click.option("--changed", is_flag=True, help="Grade again what another main has graded, and show whose points changed.")
@click.option("--keep", is_flag=True, help="Leave each submission's tree and kernel in build/submissions (20 to 40 MB).")
@click.option(
    "--minutes", type=click.FloatRange(0, min_open=True), default=30, show_default=True,
    help="Give up a submission that takes longer.",
)  # fmt: skip
@click.option("-j", "jobs", type=click.IntRange(1), help="Submissions at the same time (default: one for each core).")
@click.option("--dask", metavar="ADDRESS", help="On the workers of this Dask scheduler: tcp://host:8786.")
@click.option("--scheduler-file", metavar="FILE", help="The same; the scheduler wrote this file.")
@click.option("--slurm", metavar="TASKS", type=click.IntRange(1), help="As one array job of so many tasks of Slurm.")
@click.option("--unsealed", is_flag=True, help="What students wrote is built and run without a sandbox: with your rights.")
@reports_what_is_missing
def class_command(**options: Any) -> None:
    """Grade all SUBMISSIONS in a folder: archives, folders or git clones, as Moodle, Canvas or GitHub Classroom give them.

    Each one is graded in processes and in a sandbox of its own, and only once: whatever ends this command, the same command
    goes on. Exit status 0 if all are graded, whatever their points; 1 if some need a person, who is told why; 2 if the grader
    itself could not judge some, or cannot run. docs/class.md says more.
    """
    tree = main_tree("class")
    from grade.classroom.run import ClassOptions, run

    if sum(options[name] is not None for name in ("dask", "scheduler_file", "slurm")) > 1:
        raise click.UsageError("--dask, --scheduler-file and --slurm: only one of them")
    sys.exit(run(tree, ClassOptions(**options), terminal()))


COMMANDS = (class_command,)
