"""The commands of ./pagewalk. Exit status: 0 all passed, 1 something failed, 2 it could not run, 130 Ctrl-C ended it."""

import sys
import traceback

import click

from grade.cli_common import CANNOT_RUN, INTERRUPTED, CannotRun, is_main, own_tree
from grade.commands import grading, machine, tree
from grade.version import PAGEWALK

ONLY_IN_MAIN = {"test", "coverage", "carry", "cut", "handout", "class", "package"}
ONLY_HANDED_OUT = {"status", "submit"}


class _Commands(click.Group):
    """The commands; --help offers those that work in this tree."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Returns the names that --help shows."""
        hidden = ONLY_HANDED_OUT if is_main() else ONLY_IN_MAIN
        return [name for name in super().list_commands(context) if name not in hidden]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Returns the command of this name, or None. One that only main has is no misspelling in a handed-out tree."""
        if name in ONLY_IN_MAIN and not is_main():
            raise CannotRun(f"{name} works in main, from which this tree of lab {own_tree().lab} was made")
        return super().get_command(context, name)

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


for _command in (*grading.COMMANDS, *machine.COMMANDS, *tree.COMMANDS):
    pagewalk.add_command(_command)
if is_main():
    from grade.classroom import commands as of_classes
    from grade.course import commands as of_main

    for _command in (*of_main.COMMANDS, *of_classes.COMMANDS):
        pagewalk.add_command(_command)


def main() -> None:
    """Runs the command line: all commands, with exit status 2 for a wrong command line, and for a bug of the grader's own."""
    try:
        pagewalk(prog_name="./pagewalk")
    except Exception:  # whatever it is, it is no verdict about a student
        traceback.print_exc()
        sys.exit(CANNOT_RUN)
