"""A model of what `map` and `lookup` do, with which a kernel is compared: random sequences through the monitor."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from grade.boot.layout import PAGE
from grade.checks.map_checks import check_own_root
from grade.isa import Isa
from grade.results.failure import expect, expect_found
from grade.walker import Mapping, RadixWalker

if TYPE_CHECKING:
    from grade.guest.guest import Guest

_FLAGS = ("r", "w", "x", "wu", "xu", "ru")


@dataclass
class MapModel:
    """The pages that were mapped, by address; `commands` makes random ones that often collide."""

    isa: Isa
    random: random.Random
    pages: dict[int, tuple[int, str]] = field(default_factory=dict)

    @property
    def low(self) -> int:
        """Where maps begin: in the lower half of the address space, above what any lab's identity map uses."""
        return self.isa.paging.user_end // 8

    def commands(self, count: int) -> Iterator[tuple[str, dict[str, str]]]:
        """Yields monitor commands, each with the values that the answer must have."""
        bases = [self.low, self.isa.paging.user_end - 64 * PAGE, *(self._page() for _ in range(3))]
        for _ in range(count):
            va = self.random.choice(bases) + self.random.randrange(64) * PAGE
            if self.random.random() < 0.5:
                yield self._map(va)
            else:
                yield self.lookup(va + self.random.randrange(PAGE))

    def _page(self) -> int:
        return self.random.randrange(self.low, self.isa.paging.user_end - 64 * PAGE) // PAGE * PAGE

    def _map(self, va: int) -> tuple[str, dict[str, str]]:
        pa = self.isa.board.ram_base + (64 << 20) + self.random.randrange(4096) * PAGE
        flags = self.random.choice(_FLAGS)
        result = "already-mapped" if va in self.pages else "ok"
        self.pages.setdefault(va, (pa, flags))
        return f"map {va:#x} {pa:#x} {flags}", {"va": f"{va:#x}", "result": result}

    def lookup(self, va: int) -> tuple[str, dict[str, str]]:
        """Returns the command that looks an address up, with the values that the answer must have."""
        page, offset = va - va % PAGE, va % PAGE
        answer = {"va": f"{va:#x}", "mapped": "yes" if page in self.pages else "no"}
        if page in self.pages:
            pa, flags = self.pages[page]
            answer |= {"pa": f"{pa + offset:#x}", "size": f"{PAGE:#x}"}
            answer |= {name: "yes" if name[0] in flags else "no" for name in ("write", "user")}
            answer["execute"] = "yes" if "x" in flags else "no"
        return f"lookup {va:#x}", answer


def play(boot: "Callable[..., Guest]", model: MapModel, operations: int) -> None:
    """Boots a guest that carries out random operations; checks that its answers and its tables are the model's."""
    __tracebackhide__ = True
    commands = list(model.commands(operations))
    again = model.random.sample(sorted(model.pages), 3)
    commands += [model.lookup(va) for va in again]
    asked = [*(line for line, _ in commands), "checkpoint ready", *(f"lookup {va:#x}" for va in again), "checkpoint asked"]
    guest = boot("\n".join(asked))
    guest.run_to("ready")
    check_own_root(guest)
    answers = [fact for fact in guest.machine.facts() if fact.name in ("map", "lookup")]
    expect(len(answers) == len(commands), "wrong-answer", f"{len(commands)} answers", f"{len(answers)} answers")
    for (line, wanted), answer in zip(commands, answers, strict=True):
        seen = {key: answer.values.get(key) for key in wanted}
        twice = wanted.get("result") == "already-mapped" and seen["result"] == "ok"
        cause = "double-map-accepted" if twice else "map-lookup-wrong"
        walk = guest.walk(int(wanted["va"], 0))
        expect(seen == wanted, cause, f"{line} answers {wanted}", f"{seen}", walk)
    _check_tables(guest, model)
    _check_tables_are_asked(guest, again)


def _check_tables_are_asked(guest: "Guest", pages: Sequence[int]) -> None:
    """Exchanges the entries of the first two pages, empties the third one's, and checks that the kernel's lookup sees it."""
    __tracebackhide__ = True
    first, second, third = (guest.walk(va).steps[-1] for va in pages)
    for step, entry in ((first, second.word), (second, first.word), (third, 0)):
        guest.machine.write_physical(step.entry_address, guest.isa.paging.encoded(entry))
    guest.run_to("asked")
    for va, answer in zip(pages, guest.facts("lookup")[-len(pages) :], strict=True):
        walk = guest.walk(va)
        kernel = answer.number("pa") if answer.values["mapped"] == "yes" else None
        wanted = (
            f"lookup of {va:#x}, whose entry the grader has changed in memory, answers what is there now: {_shown(walk.pa)}"
        )
        expect(kernel == walk.pa, "lookup-wrong", wanted, _shown(kernel), walk)


def _shown(pa: int | None) -> str:
    return "nothing" if pa is None else f"{pa:#x}"


def _check_tables(guest: "Guest", model: MapModel) -> None:
    __tracebackhide__ = True
    walker = guest.walker()
    found = {m.va: m for m in walker.mappings(low=model.low, high=model.isa.paging.user_end)}
    for va, (pa, flags) in model.pages.items():
        wanted = f"{va:#x} maps {pa:#x} with {flags}"
        mapping = expect_found(found.get(va), "map-lookup-wrong", wanted, "nothing is mapped there", walker.walk(va))
        expect(mapping.pa == pa, "wrong-frame", wanted, f"it maps {mapping.pa:#x}", walker.walk(va))
        _check_flags(mapping, flags, wanted, walker)
    extra = sorted(set(found) - set(model.pages))
    walk = walker.walk(extra[0]) if extra else None
    expect(not extra, "map-lookup-wrong", "no page that was not asked for", f"{[hex(va) for va in extra[:4]]}", walk)


def _check_flags(mapping: Mapping, flags: str, wanted: str, walker: RadixWalker) -> None:
    __tracebackhide__ = True
    walk = walker.walk(mapping.va)
    user = "u" in flags
    executes = mapping.user_execute if user else mapping.kernel_execute
    seen = (mapping.write, mapping.user, executes)
    cause = "table-entry-restricts" if mapping.restricted_by else "wrong-permission"
    expect(seen == ("w" in flags, user, "x" in flags), cause, wanted, f"write, user, execute are {seen}", walk)
