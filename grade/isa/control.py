"""The registers that control translation, judged against what the map needs and what the CPU has.

QEMU emulates no caches, and overlooks much of what these registers say; a CPU does neither.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Problem:
    """Something that is not as it must be, with its name in docs/causes.md."""

    cause: str
    wanted: str
    seen: str


@dataclass(frozen=True)
class Settings:
    """The registers at one moment, and what they are to fit. What is None is not known, and nothing is judged by it."""

    registers: Mapping[str, int]
    features: Mapping[str, int] | None = None
    """What the CPU has, as Control.features() tells it."""
    table_leaf: int | None = None
    """The entry by which the kernel reaches its tables."""
    has_users: bool = False
    """Whether programs run on this kernel."""


class AskedCpu(Protocol):
    """Who tells what the CPU has, without asking the guest."""

    def read_register(self, name: str) -> int:
        """Returns a register of the CPU. Raises KeyError if there is none."""
        ...

    def execute(self, code: bytes, registers: Mapping[str, int]) -> dict[str, int]:
        """Returns the registers after one instruction with these registers set; the guest finds nothing changed."""
        ...

    def cpu_property(self, name: str) -> Any:
        """Returns a property of QEMU's model of the CPU."""
        ...


class Control(ABC):
    """The registers of one ISA that say whether and how to translate."""

    @abstractmethod
    def features(self, cpu: AskedCpu) -> dict[str, int]:
        """Returns what the CPU has, by names of the ISA's own."""

    @abstractmethod
    def unseen(self, cpu: AskedCpu) -> dict[str, int]:
        """Returns what matters of the registers that QEMU does not show, by names that the walker knows.

        The CPU is in the kernel, and reads them itself.
        """

    @abstractmethod
    def problems(self, settings: Settings) -> Iterator[Problem]:
        """Yields each field that is wrong, with its name, its bits and what they mean."""

    def without_table(self, settings: Settings) -> Problem | None:
        """Returns the problem of a half that is walked though its root register leads to no table; None if there is none."""
        del settings
        return None
