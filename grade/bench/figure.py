"""A measured number, and what the project aims at."""

from dataclasses import dataclass

ALL = "all"


class NotMeasured(Exception):
    """A figure cannot be had here; the message says why."""


@dataclass(frozen=True)
class Figure:
    """One measured number. `isa` is "all" where it does not depend on one."""

    name: str
    isa: str
    value: float
    unit: str

    @property
    def target(self) -> float | None:
        """What the value should not exceed; None if nothing was promised."""
        targets = _TARGETS.get(self.name, {})
        return targets.get(self.isa, targets.get(ALL))


_TARGETS: dict[str, dict[str, float]] = {
    "boot_wall_ms": {ALL: 60},
    "null_syscall_insns": {"x86_64": 150, "aarch64": 250},
    "yield_round_trip_insns": {ALL: 1500},
    "spawn_exit_wait_insns": {ALL: 200_000},
    "grade_lab_warm_s": {ALL: 8},
}
