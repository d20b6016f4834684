"""Physical memory as the walker sees it: a read at a physical address, or OutsideMemory."""

from __future__ import annotations

from mmap import mmap
from typing import Protocol


class OutsideMemory(Exception):
    """Not all the bytes asked for are in the available memory; `pa` is the address that was asked for."""

    def __init__(self, pa: int) -> None:
        super().__init__(f"physical address {pa:#x} is outside memory")
        self.pa = pa


class PhysicalMemory(Protocol):
    """What a walker needs of memory; a file of guest RAM, a gdb connection and a test's bytearray all offer it."""

    def read(self, pa: int, size: int) -> bytes:
        """Returns the `size` bytes at physical address `pa`; raises OutsideMemory if one of them is missing."""


class MappedMemory:
    """A buffer (mmap, bytearray, bytes) that holds physical memory from the address `base` on.

    It never writes and keeps no view of the buffer, so the owner may close an mmap at any time.
    """

    def __init__(self, buffer: mmap | bytearray | bytes, base: int = 0) -> None:
        self._buffer = buffer
        self.base = base
        self.end = base + len(buffer)

    def read(self, pa: int, size: int) -> bytes:
        if pa < self.base or pa + size > self.end:
            raise OutsideMemory(pa)
        start = pa - self.base
        return bytes(self._buffer[start : start + size])
