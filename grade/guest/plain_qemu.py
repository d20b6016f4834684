"""QEMU as anybody would start it: without a debugger, frozen neither at the start nor at the end."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from grade.guest.guest import Recipe, stale_ram
from grade.isa import isa_called
from grade.machine.boot_parameters import BootParameters
from grade.machine.qemu_process import board_options, memory_file
from grade.machine.qemu_version import require


@contextmanager
def plain_qemu(recipe: Recipe) -> Iterator[tuple[list[str], tuple[int, ...]]]:
    """Yields QEMU's command line without the serial port and the way to start, and the descriptors that it must inherit."""
    size, stale = recipe.ram_mib << 20, stale_ram(recipe)
    board = isa_called(recipe.isa).board
    with memory_file("boot-parameters") as parameters, memory_file("stale-ram") as contents:
        parameters.write(BootParameters(recipe.nonce, size, recipe.script, recipe.fail_allocation).encode())
        stale.write_to(contents)
        options = board_options(board, recipe.elf, size, parameters.fileno(), cpu=recipe.cpu or board.cpu, el2=recipe.el2)
        command = [os.fspath(require(recipe.isa)), *options, *stale.option(contents)]
        yield command, (parameters.fileno(), contents.fileno())
