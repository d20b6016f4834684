"""A measured number, and the project's target for it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from grade.isa import ISAS, isa_called

ALL = "all"


class NotMeasured(Exception):
    """A figure cannot be measured here; the message says why."""


@dataclass(frozen=True)
class Figure:
    """One measured number. `isa` is "all" if it does not depend on one."""

    name: str
    isa: str
    value: float
    unit: str

    @property
    def target(self) -> float | None:
        """What the value should not exceed; None if nothing was promised, or a multiple of another figure."""
        return None if self.name in _BASES else _aims(self.isa).get(self.name, _TARGETS.get(self.name))


@dataclass(frozen=True)
class Ratio:
    """A figure as a multiple of another one, which is a lower bound."""

    base: str
    value: float
    target: float


def ratio_of(figure: Figure, figures: Iterable[Figure]) -> Ratio | None:
    """Returns a figure's ratio to the one of which it is promised to be a multiple; None if there is no such figure."""
    target = _aims(figure.isa).get(figure.name)
    if figure.name not in _BASES or target is None:
        return None
    base = _BASES[figure.name]
    value = next((other.value for other in figures if (other.name, other.isa) == (base, figure.isa)), None)
    return None if value is None else Ratio(base, figure.value / value, target)


def _aims(isa: str) -> Mapping[str, float]:
    return isa_called(isa).aims if isa in ISAS else {}


_TARGETS: dict[str, float] = {
    "boot_wall_ms": 60,
    "grade_lab_warm_s": 8,
    "grade_warm_s": 45,
    "edit_grade_lab3_wall_s": 4,
    "edit_grade_lab6_wall_s": 8,
    "edit_milestone_lab3_wall_s": 1.2,
    "edit_milestone_lab6_wall_s": 1.2,
    "compile_error_lab3_s": 1,
    "compile_error_lab6_s": 1,
    "first_failure_lab3_s": 2,
    "first_failure_lab6_s": 2,
    "edit_engine_lab1_wall_s": 6,
    "edit_engine_lab3_wall_s": 6,
    "grade_first_wall_s": 150,
    "grade_first_cpu_s": 290,
    "grade_again_wall_s": 45,
    "submission_lab1_cpu_s": 8,
    "submission_lab3_cpu_s": 12,
    "submission_lab6_cpu_s": 20,
    "test_wall_s": 1200,
    "test_quick_wall_s": 180,
}

_BASES = {"fork_per_page_insns": "copy_page_insns", "demand_zero_fault_insns": "zero_page_insns"}
"""The figures that are to be no more than a multiple of another one; which one, says the ISA."""
