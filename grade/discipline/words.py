"""A violation in words: what the CPU may remember, which line left it, and which line relied on its being forgotten."""

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

from grade.boot.kernel_image import KernelImage, SourceCall
from grade.discipline.record import Event
from grade.isa import isa_called
from grade.ladder.labs import Lab, owner_of


@dataclass(frozen=True)
class Rule:
    """A rule of the discipline: what breaking it means, why that is wrong, and what to do instead."""

    broken: str
    why: str
    instead: str


RULES: dict[str, Rule] = {
    "used": Rule(
        "an address is used while the CPU may remember another translation of it",
        "The access may go where the old entry led.",
        "Invalidate the address after its entry was changed, and before anybody uses it.",
    ),
    "user": Rule(
        "user code goes on while the CPU may remember what its tables no longer say",
        "The process can use the old translation at any moment: pages that were taken from it, rights that it has lost or lacks.",
        "Invalidate every user address whose entry was changed before you return to user mode.",
    ),
    "released": Rule(
        "a frame is given back while the CPU may still reach it",
        "Its next owner shares it with whoever uses the old translation; the CPU itself may, when it walks ahead.",
        "First take the entry away, then invalidate, and only then give the frame back.",
    ),
    "lost": Rule(
        "a frame is given back that the tables still lead to",
        "Its next owner shares it with this address.",
        "First take the entry away, then invalidate, and only then give the frame back.",
    ),
    "overlap": Rule(
        "an entry is written while the CPU may remember another one for the same address",
        "The CPU may use either, mix both, or take a TLB conflict abort.",
        "Between the old entry and the new one: write an invalid one, invalidate the address, and wait until that is complete.",
    ),
    "replaced": Rule(
        "a valid entry is replaced by another valid one at once",
        "The CPU may use either, mix both, or take a TLB conflict abort.",
        "Break before make: write an invalid entry, invalidate the address, wait, and only then write the new one.",
    ),
    "linked": Rule(
        "a table is put where the walker finds it before it is certain to see what is in it",
        "The walker may follow what was in the frame before.",
        "Put a barrier (Arch::table_written()) between the stores to the table and the one that leads to it.",
    ),
    "unseen": Rule(
        "an address is used before the walker is certain to see its new entry",
        "The access may fault although the entry is there.",
        "Put a barrier (Arch::table_written()) after the store.",
    ),
    "space": Rule(
        "a root is given the number of an address space of which other translations may be remembered",
        "The new process may use the old one's memory.",
        "Invalidate that address space before its number is used again.",
    ),
    "unfetched": Rule(
        "user code is executed that instruction fetches are not certain to see",
        "The CPU may execute what was in the frame before.",
        "Call UserMode::code_written() after the last store to what a process may execute.",
    ),
    "unset": Rule(
        "translation begins before a register was written that it needs",
        "What the register holds after a reset is not known.",
        "Write all registers of translation before you permit it.",
    ),
    "unsynchronised": Rule(
        "translation relies on a register before its new value is certain to count",
        "The CPU may still use the old value.",
        "Put an {instructions} between the write to the register and what relies on it.",
    ),
    "unflushed": Rule(
        "translation is turned on before the TLB was invalidated",
        "What a TLB holds after a reset is not known.",
        "Invalidate everything, and wait until that is complete, before you turn translation on.",
    ),
    "strayed": Rule(
        "another root is loaded after the monitor has begun",
        "This kernel has no process for which it would change roots: what its tables say counts only for some of the time.",
        "Load the kernel's root once, and leave it loaded.",
    ),
}

CAUSES_OF_RULES = {
    "used": "used-while-remembered",
    "user": "user-runs-while-remembered",
    "space": "user-runs-while-remembered",
    "released": "released-while-remembered",
    "lost": "released-while-mapped",
    "overlap": "no-break-before-make",
    "replaced": "no-break-before-make",
    "linked": "table-not-yet-seen",
    "unseen": "entry-not-yet-seen",
    "unfetched": "code-not-yet-seen",
    "unset": "translation-not-prepared",
    "unsynchronised": "translation-not-prepared",
    "unflushed": "translation-not-prepared",
    "strayed": "root-strays",
}
"""The cause of a failure (grade/results/causes.py) that each rule stands for."""

_PLUMBING = re.compile(r"kernel/(paging/table_memory\.h|frames/|base/)|arch/[^/]+/(cpu|isa)\.")
"""Files through which everybody goes: who did it is further up."""

_ENGINE = re.compile(r"kernel/(paging|map)/")
"""Files that write entries for whoever asks, and do not know what is in the pages."""

_STATES = {
    "written": "no barrier has come after that store, so an invalidation does not count yet",
    "left": "no {instructions} has come after the load of the next root, so an invalidation does not count yet",
    "seen": "nothing has invalidated it since",
    "invalidated": "it was invalidated, but no barrier has waited for that to be complete",
    "forgotten": "it was invalidated, but no {instructions} has followed: an instruction may have been begun before that",
}


_CODE_STATES = {
    "uncleaned": "it was not cleaned from the data cache",
    "leaving": "it was cleaned from the data cache, but nothing has waited for that",
    "old": "old instructions were not invalidated in the instruction cache after that was complete",
    "unawaited": "old instructions were invalidated in the instruction cache, but nothing has waited for that",
}
_CODE_INSTEAD = {
    "leaving": "Wait until what was cleaned has arrived ({cleaned}) before you invalidate old instructions.",
    "old": "Invalidate old instructions ({old_code}) after what was cleaned has arrived ({cleaned}).",
    "unawaited": "Wait until old instructions are gone ({invalidation}).",
}

_INSTEAD = {
    "written": "Wait until the walker sees the store ({tables}) before you invalidate.",
    "left": "Put an {instructions} between the load of the root and the invalidation.",
    "invalidated": "Wait until the invalidation is complete ({invalidation}) before you rely on it.",
    "forgotten": "Put an {instructions} between the invalidation and the code that relies on it.",
}
"""What to do instead where nothing but a barrier was missing, by the state of what is remembered.

What is in braces, here and above, is an instruction of the ISA's (grade/isa/barriers.py).
"""


@dataclass(frozen=True)
class Story:
    """A violation for people. `line` is the line to look at; None if no line is known."""

    rule: Rule
    lines: tuple[str, ...]
    """What happened, in order."""
    instead: str
    """What to do."""
    line: SourceCall | None
    is_students: bool
    """Whether that line is in a file that a student writes."""


class Teller:
    """Tells the violations of one kernel. The lines that it names are in files of students, where one had a part in it."""

    def __init__(self, image: KernelImage, labs: Sequence[Lab]) -> None:
        self._image = image
        self._labs = list(labs)
        self._barriers = asdict(isa_called(image.isa).barriers)
        self._known: dict[tuple[tuple[int, ...], re.Pattern[str] | None], SourceCall | None] = {}

    def tell(self, violation: Event) -> Story:
        """Returns what happened, in the order in which it happened."""
        rule = RULES[violation.rule]
        lines = [*self._before(violation), f"{_WHAT[violation.rule](violation)}, {self._by(violation, 'at')}"]
        line = self._line(violation)
        return Story(
            rule,
            tuple(lines),
            self._of_isa(_instead(violation, rule)),
            line,
            line is not None and owner_of(self._labs, line.file) is not None,
        )

    def line_of(self, addresses: tuple[int, ...], beyond: re.Pattern[str] | None = None) -> SourceCall | None:
        """Returns the line that answers for an instruction and its callers: the innermost in a student's file, or else in any.

        `beyond` are files that do not answer for what they were called for. Then nor do those of earlier labs, where one of
        a later lab called them.
        """
        if (addresses, beyond) not in self._known:
            pc, *returns = addresses
            calls = self._image.calls([pc, *(address - 1 for address in returns)])
            ours = [call for call in calls if not call.file.startswith("/") and not (beyond and beyond.match(call.file))]
            owned = [(owner.number, call) for call in ours if (owner := owner_of(self._labs, call.file)) is not None]
            least = max((number for number, _ in owned), default=0) if beyond is not None else 0
            students = [call for number, call in owned if number >= least]
            others = [call for call in ours if not _PLUMBING.match(call.file)]
            self._known[addresses, beyond] = next((_short(call) for call in (*students, *others, *ours)), None)
        return self._known[addresses, beyond]

    def _before(self, violation: Event) -> list[str]:
        """Returns what was done to the entry that may be remembered, and what was not."""
        if violation.rule in _WRITTEN:
            states = [_CODE_STATES[violation.values["code-state"]]] if violation.rule == "unfetched" else []
            return [f"{self._of_isa(_WRITTEN[violation.rule](violation))}, {self._by(violation, 'old-at')}", *states]
        if "old-state" not in violation.values:
            return []
        was = f"{_old(violation)} was {_gone(violation)}, {self._by(violation, 'old-at')}"
        state, early, before = _state(violation), violation.addresses("early-at"), violation.addresses("before-at")
        if early[0]:
            return [was, f"it was invalidated too early, {self._said(early)}: {self._of_isa(_STATES[_first_state(violation)])}"]
        if state not in ("invalidated", "forgotten") and before[0]:
            unfinished = self._of_isa(_STATES[state])
            return [was, f"{unfinished}; the last invalidation of this address came before, {self._said(before)}"]
        return [was, self._of_isa(_STATES[state])]

    def _of_isa(self, words: str) -> str:
        """Returns the words with the instructions of the kernel's ISA."""
        return words.format(**self._barriers)

    def _by(self, violation: Event, name: str) -> str:
        line = self._answers_for(violation, name)
        return f"by {line}" if line is not None else f"at {violation.addresses(name)[0]:#x}"

    def _said(self, addresses: tuple[int, ...]) -> str:
        line = self.line_of(addresses)
        return f"by {line}" if line is not None else f"at {addresses[0]:#x}"

    def _answers_for(self, violation: Event, name: str) -> SourceCall | None:
        """Returns the line that answers for an address of the violation: of code, the one that knows of code, and not of entries."""
        if violation.rule != "unfetched":
            return self.line_of(violation.addresses(name))
        return self.line_of(violation.addresses(name), beyond=_ENGINE) if name == "old-at" else None

    def _line(self, violation: Event) -> SourceCall | None:
        """Returns the line to look at: a student's, that of the change before that of the use."""
        names = [name for name in ("old-at", "at") if name in violation.values]
        lines = [line for name in names if (line := self._answers_for(violation, name)) is not None]
        return next((line for line in lines if owner_of(self._labs, line.file) is not None), lines[0] if lines else None)


def _instead(violation: Event, rule: Rule) -> str:
    if violation.rule == "unseen" and violation.number("walker-sees"):
        return "Put an {instructions} between the barrier and the code that uses the address."
    if violation.rule == "unfetched":
        return _CODE_INSTEAD.get(violation.values["code-state"], rule.instead)
    if "old-state" not in violation.values:
        return rule.instead
    state = _state(violation)
    if state in ("invalidated", "forgotten") or (state != "seen" and violation.addresses("early-at")[0]):
        return _INSTEAD[state]
    return rule.instead


def _state(violation: Event) -> str:
    state = violation.values["old-state"]
    return _first_state(violation) if state == "written" else state


def _first_state(violation: Event) -> str:
    return "left" if violation.number("old-root") else "written"


def _short(call: SourceCall) -> SourceCall:
    """Returns the call without the arguments of its function and of templates: `PageTable::unmap`."""
    name, inner = call.function.replace("(anonymous namespace)::", "").partition("(")[0], ""
    while inner != name:
        inner, name = name, re.sub(r"<[^<>]*>", "", name)
    return replace(call, function=name.strip())


def _old(violation: Event) -> str:
    level, va = violation.number("old-level"), violation.number("old-va")
    what = "a table" if violation.number("old-table") else "a page" if level == 0 else "a block"
    entry = "global entry" if violation.number("old-global") else "entry"
    return f"the {entry} of {va:#x} at {violation.number('old-slot'):#x}, which led to {what} at {violation.number('old-target'):#x},"


def _gone(violation: Event) -> str:
    return "left behind with its root" if violation.number("old-root") else "changed"


def _access(violation: Event) -> str:
    done = {"load": "read", "store": "written to", "fetch": "executed"}[violation.values["access"]]
    now = violation.number("now")
    leads = f"is {now:#x} now" if now else "is empty now"
    return f"{violation.number('va'):#x}, whose entry {leads}, is {done}"


_WRITTEN: dict[str, Callable[[Event], str]] = {
    "unseen": lambda violation: (
        f"the entry of {violation.number('va'):#x} at {violation.number('slot'):#x} was written, and no "
        + ("{instructions} has followed its barrier" if violation.number("walker-sees") else "barrier has followed")
    ),
    "unsynchronised": lambda violation: f"{violation.values['register']} was written, and no {{instructions}} has followed",
    "unfetched": lambda violation: (
        f"the page of {violation.number('va'):#x}, to which user code has stored, became executable"
        if violation.number("by-user")
        else f"{violation.number('pa'):#x} was stored to"
    ),
}
_WHAT: dict[str, Callable[[Event], str]] = {
    "used": _access,
    "user": lambda violation: f"user code, which may use {violation.number('va'):#x}, goes on",
    "released": lambda violation: f"the frame {violation.number('frame'):#x} is given back",
    "lost": lambda violation: (
        f"the frame {violation.number('frame'):#x} is given back: it is "
        + ("a live table, of the addresses from" if violation.number("table") else "mapped at")
        + f" {violation.number('va'):#x}"
    ),
    "overlap": lambda violation: f"the entry of {violation.number('va'):#x} becomes {violation.number('now'):#x}",
    "replaced": lambda violation: (
        f"the entry of {violation.number('va'):#x} at {violation.number('slot'):#x} was {violation.number('old-entry'):#x} "
        f"and becomes {violation.number('now'):#x}"
    ),
    "linked": lambda violation: f"the table {violation.number('table'):#x} becomes that of {violation.number('va'):#x}",
    "unseen": lambda violation: f"{violation.number('va'):#x} is used",
    "space": lambda violation: f"a root gets the number {violation.number('space')}",
    "unfetched": lambda violation: f"user code at {violation.number('va'):#x} is executed, which is there",
    "unset": lambda violation: f"{violation.values['register']} was never written",
    "unsynchronised": lambda violation: f"{violation.values['register']} is relied on",
    "unflushed": lambda violation: "translation is turned on",
    "strayed": lambda violation: f"the root {violation.number('root'):#x} is loaded in place of {violation.number('old'):#x}",
}
