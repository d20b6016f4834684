"""A kernel under examination: boots it with a script for its monitor, stops it at checkpoints, and examines it from outside.

    with Guest(kernel, "lookup 0x1000\\ncheckpoint ready") as guest:
        guest.run_to("ready")
        guest.walker().walk(0x1000)

A guest that ends in an unexpected way raises a Failure that says why (grade/diagnosis/diagnose.py).
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self, TypeVar

from grade.boot.kernel_image import KernelImage
from grade.boot.sight import LiveSight
from grade.diagnosis import diagnose
from grade.isa.registers import CpuState
from grade.isa.traps import Event, Unmapped
from grade.ladder.build import Kernel
from grade.machine.boot_parameters import BootParameters
from grade.machine.facts import Fact
from grade.machine.machine import Machine
from grade.machine.stale_ram import StaleRam
from grade.machine.stop import StopKind
from grade.results.failure import expect, fail

SomeMachine = TypeVar("SomeMachine", bound=Machine)

CHECKPOINT = "checkpoint_reached"
MONITOR_PROMPT = "pagewalk> "
"""What kernel/monitor/monitor.cc prints when the script has ended, and no process has a turn."""

_STALE_BYTES = 2 << 20
_MOST_FETCHES = 16
"""How often a stop is resumed to fetch code that is not there yet; a fault that brings nothing would repeat for ever."""


@dataclass(frozen=True)
class Recipe:
    """Everything needed to boot the same guest again."""

    isa: str
    elf: str
    script: str
    nonce: int
    ram_mib: int = 128
    fail_allocation: int = 0
    cpu: str | None = None
    el2: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Returns the recipe as a dictionary for JSON."""
        return asdict(self)


class Guest(LiveSight):
    """One boot of one kernel, which can be resumed. A context manager."""

    def __init__(
        self,
        kernel: Kernel,
        script: str = "",
        *,
        ram_mib: int = 128,
        fail_allocation: int = 0,
        cpu: str | None = None,
        el2: bool = False,
        cpu_budget: float = 3.0,
        idle_backstop: float = 2.0,
    ) -> None:
        """Describes the guest. `cpu_budget` and `idle_backstop` are in seconds, as for Machine."""
        recipe = Recipe(kernel.isa, str(kernel.elf), script, secrets.randbits(63), ram_mib, fail_allocation, cpu, el2)
        self._describe(recipe, kernel.tree, machine_for(recipe, cpu_budget, idle_backstop))

    @classmethod
    def again(cls, recipe: Recipe, tree: Path, machine: Machine) -> Self:
        """Returns a guest of the same recipe, on a machine that has not started yet."""
        guest = cls.__new__(cls)
        guest._describe(recipe, tree, machine)
        return guest

    def _describe(self, recipe: Recipe, tree: Path, machine: Machine) -> None:
        super().__init__(KernelImage(recipe.isa, Path(recipe.elf)), tree, machine, recipe.ram_mib)
        self.recipe = recipe
        self.stray_root: Callable[[], str] = str
        """Tells which root was loaded that should not have been; '' if none was, or if nobody watches."""

    def __enter__(self) -> Self:
        self.machine.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.machine.close()

    # --- running ---

    def run_to(self, name: str) -> CpuState:
        """Runs until the monitor's command `checkpoint NAME`. Anything else that stops the guest is a Failure."""
        __tracebackhide__ = True
        state = self.run_to_address(self.image.va(CHECKPOINT), f"the checkpoint {name}")
        seen = self._text_at(state.first_argument)
        expect(seen == name, "wrong-answer", f"a stop at the checkpoint {name}", f"one at {seen!r}")
        self._check_nonce()
        return state

    def run_to_address(self, va: int, what: str) -> CpuState:
        """Runs until the CPU is about to execute `va`. Code of a program that is not there yet is fetched first."""
        __tracebackhide__ = True
        self.machine.insert_breakpoint(va)
        stop = self.last_stop = self.machine.run()
        for _ in range(_MOST_FETCHES):
            if stop.kind is not StopKind.BREAKPOINT or not self.cpu().is_user or self.walk(self.cpu().pc).mapping is not None:
                break
            stop = self.last_stop = self.machine.run()
        if stop.kind is not StopKind.BREAKPOINT or stop.pc != va:
            diagnose.unexpected_end(self, stop, what)
        self.machine.remove_breakpoint(va)
        return self.cpu()

    def run_to_power_off(self) -> None:
        """Runs until the guest turns the machine off by the monitor's command."""
        __tracebackhide__ = True
        stop = self.last_stop = self.machine.run()
        if stop.kind is not StopKind.POWERED_OFF or not self.facts("poweroff"):
            diagnose.unexpected_end(self, stop, "the end of the script")

    # --- looking ---

    @cached_property
    def features(self) -> dict[str, int]:
        """What the CPU has, as QEMU tells it."""
        return self.isa.control.features(self.machine)

    def fact(self, name: str) -> Fact:
        """Returns the last fact `name`; a Failure if there is none."""
        __tracebackhide__ = True
        found = self.facts(name)
        expect(bool(found), "wrong-answer", f"the kernel prints @{name}", "it does not")
        return found[-1]

    def handler(self, event: Event, *, of_user: bool = False) -> int:
        """Returns where the CPU goes on that event, from the kernel or user code, as its registers and tables say."""
        __tracebackhide__ = True
        with self.reading_traps():
            return self.isa.traps.handler(self, event, of_user=of_user)

    @contextmanager
    def reading_traps(self) -> Iterator[None]:
        """Turns into a Failure that something which the CPU itself needs to take traps is not mapped."""
        __tracebackhide__ = True
        try:
            yield
        except Unmapped as missing:
            fail(missing.cause, missing.wanted, missing.seen, self.walk(missing.va))

    def _text_at(self, va: int) -> str:
        walk = self.walk(va)
        pa = va if walk.fault == "translation-off" else walk.pa
        if pa is None:
            fail("wrong-answer", "a checkpoint's name in memory", f"{va:#x} is not mapped", walk)
        return self.read_physical(pa, 32).split(b"\0")[0].decode(errors="replace")

    def _check_nonce(self) -> None:
        __tracebackhide__ = True
        seen = self.fact("boot").values.get("nonce", "")
        expect(seen == f"{self.recipe.nonce:#x}", "wrong-answer", f"@boot gives back the nonce {self.recipe.nonce:#x}", seen)


def machine_for(recipe: Recipe, cpu_budget: float, idle_backstop: float) -> Machine:
    """Returns the machine that a recipe describes, not yet started."""
    return machine_of_kind(Machine, recipe, cpu_budget, idle_backstop)


def machine_of_kind(kind: type[SomeMachine], recipe: Recipe, cpu_budget: float, idle_backstop: float) -> SomeMachine:
    """Returns the machine that a recipe describes, of a given class, not yet started."""
    parameters = BootParameters(recipe.nonce, recipe.ram_mib << 20, recipe.script, recipe.fail_allocation)
    machine = kind(
        recipe.isa,
        Path(recipe.elf),
        parameters,
        ram_mib=recipe.ram_mib,
        cpu=recipe.cpu,
        el2=recipe.el2,
        cpu_budget=cpu_budget,
        idle_backstop=idle_backstop,
        prompt=MONITOR_PROMPT,
    )
    machine.stale = stale_ram(recipe)
    return machine


def stale_ram(recipe: Recipe) -> StaleRam:
    """Returns the RAM that a guest finds not cleared: what follows its image, from which its first tables come.

    With much RAM that is less than the allocator's records fill, and all that is handed out is zero. So no start costs more.
    A program that does not say where its image ends finds all of it cleared.
    """
    image = KernelImage(recipe.isa, Path(recipe.elf))
    return StaleRam(image.pa("image_end"), _STALE_BYTES) if "image_end" in image.symbols else StaleRam(0, 0)
