"""./pagewalk discipline: a run with the witness beside it, told to a person."""

from rich.console import Console
from rich.text import Text

from grade.boot.kernel_image import KernelImage
from grade.discipline.record import Event, Record
from grade.discipline.scripts import script_for
from grade.discipline.witnessed import witnessed
from grade.discipline.words import Teller
from grade.guest.guest import Recipe
from grade.ladder.build import build_kernel
from grade.ladder.trees import Tree
from grade.machine.stop import StopKind
from grade.prepare import prepare
from grade.visible import visible

_NONCE = 0x50414745  # any: nothing asks for it here
_END = "poweroff"
PASSED, BROKEN, NOT_JUDGED = 0, 1, 2
"""Exit statuses."""
_EVENTS = {
    "entry": "of {va}, level {level}, at {slot}: {old} -> {now}",
    "root": "{root} (0: none) of half {which}, address space {space}",
    "invalidate": "{what}",
    "barrier": "{what}",
    "release": "of the frame {frame}",
}
"""What is said of an event that breaks no rule, by the names of its values."""


def show_discipline(tree: Tree, isa: str, lab: int | None, script: str | None, console: Console, *, events: bool) -> int:
    """Runs a kernel, tells what the witness has seen, and returns the exit status. LadderError, BuildError.

    `script` are lines for the monitor; None is what the lab's tables change by.
    """
    folder = tree.root if lab is None or tree.course else prepare(tree, lab)
    kernel = build_kernel(folder, isa)
    image, number = KernelImage(isa, kernel.elf), lab or tree.lab
    lines = [line.strip() for line in (script_for(image, number) if script is None else script).split("\n") if line.strip()]
    if not lines or lines[-1] != _END:
        lines.append(_END)
    _say(console, f"Lab {number}'s kernel for {isa}: {'; '.join(lines)}", bold=True)
    recipe = Recipe(isa, str(kernel.elf), "\n".join(lines), _NONCE)
    with witnessed(recipe, folder, tells_all=events) as (guest, witness):
        stop = guest.machine.run()
        record = witness.record()
        ended = stop.kind is StopKind.POWERED_OFF and bool(guest.facts(_END))
    teller = Teller(image, tree.labs)
    if events:
        _show_events(record, teller, console)
    _show_seen(record, console)
    _show_violations(record, teller, console)
    return _verdict(record, "" if ended else stop.detail, console)


def _show_events(record: Record, teller: Teller, console: Console) -> None:
    for event in record.events:
        line = teller.line_of(event.addresses("at"))
        _say(console, f"{_event_text(event)}, {line or 'by code without a line'}")


def _event_text(event: Event) -> str:
    values = {name: value for name, value in event.values.items() if name not in ("at", "moment")}
    text = _EVENTS[event.kind].format(**values) if event.kind in _EVENTS else f"breaks the rule {event.rule}"
    return f"{event.number('moment'):>11,}  {event.kind:<10}  {text}"


def _show_seen(record: Record, console: Console) -> None:
    seen = record.seen
    counted = {
        "loads and stores": seen.accesses, "entries changed": seen.entries, "invalidations": seen.invalidations,
        "barriers": seen.barriers, "roots loaded": seen.roots, "frames given back": seen.releases,
    }  # fmt: skip
    _say(console, "  " + ", ".join(f"{count:,} {what}" for what, count in counted.items()))


def _show_violations(record: Record, teller: Teller, console: Console) -> None:
    explained: set[str] = set()
    for number, violation in enumerate(record.violations, 1):
        story = teller.tell(violation)
        console.print()
        _say(console, f"{number}. {violation.rule}: {story.rule.broken}", bold=True)
        for line in story.lines:
            _say(console, f"     {line}")
        if story.instead not in explained:
            _say(console, f"     {story.rule.why} {story.instead}")
        if story.line is not None:
            _say(console, f"     look at  {story.line.file}:{story.line.line}")
        explained.add(story.instead)


def _verdict(record: Record, ended_by: str, console: Console) -> int:
    """Says what the run comes to, and returns the exit status. `ended_by` is what ended it too early; '' if nothing did."""
    console.print()
    if record.unjudged:
        _say(console, f"Not judged from some moment on: {record.unjudged}.")
    if ended_by:
        _say(console, f"The run did not come to the end of its script: {ended_by}. ./pagewalk explain --script says why.")
    if record.violations:
        kinds, more = len(record.violations), record.seen.violations - len(record.violations)
        text = f"{kinds} violation{'s' if kinds > 1 else ''}" + (f", and {more:,} more by the same lines" if more else "")
        _say(console, f"{text}. docs/discipline.md has the rules.")
        return BROKEN
    if record.unjudged:
        return NOT_JUDGED
    until = "Until then nothing" if ended_by else "Nothing"
    _say(console, f"{until} was used, or given away, that the CPU might have remembered otherwise.")
    return BROKEN if ended_by else PASSED


def _say(console: Console, text: str, *, bold: bool = False) -> None:
    console.print(Text(visible(text), style="bold" if bold else ""), soft_wrap=True)
