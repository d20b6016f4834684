"""The commands that only main has: test, coverage, carry, cut, handout, package."""

import sys
from pathlib import Path
from typing import Any

import click

from grade.cli_common import isa_option, main_tree, reports_what_is_missing, terminal
from grade.isa import ISAS
from grade.ladder.labs import LadderError
from grade.packages import SERVICES


@click.command()
@click.option("--quick", is_flag=True, help="Only what takes three minutes: no planted bugs, no browser, the last lab.")
@click.option("-j", "jobs", type=click.IntRange(1), help="Tests at the same time (default: one more than there are cores).")
@click.option(
    "--examples",
    type=click.IntRange(1),
    metavar="N",
    help="Only the memory model's test, with N random examples for each ISA that are others every time.",
)
@click.option("--plants", is_flag=True, help="Only the planted bugs, with all milestones of each: this takes hours.")
@click.option("--renew-docs", is_flag=True, help="Test nothing: write the documents that are made from the tree.")
@reports_what_is_missing
def test(quick: bool, jobs: int | None, examples: int | None, plants: bool, renew_docs: bool) -> None:
    """Test everything: host tests, the grader's own tests, starters, planted bugs, variants, the labs themselves."""
    main_tree("test")
    from grade.course.testing import renew_documents, run, run_examples, run_plants

    if renew_docs:
        renew_documents(terminal())
        return
    if examples is not None:
        sys.exit(run_examples(jobs, examples))
    if plants:
        sys.exit(run_plants(terminal(), jobs))
    sys.exit(run(terminal(), quick=quick, jobs=jobs))


@click.command()
@click.argument("tests", nargs=-1, type=click.Path(exists=True), metavar="[TESTS]...")
@click.option("--only", type=click.Choice(["python", "cpp"]), metavar="LANGUAGE", help="Only python, or only cpp.")
@click.option("-j", "jobs", type=click.IntRange(1), help="Tests at the same time (default: one for each core).")
@reports_what_is_missing
def coverage(tests: tuple[str, ...], only: str | None, jobs: int | None) -> None:
    """Count what the tests run: of the grader in TESTS (default: the quick ones), of the kernel in its host tests."""
    tree = main_tree("coverage")
    from grade.course.coverage import CoverageOptions, run

    sys.exit(run(tree.root, CoverageOptions(tests, [only] if only else ["cpp", "python"], jobs), terminal()))


@click.command()
@click.option(
    "--since", default="HEAD", show_default=True, metavar="COMMIT", help="A commit at which the patches still fitted."
)
def carry(since: str) -> None:
    """Carry planted bugs and variants over what has changed in the files that they are made for."""
    tree = main_tree("carry")
    from grade.course.carry import carry_over

    sys.exit(carry_over(tree.root, since, terminal()))


@click.command("cut")
@click.argument("lab", type=int)
@click.argument("into", type=click.Path(file_okay=False, path_type=Path))
@click.option("--solved", type=int, help="Labs 1 to this one have their reference code (default: LAB - 1).")
@click.option("--with-grader", is_flag=True, help="With grade/ and the launcher, so that the tree can grade itself.")
@isa_option
@reports_what_is_missing
def cut_command(lab: int, into: Path, solved: int | None, with_grader: bool, isas: tuple[str, ...]) -> None:
    """Write the tree of LAB, as a student gets it, to the folder INTO."""
    tree = main_tree("cut")
    from grade.cutting.cutter import cut

    if lab not in [known.number for known in tree.labs]:
        raise LadderError(f"there is no lab {lab}; there are labs 1 to {tree.lab}")
    cut(tree.root, lab, lab - 1 if solved is None else solved, into, isas or ISAS, with_grader=with_grader)
    click.echo(f"lab {lab} is in {into}")


@click.command()
@click.option(
    "--repo",
    "folder",
    required=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="The git repository; a new one is made where there is nothing.",
)
@click.option("--solutions", is_flag=True, help="Branches labN-solution as well: labs 1 to N solved.")
@click.option(
    "--catch-up", type=int, multiple=True, metavar="N", help="A branch labN-catch-up: labs 1 to N-1 solved (may be repeated)."
)
@isa_option
@click.option("--name", help="Whose commits they are (default: Pagewalk, or as before).")
@click.option("--email", help="The address with it.")
@click.option("--afresh", is_flag=True, help="One commit for each lab, as in a new repository: before a course begins.")
@click.option("--check", is_flag=True, help="Change nothing; say whether the branches are what main would publish.")
@reports_what_is_missing
def handout(folder: Path, check: bool, isas: tuple[str, ...], **wishes: Any) -> None:
    """Publish the labs as branches lab1, lab2, ... of a git repository.

    Students start from lab1 and merge lab2 when they go on. Where main has changed since, a branch gets one more commit,
    which students can merge without a conflict; --afresh makes them anew. ISAs, name and solutions stay as they were
    published unless told otherwise. With --check, exit status 1 if a branch differs.
    """
    tree = main_tree("handout")
    from grade.course.handout import Wishes
    from grade.course.publishing import check_branches, publish_branches

    run = check_branches if check else publish_branches
    sys.exit(run(tree, folder, terminal(), Wishes(tuple(isa for isa in ISAS if isa in isas) or None, **wishes)))


@click.command("package")
@click.argument("service", type=click.Choice(SERVICES))
@click.argument("into", type=click.Path(file_okay=False, path_type=Path), metavar="DIR")
@click.option("--lab", type=int, metavar="N", help="Grade this lab (default: the one that a submission says it is of).")
@isa_option
@click.option(
    "--within",
    "minutes",
    type=click.FloatRange(1, 60),
    default=9.0,
    show_default=True,
    metavar="MINUTES",
    help="How long one submission may take; the service's own limit must be longer.",
)
@click.option("--course", metavar="OWNER/REPOSITORY", help="For github: where the handouts were pushed.")
@click.option("--image", default="pagewalk-grader", show_default=True, metavar="NAME", help="For prairielearn: the image.")
@reports_what_is_missing
def package_command(service: str, into: Path, isas: tuple[str, ...], **wishes: Any) -> None:
    """Make what a course installs at a SERVICE that gives grades: main, and scripts that grade one submission with it."""
    tree = main_tree("package")
    from grade.packages.package import Wishes, package

    for line in package(tree, into, Wishes(service, isas=isas, **wishes)):
        click.echo(line)


COMMANDS = (test, coverage, carry, cut_command, handout, package_command)
