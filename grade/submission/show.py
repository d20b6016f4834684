"""What the terminal shows about a submission before its milestones."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from grade.submission.laid_out import LaidOut
from grade.visible import visible

_MOST_LEFT_OUT = 12


def show(console: Console, submission: LaidOut, isas: list[str]) -> None:
    """Prints what was taken and what was not; `isas` are those that are graded."""
    selection = submission.selections[-1]
    title = Text(f"Lab {', '.join(map(str, submission.labs))} of {visible(submission.source)}")
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("file", overflow="fold")
    table.add_column("", overflow="fold")
    for path in selection.listed:
        table.add_row(Text(path), Text("taken", style="green"))
    left = {item.path for item in selection.left_out}
    for path in selection.missing:
        if path not in left:
            table.add_row(Text(path), Text("is not in it: the starter's stays", style="yellow"))
    for item in selection.left_out[:_MOST_LEFT_OUT]:
        table.add_row(Text(visible(item.path)[:200]), Text(item.why, style="red" if item.rank < 2 else "yellow"))
    if (more := len(selection.left_out) - _MOST_LEFT_OUT) > 0:
        table.add_row("...", f"and {more} more that were not taken (all are in the file of --json)")
    console.print(table)
    if not submission.is_sealed:
        console.print(
            "[bold yellow]Not sealed:[/] what the student wrote is built and run without a sandbox, with your rights."
        )
    _show_given(console, submission)
    if submission.claim is not None and (others := set(isas) - set(submission.claim.isas)):
        claimed, unclaimed = ", ".join(submission.claim.isas), ", ".join(sorted(others))
        console.print(
            f"Its labs/course.toml says that it is for {claimed} alone; {unclaimed} is graded as well. "
            f"For {claimed} alone: add {' '.join(f'--isa {isa}' for isa in submission.claim.isas)}",
            markup=False,
        )


def _show_given(console: Console, submission: LaidOut) -> None:
    if (claim := submission.claim) is not None and (given := submission.given):
        labs = "Lab 1 was" if len(given) == 1 else f"Labs 1 to {given[-1]} were"
        console.print(
            f"{labs} given: labs/course.toml says solved = {claim.solved} (a catch-up, or a solution). "
            "Points for what was given are not the student's: docs/instructor.md, Grading a class.",
            markup=False,
        )
