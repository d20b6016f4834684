"""QEMU as anybody would start it: without a debugger, frozen neither at the start nor at the end."""

import os
from typing import BinaryIO

from grade.guest.guest import Recipe
from grade.isa import isa_called
from grade.machine.boot_parameters import BootParameters
from grade.machine.qemu_process import board_options, memory_file
from grade.machine.qemu_version import require


def parameters_file(recipe: Recipe) -> BinaryIO:
    """Returns the kernel's boot parameters as a file without a name for QEMU to inherit."""
    parameters = BootParameters(recipe.nonce, recipe.ram_mib << 20, recipe.script, recipe.fail_allocation)
    file = memory_file("boot-parameters")
    file.write(parameters.encode())
    return file


def command_line(recipe: Recipe, parameters: BinaryIO) -> list[str]:
    """Returns QEMU's command line without the serial port and the way to start. QEMU must inherit `parameters`."""
    board, size = isa_called(recipe.isa).board, recipe.ram_mib << 20
    options = board_options(board, recipe.elf, size, parameters.fileno(), cpu=recipe.cpu or board.cpu, el2=recipe.el2)
    return [os.fspath(require(recipe.isa)), *options]
