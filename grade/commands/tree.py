"""The commands that look at the tree as a whole: bench and docs."""

import sys
from pathlib import Path

import click

from grade.cli_common import json_option, main_tree, named_file, own_tree, reports_what_is_missing, terminal


@click.command()
@json_option
@click.option("--runs", default=20, show_default=True, type=click.IntRange(1), help="Boots for each median.")
@click.option("--soak", type=click.IntRange(1), metavar="SECONDS", help="Only storms of processes, for so long.")
@click.option(
    "--only", multiple=True, metavar="WHAT", help="Only what one waits for: loop, engine, submission, first, quick, tests."
)
@click.option(
    "--of",
    "measured",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="With --only: of the main in this folder.",
)
@reports_what_is_missing
def bench(json_file: Path | None, runs: int, soak: int | None, only: tuple[str, ...], measured: Path | None) -> None:
    """Measure: boots, system calls, faults, fork, walks, builds, grading, lines, and how long people wait.

    Counts of guest instructions are exact: the same kernel has the same. What people wait for is measured by the clock, on
    trees of its own, in main alone: a student's loop after an edit, the same for the engine of lab 1, one submission more,
    the first `grade` in a fresh clone. `--only quick` and `--only tests` time the tests themselves, which takes as long as
    they do. Exit status 1 if something could not be measured; the reason is shown.
    """
    from grade.bench.run import WAITS, run_bench

    for name in only:
        if name not in WAITS:
            raise click.BadParameter(f"{name!r} is not one of {', '.join(WAITS)}", param_hint="--only")
    if only:
        main_tree("bench --only")
    elif measured is not None:
        raise click.UsageError("--of goes with --only")
    from grade.bench.soak import run_soak

    if soak is not None:
        sys.exit(run_soak(own_tree(), terminal(), soak))
    sys.exit(run_bench(own_tree(), terminal(), runs, json_file, only, measured and measured.resolve()))


@click.command("docs")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    callback=named_file,
    metavar="DIR",
    help="Default: build/docs. A site that is there goes; nothing else does.",
)
@reports_what_is_missing
def docs_command(output: Path | None) -> None:
    """Make a site of the documents and the sources, with call graphs: open build/docs/index.html in a browser.

    Needs Doxygen and Graphviz. Exit status 1 if they complain; each complaint has file and line.
    """
    from grade.site.build import run_docs

    tree = own_tree()
    if output is None:
        output = tree.root / "build" / "docs"
        output.parent.mkdir(exist_ok=True)
    sys.exit(run_docs(tree, output, terminal()))


COMMANDS = (bench, docs_command)
