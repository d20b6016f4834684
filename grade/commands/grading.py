"""The commands that give points, and what students do around it: grade, status, submit."""

import sys
from pathlib import Path
from typing import Any

import click

from grade.cli_common import handed_out_tree, is_main, isa_option, json_option, named_file, reports_what_is_missing, terminal
from grade.formats import NAMES
from grade.seed import MOST


def _named_files(
    context: click.Context, option: click.Parameter, pairs: tuple[tuple[str, Path], ...]
) -> tuple[tuple[str, Path], ...]:
    for _, path in pairs:
        named_file(context, option, path)
    return pairs


@click.command()
@click.argument("labs", nargs=-1, type=int, metavar="[LAB]...")
@isa_option
@click.option("-k", "expression", metavar="EXPR", help="Only tests that match, as for pytest -k.")
@click.option("--milestone", "milestones", multiple=True, metavar="N.M", help="Only this milestone (may be repeated).")
@json_option
@click.option(
    "--junit",
    "junit_file",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=named_file,
    help="Write the results as JUnit XML.",
)
@click.option(
    "--format",
    "formats",
    type=(click.Choice(NAMES), click.Path(dir_okay=False, path_type=Path)),
    multiple=True,
    callback=_named_files,
    metavar="FORMAT FILE",
    help=f"Write a report for a service, whatever comes of the run (may be repeated): {', '.join(NAMES)}.",
)
@click.option(
    "--within",
    type=click.FloatRange(0, 60 * 24, min_open=True),
    metavar="MINUTES",
    help="End after so many minutes; what is not judged by then is an error, and the exit status 2.",
)
@click.option(
    "--tree",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Grade another tree with the tests of this one.",
)
@click.option(
    "--submission",
    metavar="ARCHIVE|DIR|GIT-REV",
    hidden=not is_main(),
    help="Grade what a student handed in: only the files that the student owns are taken. REV, or DIR:REV.",
)
@click.option(
    "--picture",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=named_file,
    hidden=not is_main(),
    help="Draw the address space at the first failure of a submission, as `view` does: a page for a browser.",
)
@click.option(
    "--keep/--no-keep", default=True, hidden=not is_main(), help="Leave a submission's tree in build/submissions (it is left)."
)
@click.option(
    "--unsealed", is_flag=True, hidden=not is_main(), help="A submission is built and run without a sandbox: with your rights."
)
@click.option(
    "--seed", type=click.IntRange(0, MOST), help="Draw by chance what this seed draws (default: something new in each run)."
)
@click.option("-j", "jobs", type=click.IntRange(1), help="Guests at the same time (default: one for each core).")
@reports_what_is_missing
def grade(**options: Any) -> None:
    """Grade labs (default: in main all of them, else the one that this tree is).

    Builds the kernels, boots them in QEMU, and proves each milestone from outside the guest. In a tree that was handed
    out the milestones of earlier labs are among them: they must still hold.
    """
    from grade.grading import GradeOptions, run

    sys.exit(run(GradeOptions(**options), terminal()))


@click.command()
@json_option
@reports_what_is_missing
def status(json_file: Path | None) -> None:
    """How the labs of this handed-out tree stand: points, what is left, what comes next. Builds and boots nothing."""
    tree = handed_out_tree("status")
    from grade.student.status import show_status

    show_status(tree, terminal(), json_file)


@click.command("submit")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Default: labN-submission.tar.gz.")
@click.option("--force", is_flag=True, help="Even if it does not build, or lacks a file.")
@reports_what_is_missing
def submit_command(output: Path | None, force: bool) -> None:
    """Pack the files that are yours, of all labs so far, into one archive.

    It builds them first, on top of the given files as they were handed out: that is what will be graded. Exit status 2,
    and no archive, if that fails.
    """
    tree = handed_out_tree("submit")
    from grade.student.submit import submit

    submit(tree, terminal(), output, force=force)


COMMANDS = (grade, status, submit_command)
