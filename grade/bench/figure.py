"""A measured number, and the project's target for it."""

from collections.abc import Iterable
from dataclasses import dataclass

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
        targets = _TARGETS.get(self.name, {})
        return targets.get(self.isa, targets.get(ALL))


@dataclass(frozen=True)
class Ratio:
    """A figure as a multiple of another one, which is a lower bound."""

    base: str
    value: float
    target: float


def ratio_of(figure: Figure, figures: Iterable[Figure]) -> Ratio | None:
    """Returns a figure's ratio to the one of which it is promised to be a multiple; None if there is no such figure."""
    if figure.name not in _RATIOS:
        return None
    base, targets = _RATIOS[figure.name]
    value = next((other.value for other in figures if (other.name, other.isa) == (base, figure.isa)), None)
    return None if value is None else Ratio(base, figure.value / value, targets[figure.isa])


_TARGETS: dict[str, dict[str, float]] = {
    "boot_wall_ms": {ALL: 60},
    "null_syscall_insns": {"x86_64": 102, "aarch64": 120},
    "yield_round_trip_insns": {"x86_64": 660, "aarch64": 505},
    "spawn_exit_wait_insns": {"x86_64": 42_000, "aarch64": 35_500},
    "fork_exit_wait_insns": {"x86_64": 35_500, "aarch64": 27_500},
    "fork_exec_exit_wait_insns": {"x86_64": 82_000, "aarch64": 66_000},
    "grade_lab_warm_s": {ALL: 8},
    "grade_warm_s": {ALL: 45},
    "edit_grade_lab3_wall_s": {ALL: 4},
    "edit_grade_lab6_wall_s": {ALL: 8},
    "edit_milestone_lab3_wall_s": {ALL: 1.2},
    "edit_milestone_lab6_wall_s": {ALL: 1.2},
    "compile_error_lab3_s": {ALL: 1},
    "compile_error_lab6_s": {ALL: 1},
    "first_failure_lab3_s": {ALL: 2},
    "first_failure_lab6_s": {ALL: 2},
    "edit_engine_lab1_wall_s": {ALL: 6},
    "edit_engine_lab3_wall_s": {ALL: 6},
    "grade_first_wall_s": {ALL: 150},
    "grade_first_cpu_s": {ALL: 290},
    "grade_again_wall_s": {ALL: 45},
    "submission_lab1_cpu_s": {ALL: 8},
    "submission_lab3_cpu_s": {ALL: 12},
    "submission_lab6_cpu_s": {ALL: 20},
    "test_wall_s": {ALL: 1200},
    "test_quick_wall_s": {ALL: 180},
}

_RATIOS: dict[str, tuple[str, dict[str, float]]] = {
    "fork_per_page_insns": ("copy_page_insns", {"x86_64": 1.24, "aarch64": 1.5}),
    "demand_zero_fault_insns": ("zero_page_insns", {"x86_64": 1.87, "aarch64": 2.46}),
}
