"""A kernel that was built anew has other symbols: what was read of the old one must not be taken for it."""

import os
from pathlib import Path

import pytest

from grade.boot.once_per_file import once_per_file


def test_a_file_is_read_again_when_it_has_changed(tmp_path: Path) -> None:
    reads: list[Path] = []

    @once_per_file
    def text_of(path: Path) -> str:
        reads.append(path)
        return path.read_text()

    kernel, other = tmp_path / "kernel.elf", tmp_path / "other.elf"
    kernel.write_text("old")
    other.write_text("old")
    assert [text_of(kernel), text_of(kernel), text_of(other)] == ["old"] * 3 and reads == [kernel, other]
    (tmp_path / "new").write_text("new")
    (tmp_path / "new").rename(kernel)  # as long, and linkers write in place or rename: neither may be missed
    assert text_of(kernel) == "new"
    kernel.write_text("odd")
    os.utime(kernel, ns=(0, 0))
    assert text_of(kernel) == "odd"
    kernel.unlink()
    with pytest.raises(FileNotFoundError):
        text_of(kernel)
