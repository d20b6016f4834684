"""How a guest came to where it is, so that another can go there: where it stopped, and what was done to it there."""

import zlib
from base64 import b85decode, b85encode
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Self

from grade.boot.layout import PAGE
from grade.machine.deed import Deed
from grade.machine.machine import Machine
from grade.machine.stop import Stop, StopKind
from grade.walker import walker_for


@dataclass(frozen=True)
class Way:
    """The breakpoints at which a guest stopped, in order, and the deeds."""

    stops: tuple[tuple[int, int], ...] = ()
    """The code address, and how many times in a row."""
    deeds: tuple[Deed, ...] = ()

    @classmethod
    def of(cls, machine: Machine) -> Self:
        """Returns the way that a machine has gone until now."""
        return cls(tuple((pc, len(list(same))) for pc, same in groupby(machine.breakpoint_stops)), tuple(machine.deeds))

    @property
    def length(self) -> int:
        """The number of stops."""
        return sum(times for _, times in self.stops)

    def go(self, machine: Machine) -> tuple[int, Stop | None]:
        """Lets a guest that has just begun go this way; returns how many stops it came to, and the last one.

        The last stop is no breakpoint if the guest went another way, and None if the way has no stops.
        """
        passed = 0
        last: Stop | None = None
        for address, times in self.stops:
            machine.insert_breakpoint(address)
            for _ in range(times):
                self._do(machine, passed)
                last = machine.run()
                if last.kind is not StopKind.BREAKPOINT:
                    break
                passed += 1
            if last is None or not last.kind.is_final:
                machine.remove_breakpoint(address)
            if last is not None and last.kind is not StopKind.BREAKPOINT:
                return passed, last
        self._do(machine, passed)
        return passed, last

    def _do(self, machine: Machine, passed: int) -> None:
        for deed in self.deeds:
            if deed.after != passed:
                continue
            if deed.va is None:
                machine.send(deed.data.decode())
            else:
                _write(machine, deed.va, deed.data)

    def as_dict(self) -> dict[str, Any]:
        """Returns the way as a dictionary for JSON."""
        deeds = [(deed.after, deed.va, b85encode(zlib.compress(deed.data)).decode()) for deed in self.deeds]
        return {"stops": self.stops, "deeds": deeds}

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Self:
        """Reads it from JSON. LookupError, ValueError or TypeError if it is none of ours."""
        try:
            deeds = [Deed(after, va, zlib.decompress(b85decode(data))) for after, va, data in document["deeds"]]
        except zlib.error as error:
            raise ValueError("a deed that cannot be read") from error
        return cls(tuple((pc, times) for pc, times in document["stops"]), tuple(deeds))


def _write(machine: Machine, va: int, data: bytes) -> None:
    """Writes page by page. Frames may differ this time, because ticks come at other moments. What is not mapped is left out."""
    walker = walker_for(machine.isa.name, machine.memory, machine.registers())
    while data:
        part = min(len(data), PAGE - va % PAGE)
        if (pa := walker.walk(va).pa) is not None:
            machine.write_physical(pa, data[:part])
        va, data = va + part, data[part:]
