"""The commands that show a machine: run, gdb, view, explain, discipline, bug."""

import shlex
import sys
from pathlib import Path
from typing import Any

import click

from grade.cli_common import isas_choice, named_file, one_isa_option, own_tree, reports_what_is_missing, terminal


@click.command()
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
    kernel says whether it was killed, is missing or is no program. Ctrl-C ends it as well. ARGS that begin with - go
    after --.
    """
    from grade.interactive import Setting, run_on_terminal, run_program

    setting = Setting(own_tree(), isa, lab, ram, script.replace(";", "\n"))
    if program is None:
        sys.exit(run_on_terminal(setting, to_monitor=monitor))
    if monitor:
        raise click.UsageError("--monitor goes without PROGRAM: it has a command `run` of its own")
    sys.exit(run_program(setting, [program, *arguments]))


@click.command()
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

    Commands about paging are there: `help pt`, and docs/gdb.md. With --record, `who-wrote` and `reverse-continue` as well.
    """
    from grade.failed.gdb_session import Editor, run_last_failure_under_gdb, run_under_gdb

    if failed:
        if what or script or lab is not None:
            raise click.UsageError("--failed goes without a lab, a milestone or a script")
        sys.exit(run_last_failure_under_gdb(own_tree(), serial=serial, record=record))
    lines, editor = script.replace(";", "\n"), Editor(interpreter, tty) if interpreter else None
    sys.exit(run_under_gdb(own_tree(), what, isa, lab, lines, serial=serial, record=record, editor=editor))


@click.command("view")
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


@click.command()
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


@click.command("discipline")
@one_isa_option
@click.option("--lab", type=int, help="The kernel of this lab (default: the whole tree).")
@click.option("--script", help="Monitor commands, separated by ';' (default: what this lab's tables change by).")
@click.option("--events", is_flag=True, help="Tell all that happens to the tables, line by line.")
@reports_what_is_missing
def discipline_command(isa: str, lab: int | None, script: str | None, events: bool) -> None:
    """Watch the order of stores to tables, barriers, invalidations and releases: what QEMU hides, and hardware does not.

    Boots with a witness in QEMU, which keeps what the CPU may remember, and tells where that is not what the tables say:
    which line left it, and which line relied on its being forgotten. docs/discipline.md has the rules.

    Exit status 0 if no rule was broken, 1 if one was or the run did not come to its end, 2 if it could not be judged.
    """
    from grade.discipline.command import show_discipline

    lines = None if script is None else script.replace(";", "\n")
    sys.exit(show_discipline(own_tree(), isa, lab, lines, terminal(), events=events))


@click.command("bug")
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
    from grade.failed.gdb_session import run_under_gdb
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


COMMANDS = (run, gdb, view_command, explain, discipline_command, bug_command)
