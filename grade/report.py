"""What people read: one failure in full, and the table of all milestones."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from grade.diagnosis.causes import CAUSES
from grade.diagnosis.failure import Failure
from grade.isa import ISAS
from grade.results import NOT_WRITTEN, Result, Status
from grade.run_plan import Target

if TYPE_CHECKING:
    from grade.boot.guest import Guest

_LAST_LINES = 6
_STYLES = {Status.PASSED: "green", Status.FAILED: "red", Status.TODO: "yellow", Status.ERROR: "magenta"}


def failure_text(failure: Failure, target: Target, guest: "Guest | None") -> str:
    """Everything about one failure: expected, seen, the walk, the cause, where to look."""
    cause = CAUSES[failure.cause]
    lines = [f"expected   {failure.expected}", f"seen       {failure.seen}"]
    if failure.walk:
        lines += _labelled("the walk", failure.walk.splitlines())
    lines.append(f"cause      {failure.cause}: {cause.meaning} (docs/causes.md)")
    if file := failure.file or file_to_look_at(cause.file, target.lab, target.isa):
        lines.append(f"look at    {file}")
    if guest is not None and (last := guest.machine.serial().splitlines()[-_LAST_LINES:]):
        lines += _labelled("last words", [line[:160] for line in last])
    return "\n".join(lines)


def file_to_look_at(pattern: str, lab: int, isa: str) -> str:
    """Where to look first, by the file of a cause. From lab 2 on lab 1's map has been proved: look at what is new."""
    if lab > 1:
        pattern = pattern.replace("boot_map.cc", "boot_high.cc")
    return pattern.format(isa=isa)


def _labelled(label: str, lines: Sequence[str]) -> list[str]:
    return [f"{label if i == 0 else '':10} {line}" for i, line in enumerate(lines)]


def result_line(result: Result, *, unchanged: bool = False) -> Text:
    """One milestone, in one line, as it comes in. `unchanged`: its host tests were not run, because they had been."""
    line = Text(f"  lab {result.lab}  {result.isa:8} {result.milestone:5} ")
    line.append(f"{result.status:7}", style=_STYLES[result.status])
    line.append(f" {result.title}")
    if result.status is Status.TODO:
        line.append(f" ({_first_line(result.message)})", style="yellow")
    elif result.cause:
        line.append(f" ({result.cause})", style="red")
    if unchanged:
        since = "passed" if result.status is Status.PASSED else "ran"  # what failed may be another half of the milestone
        line.append(f" (host tests unchanged since they {since})", style="dim")
    return line


def failure_lines(result: Result, others: Sequence[Result] = ()) -> list[Text]:
    """One failure in full, under the numbers of all milestones that fail for this reason."""
    return [_failure_title([result, *others]), *(Text(f"  {line}") for line in result.message.splitlines())]


def _failure_title(same: Sequence[Result]) -> Text:
    first, numbers = same[0], _ranges([result.milestone for result in same])
    title = f" {first.title}" if len(same) == 1 else " all for one reason"  # the first is shown
    return Text(f"lab {first.lab}, {first.isa}, {numbers}:{title}", style="bold red")


def costs(results: Sequence[Result]) -> str:
    """What one cause has cost, in a few words: 1.1, 3.1-3.11 on one ISA (100 points)."""
    by_isa: dict[str, list[str]] = {}
    for result in sorted(results, key=lambda result: result.sort_key):
        by_isa.setdefault(result.isa, []).append(result.milestone)
    where = " and ".join(f"{_ranges(numbers)} on {isa}" for isa, numbers in by_isa.items())
    points = sum(result.max for result in results)
    return f"{where} ({points:g} points)" if points else where


def _ranges(numbers: Sequence[str]) -> str:
    """Numbers in their order, and those that follow each other as one range."""
    ranges: list[list[str]] = []
    for number in numbers:
        lab, place = number.split(".")
        if ranges and ranges[-1][-1] == f"{lab}.{int(place) - 1}":
            ranges[-1].append(number)
        else:
            ranges.append([number])
    return ", ".join(run[0] if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in ranges)


def waiting_lines(waiting: Sequence[Result]) -> list[str]:
    """Which earlier labs' milestones could not be judged, and what each waits for."""
    numbers: dict[str, list[str]] = {}
    for result in sorted(waiting, key=lambda result: result.sort_key):
        function = _first_line(result.message).removeprefix(NOT_WRITTEN)
        where = f"on lab {result.lab}'s kernel for {result.isa} {function} is not written"
        numbers.setdefault(where, []).append(result.milestone)
    return [f"{', '.join(them)} {'wait' if len(them) > 1 else 'waits'}: {why}" for why, them in numbers.items()]


def _first_line(text: str) -> str:
    return text.partition("\n")[0]


def table_text(results: Sequence[Result]) -> str:
    """The table and the failures as plain text."""
    out = io.StringIO()
    print_report(Console(file=out, width=120, color_system=None), results)
    return out.getvalue()


def print_report(console: Console, results: Sequence[Result], shown: Sequence[Result] = ()) -> None:
    """The failures in full, but for those that were shown already, then the table of milestones by ISA."""
    ordered = sorted(results, key=lambda result: result.sort_key)
    _print_failures(console, ordered, shown)
    for lab in sorted({result.lab for result in ordered}):
        console.print(_lab_table(lab, [result for result in ordered if result.lab == lab]))


def _print_failures(console: Console, results: Sequence[Result], shown: Sequence[Result]) -> None:
    """Each message once, even if many milestones share it: a tree that does not build costs all of them.

    What is still to be written is only shown if there is more to say about it than stands in the milestone's line.
    """
    shared: dict[tuple[str, int, str], list[Result]] = {}
    for result in results:
        if result.status in (Status.FAILED, Status.ERROR) or "\n" in result.message:
            shared.setdefault((_essence(result.message), result.lab, result.isa), []).append(result)
    groups = [same for same in shared.values() if any(result not in shown for result in same)]
    for same in groups:
        console.print()
        if any(result in shown for result in same):
            rest = [result for result in same if result not in shown]
            console.print(Text(f"lab {rest[0].lab}, {rest[0].isa}, {_ranges([result.milestone for result in rest])}: "
                               "the reason stands above", style="bold red"), soft_wrap=True)  # fmt: skip
            continue
        for line in failure_lines(same[0], same[1:]):
            console.print(line, soft_wrap=True)
    if groups:
        console.print()


def _essence(message: str) -> str:
    """What two milestones that fail for the same reason have in common: not what was wanted, nor the last words."""
    passing = ("expected", "try ", "picture ", "explain ")
    kept = [line for line in message.splitlines() if not line.startswith(passing)]
    return "\n".join(kept).partition("\nlast words")[0]


def _lab_table(lab: int, results: Sequence[Result]) -> Table:
    isas = [isa for isa in ISAS if any(result.isa == isa for result in results)]
    table = Table(title=f"Lab {lab}", title_justify="left", title_style="bold", show_footer=True)
    table.add_column("", footer="")
    table.add_column("milestone", footer="points")
    for isa in isas:
        mine = [result for result in results if result.isa == isa]
        sum_points = f"{sum(r.points for r in mine):g} / {sum(r.max for r in mine):g}"
        table.add_column(isa, footer=sum_points, justify="right")
    by_milestone: dict[str, dict[str, Result]] = {}
    for result in results:
        by_milestone.setdefault(result.milestone, {})[result.isa] = result
    for number, by_isa in by_milestone.items():
        title = next(iter(by_isa.values())).title
        table.add_row(number, title, *(_cell(by_isa.get(isa)) for isa in isas))
    return table


def _cell(result: Result | None) -> Text:
    if result is None:
        return Text("-")
    points = f" {result.points:g}/{result.max:g}" if result.max else ""
    return Text(f"{result.status}{points}", style=_STYLES[result.status])
