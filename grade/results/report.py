"""What people read: one failure in full, and the table of all milestones."""

import io
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from grade.isa import ISAS
from grade.results.result import Result, Status
from grade.results.verdict import Verdict
from grade.visible import visible

_STYLES = {Status.PASSED: "green", Status.FAILED: "red", Status.TODO: "yellow", Status.ERROR: "magenta"}


def result_line(result: Result, *, unchanged: bool = False) -> Text:
    """Returns one milestone as a line. `unchanged`: its host tests were not run, because the same programs had been."""
    line = Text(f"  lab {result.lab}  {result.isa:8} {result.milestone:5} ")
    line.append(f"{result.status:7}", style=_STYLES[result.status])
    line.append(f" {result.title}")
    if result.status is Status.TODO:
        line.append(f" (not written yet: {visible(result.verdict.function or '')})", style="yellow")
    elif result.cause:
        line.append(f" ({result.cause})", style="red")
    if unchanged:
        since = "passed" if result.status is Status.PASSED else "ran"  # the other half of the milestone may have failed
        line.append(f" (host tests unchanged since they {since})", style="dim")
    return line


def failure_lines(result: Result, others: Sequence[Result] = ()) -> list[Text]:
    """Returns one failure in full, under the numbers of all milestones that fail for this reason."""
    return [_failure_title([result, *others]), *(Text(f"  {line}") for line in result.message.splitlines())]


def _failure_title(same: Sequence[Result]) -> Text:
    first, numbers = same[0], _ranges([result.milestone for result in same])
    title = f" {first.title}" if len(same) == 1 else " all for one reason"  # the first is shown
    return Text(f"lab {first.lab}, {first.isa}, {numbers}:{title}", style="bold red")


def costs(results: Sequence[Result]) -> str:
    """Returns what one cause has cost, in a few words: 1.1, 3.1-3.11 on one ISA (100 points)."""
    by_isa: dict[str, list[str]] = {}
    for result in sorted(results, key=lambda result: result.sort_key):
        by_isa.setdefault(result.isa, []).append(result.milestone)
    where = " and ".join(f"{_ranges(numbers)} on {isa}" for isa, numbers in by_isa.items())
    points = sum(result.max for result in results)
    return f"{where} ({points:g} points)" if points else where


def _ranges(numbers: Sequence[str]) -> str:
    """Returns the numbers in their order, and consecutive ones as one range."""
    ranges: list[list[str]] = []
    for number in numbers:
        lab, place = number.split(".")
        if ranges and ranges[-1][-1] == f"{lab}.{int(place) - 1}":
            ranges[-1].append(number)
        else:
            ranges.append([number])
    return ", ".join(run[0] if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in ranges)


def waiting_lines(waiting: Sequence[Result]) -> list[str]:
    """Returns which earlier labs' milestones could not be judged, and what each waits for."""
    numbers: dict[str, list[str]] = {}
    for result in sorted(waiting, key=lambda result: result.sort_key):
        where = f"on lab {result.lab}'s kernel for {result.isa} {visible(result.verdict.function or '')} is not written"
        numbers.setdefault(where, []).append(result.milestone)
    return [f"{', '.join(them)} {'wait' if len(them) > 1 else 'waits'}: {why}" for why, them in numbers.items()]


def table_text(results: Sequence[Result]) -> str:
    """Returns the table and the failures as plain text."""
    out = io.StringIO()
    print_report(Console(file=out, width=120, color_system=None), results)
    return out.getvalue()


def print_report(console: Console, results: Sequence[Result], shown: Sequence[Result] = ()) -> None:
    """Prints the failures in full, except those already shown, then the table of milestones by ISA."""
    ordered = sorted(results, key=lambda result: result.sort_key)
    _print_failures(console, ordered, shown)
    for lab in sorted({result.lab for result in ordered}):
        console.print(_lab_table(lab, [result for result in ordered if result.lab == lab]))


def _print_failures(console: Console, results: Sequence[Result], shown: Sequence[Result]) -> None:
    """Prints each reason once, even if many milestones share it: a tree that does not build costs all of them.

    Code that is still to be written appears only if there is more to say than the milestone's line does.
    """
    shared = by_reason([result for result in results if _has_more_to_say(result)])
    groups = [same for same in shared if any(result not in shown for result in same)]
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


def _has_more_to_say(result: Result) -> bool:
    return result.status in (Status.FAILED, Status.ERROR) or bool(result.verdict.notes)


def by_reason(results: Sequence[Result]) -> list[list[Result]]:
    """Returns the results in groups: those that have one reason in common."""
    shared: list[list[Result]] = []
    for result in results:
        same = next((known for known in shared if _reason(known[0]) == _reason(result)), None)
        if same is None:
            shared.append([result])
        else:
            same.append(result)
    return shared


def _reason(result: Result) -> tuple[Verdict, int, str]:
    return result.verdict.essence, result.lab, result.isa


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
