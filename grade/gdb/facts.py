"""What `./pagewalk gdb` tells GDB's Python about the kernel, in a file, because that Python may be unable to read ELF."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from grade.boot.definitions import Definitions
from grade.boot.kernel_image import KernelImage, Symbols


@dataclass(frozen=True)
class RecordingFacts:
    """A recording of a guest (grade/machine/debugged.py): how the guest was booted, the file, and where it was stopped."""

    recipe: dict[str, Any]
    log: str
    point: int


@dataclass(frozen=True)
class KernelFacts:
    """A linked kernel, and the machine it runs on. `symbols` and `hidden` are KernelImage's.

    `recorded` is the command that starts the same session with a recording.
    """

    isa: str
    elf: str
    tree: str
    load_address: int
    offset: int
    ram_mib: int
    symbols: Symbols
    hidden: Symbols
    defined: Definitions
    recorded: str
    recording: RecordingFacts | None


def write_facts(
    path: Path, image: KernelImage, tree: Path, ram_mib: int, recorded: str, recording: RecordingFacts | None
) -> None:
    """Writes the facts of a kernel to a file."""
    symbols = {name: (value, image.size(name)) for name, value in image.symbols.items()}
    facts = KernelFacts(
        isa=image.isa,
        elf=str(image.elf),
        tree=str(tree),
        load_address=image.load_address,
        offset=image.offset,
        ram_mib=ram_mib,
        symbols=symbols,
        hidden=image.hidden_symbols,
        defined=image.defined,
        recorded=recorded,
        recording=recording,
    )
    path.write_text(json.dumps(asdict(facts)), encoding="utf-8")


def read_facts(path: Path) -> KernelFacts:
    """Reads what write_facts() wrote."""
    facts = json.loads(path.read_text(encoding="utf-8"))
    recording, defined = facts.pop("recording"), Definitions.from_dict(facts.pop("defined"))
    return KernelFacts(**facts, defined=defined, recording=RecordingFacts(**recording) if recording else None)


def image_of(facts: KernelFacts) -> KernelImage:
    """Returns the image without reading its file."""
    image = object.__new__(KernelImage)
    image.isa, image.elf = facts.isa, Path(facts.elf)
    image.load_address, image.offset = facts.load_address, facts.offset
    image.set_symbols(facts.symbols, facts.hidden)
    image.defined = facts.defined
    return image
