"""What all commands of ./pagewalk have in common: options, errors in one line, the choice of the tree, and the terminal."""

import errno
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec

import click
from rich.console import Console

from grade.isa import ISAS
from grade.ladder.build import BuildError
from grade.ladder.labs import COURSE_FILE, LadderError
from grade.ladder.trees import Tree, find_root
from grade.machine.qemu_version import ToolMissing, ToolTooOld
from grade.program_run import BadProgram
from grade.visible import visible

CANNOT_RUN = 2
INTERRUPTED = 130
"""The status after Ctrl-C, as a shell gives it for a program that was interrupted."""

_MENDABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT}
"""Errors that a user can mend: no room left, no right to write, or a folder that is missing or takes no files."""


def is_main() -> bool:
    """Returns whether this is main, and not a handed-out tree."""
    return not (find_root(Path(__file__)) / COURSE_FILE).exists()


def _course_isas() -> tuple[str, ...]:
    """Returns the ISAs that can be named here; all of them in a damaged tree, which each command itself reports."""
    try:
        return own_tree().isas
    except LadderError:
        return ISAS


def own_tree() -> Tree:
    """Returns the tree that this package is part of."""
    return Tree(find_root(Path(__file__)))


def named_file(_: click.Context, option: click.Parameter, path: Path | None) -> Path | None:
    """Refuses `-`, which elsewhere is standard output: that is for people here."""
    if path == Path("-"):
        raise click.BadParameter("name a file; - would be one of that name", param=option)
    return path


isas_choice = click.Choice(_course_isas())
isa_option = click.option(
    "--isa", "isas", multiple=True, type=isas_choice, help="Only this ISA (may be repeated; default: all)."
)
one_isa_option = click.option("--isa", type=isas_choice, default=isas_choice.choices[0], show_default=True, help="The ISA.")
json_option = click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=named_file,
    help="Write the results as JSON.",
)


Arguments = ParamSpec("Arguments")


class CannotRun(click.ClickException):
    """Something missing or wrong keeps the command from running at all."""

    exit_code = CANNOT_RUN


def reports_what_is_missing(command: Callable[Arguments, None]) -> Callable[Arguments, None]:
    """Turns the errors that a user can mend into one clear line and exit status 2."""

    @wraps(command)
    def wrapped(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except (ToolMissing, ToolTooOld, LadderError, BuildError, BadProgram) as error:
            raise CannotRun(visible(str(error))) from error
        except OSError as error:
            if error.errno not in _MENDABLE:
                raise
            raise CannotRun(f"{error.strerror}: {error.filename or 'while writing'}") from error

    return wrapped


def main_tree(command: str) -> Tree:
    """Returns the tree, for a command that only main has. LadderError in a handed-out tree."""
    tree = own_tree()
    if tree.course is not None:
        raise LadderError(f"{command} works in main, from which this tree of lab {tree.lab} was made")
    return tree


def handed_out_tree(command: str) -> Tree:
    """Returns the tree, for a command that only a handed-out tree has. LadderError in main."""
    tree = own_tree()
    if tree.course is None:
        raise LadderError(f"{command} is for the tree of one lab, as students have it; this is main")
    return tree


def terminal() -> Console:
    """Returns a console on the current standard output, even if that is replaced later; wide if it is no terminal."""
    return Console(file=sys.stdout, width=None if sys.stdout.isatty() else 120, highlight=False)
