"""Builds the plugin that counts instructions, for the installed QEMU."""

from pathlib import Path

from grade.bench.figure import NotMeasured
from grade.ladder.labs import LadderError
from grade.ladder.qemu_plugin import qemu_plugin

_SOURCE = Path(__file__).with_name("count_instructions.c")


def build_plugin(isa: str, build: Path) -> Path:
    """Returns the plugin as a shared library below `build`, built if need be. NotMeasured if that cannot be."""
    try:
        return qemu_plugin(isa, build / "bench", _SOURCE)
    except LadderError as error:
        raise NotMeasured(str(error)) from error
