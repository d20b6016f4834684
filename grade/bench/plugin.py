"""Builds the plugin that counts instructions, for the installed QEMU."""

from pathlib import Path

import grade.isa as isas
from grade.bench.figure import NotMeasured
from grade.ladder.labs import LadderError
from grade.ladder.qemu_plugin import qemu_plugin

_SOURCE = Path(__file__).with_name("count_instructions.c")
_MARKER = Path(__file__).with_name("marker.h")


def build_plugin(isa: str, build: Path) -> Path:
    """Returns the plugin as a shared library below `build`, built if need be. NotMeasured if that cannot be."""
    of_isa = Path(str(isas.__file__)).parent / isa / "marker.c"
    try:
        return qemu_plugin(isa, build / "bench", _SOURCE, of_isa, headers=(_MARKER,))
    except LadderError as error:
        raise NotMeasured(str(error)) from error
