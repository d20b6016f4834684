"""The picture in the terminal: the same facts, the ranges first, then a letter for each frame."""

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from grade.boot.layout import PAGE
from grade.view.areas import ProcessAreas
from grade.view.picture import Picture
from grade.view.ram import FREE, LEGEND, MANY, OTHER, PROMISES, STACK, TABLE, USER, WRONG, FrameRun, RamMap
from grade.view.ranges import PictureRange
from grade.walker.explain import size_text

_STYLES = dict.fromkeys(LEGEND, "")
_STYLES |= {TABLE: "blue", USER: "green", STACK: "magenta", PROMISES: "cyan", FREE: "dim", OTHER: "dim"}
_STYLES |= dict.fromkeys(WRONG, "bold red") | dict.fromkeys(["2-9", *"23456789", MANY], "bold green")
_WIDE = 110  # from so many columns on a range's line also says where it leads, and the memory type
_ADDRESS = 13  # columns before the letters of the frames
_FOLDED = 2  # from so many rows of one kind on there is one line for them


def print_picture(console: Console, picture: Picture, walk: list[str]) -> None:
    """Prints everything, within the width of the console. `walk` is that of the picture's first address."""
    console.print(Text(f"{picture.title}, {picture.isa}", style="bold"))
    facts = Table.grid(padding=(0, 2))
    for name, words in [*picture.facts, ("the CPU is at", picture.where)]:
        facts.add_row(Text(name, style="dim"), Text(words))
    console.print(facts)
    for problem in picture.problems:
        console.print(Text(problem, style="yellow"))
    _print_part(console, "The walk", [Text(line) for line in walk])
    space = picture.spaces[picture.space]
    root = f"What {space.label} maps" + (f", root {space.root}" if space.root else "")
    ranges = [range_line(picture.ranges.all[number], console.width) for number in space.ranges]
    _print_part(console, root, ranges or [Text(space.problem or "nothing")])
    for process in picture.processes:
        title = f"What {process.label} was promised" if process.has_list else f"Pages of {process.label}"
        _print_part(console, title, list(_bands(process)))
    if picture.ram is not None:
        _print_part(console, "Frames of RAM", list(frame_lines(picture.ram, console.width)))
        console.print()
        for line in legend_lines(picture.ram):
            console.print(line)
    findings = [Text(line, style="red") for line in picture.findings]
    _print_part(console, "Findings", findings or [Text("none at one look")])


def _print_part(console: Console, title: str, lines: list[Text]) -> None:
    console.print()
    console.print(Text(title, style="bold"))
    for line in lines:
        console.print(line)


def range_line(entry: PictureRange, width: int) -> Text:
    """Returns one range as one line, with less in it if there is less room."""
    first, end = int(entry.va, 16), int(entry.end, 16)
    line = Text(f"{first:016x}-{end - 1:016x} {size_text(end - first):>9} ")
    if width >= _WIDE:
        line.append(f"{entry.pa:>13} {entry.memory:7} ", style="dim")
    line.append(f"{entry.kernel} {entry.user} ")
    line.append(entry.name)
    for warning in entry.warnings:
        line.append(f"  <-- {warning}", style="bold red")
    return line


def _bands(process: ProcessAreas) -> Iterator[Text]:
    nameless = "no area" if process.has_list else "pages"
    for band in process.bands:
        line = Text(f"{int(band.start, 16):012x}-{int(band.end, 16):012x} {band.rights} {band.kind or nameless:9} ")
        line.append(f"{band.strip} ", style="red" if band.findings else "green")
        line.append(f"{band.resident} of {band.pages}")
        for finding in band.findings:
            line.append(f"  <-- {finding}", style="bold red")
        yield line
    if process.problem:
        yield Text(process.problem, style="red")


def frame_lines(ram: RamMap, width: int) -> Iterator[Text]:
    """Yields rows of letters, as many to a row as fit: a power of two. Equal rows become one line."""
    columns = 1 << max(3, (max(width, 24) - _ADDRESS).bit_length() - 1)
    for row in _rows(ram, columns):
        first = row[0].first
        line = Text(f"{ram.base + first * PAGE:#011x}  ", style="dim")
        if len(row) == 1 and row[0].count >= _FOLDED * columns:
            letter, count = row[0].letter, row[0].count
            line.append(letter, style=_STYLES[letter] or "default")
            line.append(f" × {count}, {size_text(count * PAGE)}", style="dim")
        else:
            for run in row:
                line.append(run.letter * run.count, style=_STYLES[run.letter] or "default")
        yield line


def _rows(ram: RamMap, columns: int) -> Iterator[list[FrameRun]]:
    """Yields the runs cut into rows; several whole rows of one run come as one."""
    row: list[FrameRun] = []
    for run in ram.runs:
        first, left = run.first, run.count
        while left:
            room = columns - first % columns
            taken = left // columns * columns if room == columns and left >= _FOLDED * columns else min(left, room)
            row.append(FrameRun(first, taken, run.letter, run.owner, run.shares))
            first, left = first + taken, left - taken
            if first % columns == 0:
                yield row
                row = []
    if row:
        yield row


def legend_lines(ram: RamMap) -> Iterator[Text]:
    """Yields the letters that occur, what they mean, and how many frames have them."""
    for letter, meaning in LEGEND.items():
        count = sum(ram.counts.get(one, 0) for one in ("23456789" if letter == "2-9" else letter))
        if count:
            line = Text(f"{letter:>4}", style=_STYLES[letter] or "default")
            line.append(f" {count:>7}  {meaning}", style="default")
            yield line
