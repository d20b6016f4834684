"""The discipline of page tables, as the witness saw it: the first rule that a run has broken is the failure."""

import random
from collections.abc import Callable
from pathlib import Path

from grade.boot.kernel_image import KernelImage
from grade.discipline.record import Event
from grade.discipline.scripts import script_for
from grade.discipline.witnessed import NotJudged, Witness
from grade.discipline.words import CAUSES_OF_RULES, Teller
from grade.guest.guest import Guest
from grade.ladder.labs import load_labs
from grade.ladder.trees import find_root
from grade.results.failure import Failure, fail

BootWitnessed = Callable[[Callable[[KernelImage], str]], tuple[Guest, Witness]]
"""Starts a guest with the witness beside it; the script is made for its kernel."""

_SPACE = "kernel/space/address_space.cc"


def check_discipline(boot_witnessed: BootWitnessed, lab: int, chance: random.Random) -> None:
    """Runs what that lab's tables change by; fails if a rule was broken, or if the run does not come to its end.

    NotJudged if the witness could not judge, and the kernel is not to blame for it.
    """
    __tracebackhide__ = True
    guest, witness = boot_witnessed(lambda image: f"{script_for(image, lab, chance)}\npoweroff")
    ended_by = None
    try:
        guest.run_to_power_off()
    except Failure as failure:
        ended_by = failure
    record = witness.record()
    if record.violations:
        _fail_by(guest, record.violations)
    if ended_by is not None:
        raise ended_by
    if record.is_kernels_doing:
        fail("table-in-two-places", "each table has one place in the tree", record.unjudged, file=_SPACE if lab > 2 else "")
    if record.unjudged:
        raise NotJudged(f"the discipline was not measured: {record.unjudged}")


def _fail_by(guest: Guest, violations: tuple[Event, ...]) -> None:
    """Fails by the first violation that leads to a student's line, or else by the first."""
    __tracebackhide__ = True
    teller = Teller(guest.image, load_labs(find_root(Path(__file__))))
    told = [(violation, teller.tell(violation)) for violation in violations]
    violation, story = next(((violation, story) for violation, story in told if story.is_students), told[0])
    wanted = story.instead[0].lower() + story.instead[1:].rstrip(".")
    fail(CAUSES_OF_RULES[violation.rule], wanted, "; ".join(story.lines), file=story.line.file if story.line else "")
