"""Fixtures for the tests of the QEMU driver: tiny kernels, machines that run them, and load."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from grade.machine.boot_parameters import BootParameters
from grade.machine.machine import Machine

KERNELS = Path(__file__).parent / "kernels"
LOAD_ADDRESS = {"x86_64": 0x200000, "aarch64": 0x40200000}
BUSY_LOOP = ("setpriv", "--pdeathsig", "KILL", "sh", "-c", "while :; do :; done")


@dataclass(frozen=True)
class Kernel:
    """A built guest: its file, and the addresses of its global symbols."""

    isa: str
    path: Path
    symbols: dict[str, int]


@dataclass(frozen=True)
class KernelBuilder:
    """Builds a guest of kernels/<isa>.S by the name of its entry."""

    folder: Path

    def build(self, isa: str, entry: str) -> Kernel:
        path = self.folder / f"{isa}-{entry}.elf"
        if not path.exists():
            subprocess.run(
                [
                    *(f"{isa}-linux-gnu-gcc", "-nostdlib", "-static", "-no-pie", "-z", "noexecstack"),
                    *("-Wl,--build-id=none,-n,--no-warn-rwx-segments", f"-Wl,-Ttext={LOAD_ADDRESS[isa]:#x}"),
                    *(f"-DENTRY={entry}", "-o", path, KERNELS / f"{isa}.S"),
                ],
                check=True,
            )
        listing = subprocess.run([f"{isa}-linux-gnu-nm", path], check=True, capture_output=True, text=True).stdout
        lines = (line.split() for line in listing.splitlines())
        return Kernel(isa, path, {name: int(address, 16) for address, _, name in lines})


@pytest.fixture(scope="session")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> KernelBuilder:
    return KernelBuilder(tmp_path_factory.mktemp("kernels"))


@pytest.fixture(params=["x86_64", "aarch64"])
def isa(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def start(kernels: KernelBuilder, isa: str) -> Iterator[Callable[..., tuple[Machine, Kernel]]]:
    """Starts a machine with the guest of a given name; all are closed after the test."""
    with ExitStack() as machines:

        def start_machine(entry: str, **options: object) -> tuple[Machine, Kernel]:
            kernel = kernels.build(isa, entry)
            parameters = options.pop("parameters", BootParameters(nonce=1, ram_bytes=128 << 20))
            kind = options.pop("kind", Machine)
            machine = kind(isa, kernel.path, parameters, **options)
            return machines.enter_context(machine), kernel

        yield start_machine


@pytest.fixture
def load() -> Iterator[Callable[[int], None]]:
    """Starts a number of busy loops, which end with the test."""
    loops: list[subprocess.Popen] = []

    def start_loops(count: int) -> None:
        # Each in a session of its own: Linux shares the CPU out among sessions first (sched(7), autogroup).
        loops.extend(subprocess.Popen(BUSY_LOOP, start_new_session=True) for _ in range(count))

    yield start_loops
    for loop in loops:
        loop.kill()
        loop.wait()
