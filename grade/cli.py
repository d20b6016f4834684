"""The commands of ./pagewalk. Exit status: 0 all passed, 1 something failed, 2 it could not run, 130 Ctrl-C ended it."""

import shlex
import sys
import traceback
from pathlib import Path
from typing import Any

import click

from grade.cli_common import (
    CANNOT_RUN,
    INTERRUPTED,
    handed_out_tree,
    is_main,
    isa_option,
    isas_choice,
    json_option,
    main_tree,
    named_file,
    one_isa_option,
    own_tree,
    reports_what_is_missing,
    terminal,
)
from grade.isa import ISAS
from grade.ladder.labs import LadderError
from grade.seed import MOST
from grade.version import PAGEWALK

ONLY_IN_MAIN = {"test", "coverage", "carry", "cut", "handout"}
ONLY_HANDED_OUT = {"status", "submit"}


class _Commands(click.Group):
    """The commands; --help offers those that work in this tree."""

    def list_commands(self, context: click.Context) -> list[str]:
        """The names that --help shows."""
        hidden = ONLY_HANDED_OUT if is_main() else ONLY_IN_MAIN
        return [name for name in super().list_commands(context) if name not in hidden]

    def invoke(self, context: click.Context) -> object:
        """Runs one. Ctrl-C is no verdict: click itself would end with the exit status of a failure."""
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            raise click.exceptions.Exit(INTERRUPTED) from None


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="./pagewalk setup [--check] installs what is missing, or only says what is. Every other command does so by itself.",
)
@click.version_option(PAGEWALK, "--version", prog_name="Pagewalk", message="%(prog)s %(version)s")
def pagewalk() -> None:
    """Pagewalk, a teaching operating system about paging."""


@pagewalk.command()
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


@pagewalk.command()
@json_option
@reports_what_is_missing
def status(json_file: Path | None) -> None:
    """How the labs of this handed-out tree stand: points, what is left, what comes next. Builds and boots nothing."""
    tree = handed_out_tree("status")
    from grade.student.status import show_status

    show_status(tree, terminal(), json_file)


@pagewalk.command("submit")
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


@pagewalk.command()
@click.option("--quick", is_flag=True, help="Only what takes three minutes: no planted bugs, no browser, the last lab.")
@click.option("-j", "jobs", type=click.IntRange(1), help="Tests at the same time (default: one more than there are cores).")
@click.option(
    "--examples",
    type=click.IntRange(1),
    metavar="N",
    help="Only the memory model's test, with N random examples for each ISA that are others every time.",
)
@click.option("--renew-docs", is_flag=True, help="Test nothing: write the documents that are made from the tree.")
@reports_what_is_missing
def test(quick: bool, jobs: int | None, examples: int | None, renew_docs: bool) -> None:
    """Test everything: host tests, the grader's own tests, starters, planted bugs, variants, the labs themselves."""
    main_tree("test")
    from grade.course.testing import renew_documents, run, run_examples

    if renew_docs:
        renew_documents(terminal())
        return
    if examples is not None:
        sys.exit(run_examples(jobs, examples))
    sys.exit(run(terminal(), quick=quick, jobs=jobs))


@pagewalk.command()
@click.argument("tests", nargs=-1, type=click.Path(exists=True), metavar="[TESTS]...")
@click.option("--only", type=click.Choice(["python", "cpp"]), metavar="LANGUAGE", help="Only python, or only cpp.")
@click.option("-j", "jobs", type=click.IntRange(1), help="Tests at the same time (default: one for each core).")
@reports_what_is_missing
def coverage(tests: tuple[str, ...], only: str | None, jobs: int | None) -> None:
    """Count what the tests run: of the grader in TESTS (default: the quick ones), of the kernel in its host tests."""
    tree = main_tree("coverage")
    from grade.course.coverage import CoverageOptions, run

    sys.exit(run(tree.root, CoverageOptions(tests, [only] if only else ["cpp", "python"], jobs), terminal()))


@pagewalk.command()
@click.option(
    "--since", default="HEAD", show_default=True, metavar="COMMIT", help="A commit at which the patches still fitted."
)
def carry(since: str) -> None:
    """Carry planted bugs and variants over what has changed in the files that they are made for."""
    tree = main_tree("carry")
    from grade.course.carry import carry_over

    sys.exit(carry_over(tree.root, since, terminal()))


@pagewalk.command()
@click.argument("program", required=False)
@click.argument("arguments", nargs=-1, metavar="[ARGS]...")
@one_isa_option
@click.option("--lab", type=int, help="The kernel of this lab (default: the whole tree).")
@click.option("--ram", default=128, show_default=True, type=click.IntRange(64, 2048), help="RAM in MiB.")
@click.option("--script", default="", help="Monitor commands to begin with, separated by ';'.")
@click.option("--monitor", is_flag=True, help="To the kernel's monitor, and not to the shell.")
@reports_what_is_missing
def run(
    program: str | None, arguments: tuple[str, ...], isa: str, lab: int | None, ram: int, script: str, monitor: bool
) -> None:
    """Boot to the shell on this terminal, or run PROGRAM there. Ctrl-A X ends it.

    The shell's `exit` leads to the kernel's monitor. So does --monitor, and a lab without a shell.

    After PROGRAM the machine turns itself off. The exit status is 0 if it exited with 0, and 1 if it did not: the
    kernel says whether it was killed, is missing or is no program. Ctrl-C ends it, too. ARGS that begin with - go
    after --.
    """
    from grade.interactive import Setting, run_on_terminal, run_program

    setting = Setting(own_tree(), isa, lab, ram, script.replace(";", "\n"))
    if program is None:
        sys.exit(run_on_terminal(setting, to_monitor=monitor))
    if monitor:
        raise click.UsageError("--monitor goes without PROGRAM: it has a command `run` of its own")
    sys.exit(run_program(setting, [program, *arguments]))


@pagewalk.command()
@click.argument("what", default="", metavar="[LAB|MILESTONE]")
@one_isa_option
@click.option("--lab", type=int, help="On the kernel of this lab, for a milestone that failed there.")
@click.option("--script", default="", help="Monitor commands to begin with, separated by ';': \"run hello\".")
@click.option("--serial", type=click.Path(dir_okay=False, path_type=Path), help="What the guest prints goes to this file.")
@click.option("--failed", is_flag=True, help="The milestone that failed last, on whatever ISA.")
@click.option("--record", is_flag=True, help="Run first, to that point or the script's end, and go back from there.")
@click.option("--interpreter", hidden=True, help="For editors: GDB's machine interface.")
@click.option("--tty", hidden=True, type=click.Path(path_type=Path), help="For editors: where the guest prints.")
@reports_what_is_missing
def gdb(
    what: str, isa: str, lab: int | None, script: str, serial: Path | None, failed: bool, record: bool,
    interpreter: str | None, tty: Path | None,
) -> None:  # fmt: skip
    """Boot under GDB: a lab from its first instruction, or a milestone at the point where it failed last.

    Commands about paging are there: `help pt`, and docs/gdb.md. With --record, `who-wrote` and `reverse-continue`, too.
    """
    from grade.gdb_session import Editor, run_last_failure_under_gdb, run_under_gdb

    if failed:
        if what or script or lab is not None:
            raise click.UsageError("--failed goes without a lab, a milestone or a script")
        sys.exit(run_last_failure_under_gdb(own_tree(), serial=serial, record=record))
    lines, editor = script.replace(";", "\n"), Editor(interpreter, tty) if interpreter else None
    sys.exit(run_under_gdb(own_tree(), what, isa, lab, lines, serial=serial, record=record, editor=editor))


@pagewalk.command("view")
@click.argument("milestone", default="")
@click.option("--isa", type=isas_choice, help=f"The ISA (default: {isas_choice.choices[0]}).")
@click.option("--lab", type=int, help="On the kernel of this lab.")
@click.option("--failed", is_flag=True, help="The milestone that failed last, on whatever ISA: so it is without MILESTONE.")
@click.option("--va", help="Begin with this address: 0x400000.")
@click.option("--script", default="", help="Boot, with these monitor commands, separated by ';': \"run hello\".")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), callback=named_file, help="The file to write.")
@click.option("--text", "as_text", is_flag=True, help="Show it on this terminal instead.")
@reports_what_is_missing
def view_command(milestone: str, isa: str | None, lab: int | None, failed: bool, **options: Any) -> None:
    """Draw an address space: one file for a browser, of the machine as it was when a milestone failed.

    With --script the machine is booted, and drawn at the script's last `checkpoint NAME`. Without one it is drawn when the
    first process is about to end, and all that it has is still there; else at the end of the script. docs/view.md tells
    how to read the picture.
    """
    from grade.view.command import ViewOptions, view

    if sum(map(bool, (milestone, failed, options["script"]))) > 1:
        raise click.UsageError("name a milestone, or --failed, or --script: only one of them")
    if not milestone and not options["script"] and (isa or lab is not None):
        raise click.UsageError("--isa and --lab go with a milestone or with --script")
    view(own_tree(), terminal(), ViewOptions(milestone, isa or isas_choice.choices[0], lab, **options))


@pagewalk.command()
@click.argument("milestone", default="", metavar="[MILESTONE]")
@one_isa_option
@click.option("--lab", type=int, help="On the kernel of this lab.")
@click.option("--script", help="Not a milestone, but a run with these monitor commands, separated by ';': \"run hello\".")
@reports_what_is_missing
def explain(milestone: str, isa: str, lab: int | None, script: str | None) -> None:
    """Say what went wrong first, and why: for a milestone that failed (default: the one that failed last).

    Boots the same machine again, with a log of its exceptions: what happened first, the walk of its address, what the
    process was promised there, frames that do not add up, and the cause.

    Exit status 0 if it was explained, 2 if there is nothing to explain; with --script 0 if all was well, else 1.
    """
    from grade.explain.case import failed_milestone, scripted
    from grade.explain.show import show_explanation

    if script is None:
        show_explanation(failed_milestone(own_tree(), milestone, isa, lab), terminal())
        return
    if milestone:
        raise click.UsageError("--script goes without a milestone, which has a script of its own")
    sys.exit(0 if show_explanation(scripted(own_tree(), isa, lab, script.replace(";", "\n")), terminal()) else 1)


@pagewalk.command()
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


@pagewalk.command("docs")
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


@pagewalk.command("cut")
@click.argument("lab", type=int)
@click.argument("into", type=click.Path(file_okay=False, path_type=Path))
@click.option("--solved", type=int, help="Labs 1 to this one have their reference code (default: LAB - 1).")
@click.option("--with-grader", is_flag=True, help="With grade/ and the launcher, so that the tree can grade itself.")
@isa_option
@reports_what_is_missing
def cut_command(lab: int, into: Path, solved: int | None, with_grader: bool, isas: tuple[str, ...]) -> None:
    """Write the tree of LAB, as a student gets it, to the folder INTO."""
    tree = main_tree("cut")
    from grade.course.cutter import cut

    if lab not in [known.number for known in tree.labs]:
        raise LadderError(f"there is no lab {lab}; there are labs 1 to {tree.lab}")
    cut(tree.root, lab, lab - 1 if solved is None else solved, into, isas or ISAS, with_grader=with_grader)
    click.echo(f"lab {lab} is in {into}")


@pagewalk.command("bug")
@click.argument("code", default="", metavar="[CODE]")
@click.option("--isa", type=isas_choice, help="The ISA (default: the first on which the bug shows).")
@click.option("--lab", type=int, help="List the bugs of this lab only.")
@click.option("--gdb", "under_gdb", is_flag=True, help="Under GDB, at its first instruction.")
@click.option("--record", is_flag=True, help="With --gdb: run the script first, and go back from its end.")
@click.option("--script", default="", help="Monitor commands to begin with, separated by ';'.")
@click.option("--reveal", "tell", is_flag=True, help="Tell what is wrong. Boots nothing.")
@click.option("--explain", "with_reason", is_flag=True, help="Grade it, and say what happens first, and why.")
@reports_what_is_missing
def bug_command(
    code: str, isa: str | None, lab: int | None, under_gdb: bool, record: bool, script: str, tell: bool, with_reason: bool
) -> None:  # fmt: skip
    """Practise on a kernel with a planted bug. Without CODE: list them by what one sees, and not by what is wrong.

    In a handed-out tree the bug is planted into a copy of your own kernel, and only labs that are done have bugs.
    """
    from grade.gdb_session import run_under_gdb
    from grade.interactive import Setting, run_on_terminal
    from grade.practice.command import check_options, code_of, explain_bug, find_bug, list_bugs, plant_bug, reveal

    check_options(
        code, {"--lab": lab is not None},
        {"--reveal": tell, "--explain": with_reason, "--gdb": under_gdb, "--record": record, "--script": bool(script), "--isa": bool(isa)},
    )  # fmt: skip
    tree = own_tree()
    if not code:
        return list_bugs(tree, terminal(), lab)
    bug = find_bug(tree, code)
    if tell:
        return reveal(bug, terminal())
    isa = isa or bug.isas[0]
    if with_reason:
        return explain_bug(tree, bug, isa, terminal())
    planted, lines = plant_bug(tree, bug, isa), script.replace(";", "\n")
    if under_gdb:
        command = ["./pagewalk", "bug", code_of(bug), "--isa", isa, "--gdb", *(["--script", script] if script else [])]
        sys.exit(run_under_gdb(planted, "", isa, None, lines, record=record, command=shlex.join(command)))
    sys.exit(run_on_terminal(Setting(planted, isa, None, 128, lines), to_monitor=True))


@pagewalk.command()
@click.option(
    "--repo",
    "folder",
    required=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="The git repository; a new one is made where there is nothing.",
)
@click.option("--solutions", is_flag=True, help="Branches labN-solution, too: labs 1 to N solved.")
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


def main() -> None:
    """The entry point: all commands, with exit status 2 for a wrong command line, and for a bug of the grader's own."""
    try:
        pagewalk(prog_name="./pagewalk")
    except Exception:  # whatever it is, it is no verdict about a student
        traceback.print_exc()
        sys.exit(CANNOT_RUN)
