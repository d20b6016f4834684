"""Who wrote the entry, or the root register, that is wrong: the same run once more, with the witness beside it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from grade.boot.kernel_image import SourceCall
from grade.discipline.record import Event
from grade.discipline.witnessed import Witness, guest_beside
from grade.discipline.words import Teller
from grade.guest.guest import Guest
from grade.ladder.labs import Lab, LadderError, load_labs, owner_of
from grade.ladder.trees import find_root
from grade.machine.machine import MachineError
from grade.results.failure import Failure
from grade.run_plan import Target
from grade.walker import Step

_OF_ENTRIES = frozenset({
    "address-too-wide", "reserved-bit-set", "table-not-cached", "table-entry-restricts", "virtual-address-as-physical",
    "wrong-offset", "wrong-frame", "mapped-without-need", "ram-beyond-window-mapped", "device-mapped-twice",
    "kernel-page-mapped-twice", "user-page-global",
})  # fmt: skip
"""Causes that lie in one entry, which the failure's walk shows."""
_OF_ROOTS = frozenset({"kernel-root-changed"})
"""Causes that lie in the last load of a root."""
_ENGINE = "kernel/paging/"
"""Writes leaves as it is told; what leads to tables is its own."""
_PASSES_ON = "kernel/space/address_space.cc"
"""Maps user pages as it is told, from lab 4 on."""
_CPU_SECONDS, _IDLE_SECONDS = 2.0, 0.5


def with_writer(failure: Failure, guest: Guest, target: Target) -> Failure:
    """Returns the failure of a test that has booted `guest`, with the file of whoever wrote what is wrong if that can be seen."""
    if failure.cause not in _OF_ENTRIES | _OF_ROOTS:
        return failure
    labs = load_labs(find_root(Path(__file__)))
    try:
        call = _writer(failure, guest, target, labs)
    except (LadderError, OSError, LookupError, ValueError, MachineError):  # nobody sees it then
        return failure
    return replace(failure, file=call.file) if call is not None else failure


def _writer(failure: Failure, guest: Guest, target: Target, labs: Sequence[Lab]) -> SourceCall | None:
    step = _wrong_step(failure, guest) if failure.cause in _OF_ENTRIES else None
    if step is None and failure.cause in _OF_ENTRIES:
        return None
    events = _events(guest, target, step.entry_address if step is not None else None)
    if step is None:
        loads = [event for event in events if event.kind == "root" and event.number("root")]
        return Teller(guest.image, labs).line_of(loads[-1].addresses("at")) if loads else None
    stores = [event for event in events if event.kind == "watched" and _is(event.number("now"), step.word, guest)]
    return _answers_for(_calls(guest, stores[-1]), labs, step) if stores else None


def _wrong_step(failure: Failure, guest: Guest) -> Step | None:
    """Returns the entry that is wrong: one that leads to a table, if that has a problem; else the last."""
    walk, paging = failure.walk, guest.isa.paging
    if walk is None or not walk.steps or walk.steps[-1].entry is None:
        return None
    restricting = walk.mapping.restricted_by if walk.mapping is not None else ()
    above = [step for step in walk.steps[:-1] if step.level in restricting or paging.problem_of_table_entry(step) is not None]
    return above[0] if above else walk.steps[-1]


def _is(stored: int, entry: int, guest: Guest) -> bool:
    return (stored ^ entry) & ~guest.isa.paging.set_by_cpu == 0


def _events(guest: Guest, target: Target, watched: int | None) -> tuple[Event, ...]:
    """Runs the guest's recipe to its end, and returns what the witness has told."""
    witness = Witness(guest.image, tells_all=watched is None, watched=watched)
    try:
        again = guest_beside(witness, guest.recipe, guest.tree, _CPU_SECONDS, _IDLE_SECONDS)
        again.machine.sandbox = target.around_qemu(guest.image.elf, witness.plugin_file)
        with again:
            again.machine.run()
            return witness.record().events
    finally:
        witness.close()


def _calls(guest: Guest, event: Event) -> list[SourceCall]:
    """Returns the lines that the kernel was in, innermost first; of a function that had ended in a jump, where it begins."""
    at, *returns = event.addresses("at")
    found = guest.image.calls([at])
    for back, called in zip(returns, event.addresses("called"), strict=False):
        begun = guest.image.calls([called])
        if begun and found and begun[-1].function != found[-1].function:
            found += begun[-1:]
        found += guest.image.calls([back - 1])
    return found


def _answers_for(calls: Sequence[SourceCall], labs: Sequence[Lab], step: Step) -> SourceCall | None:
    """Returns the line of a student's that answers for what was written into the entry; None if it is nobody's."""
    owned = [(owner.number, call) for call in calls if (owner := owner_of(list(labs), call.file)) is not None]
    if not owned:
        return None
    if step.kind == "table" and owned[0][1].file.startswith(_ENGINE):
        return owned[0][1]
    deciding = [(number, call) for number, call in owned if not call.file.startswith(_ENGINE)] or owned
    told = [(number, call) for number, call in deciding if call.file != _PASSES_ON]
    number, call = told[0] if told and deciding[0][1].file == _PASSES_ON and told[0][0] > deciding[0][0] else deciding[0]
    return call
