"""Copies a file that is mostly holes, as guest RAM is, without filling the holes."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


def copy_sparse(source: BinaryIO, path: Path) -> None:
    """Copies all of `source` to a new file at `path`. Raises OSError; then there is no file."""
    try:
        with path.open("wb", buffering=0) as target:
            target.truncate(os.fstat(source.fileno()).st_size)
            for start, end in _data_ranges(source.fileno()):
                while start < end:
                    start += os.pwrite(target.fileno(), os.pread(source.fileno(), min(end - start, 1 << 20), start), start)
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _data_ranges(descriptor: int) -> Iterator[tuple[int, int]]:
    """Yields the data between the holes, as half-open ranges of bytes (lseek(2), SEEK_DATA)."""
    end = 0
    while True:
        try:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole is left
                return
            raise
        end = os.lseek(descriptor, start, os.SEEK_HOLE)
        yield start, end
