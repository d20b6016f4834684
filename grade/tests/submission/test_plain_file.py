"""What another may have put in the place of a file is opened as a plain file within a size, or not at all."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from grade.ladder.labs import LadderError
from grade.ladder.plain_file import open_plain, read_plain


def test_a_plain_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    assert read_plain(tmp_path / "file", 5) == b"12345"
    with open_plain(tmp_path / "file", 5) as file:
        assert not os.get_inheritable(file.fileno())
    with pytest.raises(LadderError, match="file has 5 bytes, and may have 4"):
        read_plain(tmp_path / "file", 4)
    os.truncate(tmp_path / "file", 1 << 40)  # which takes no room on the disk
    with pytest.raises(LadderError, match="file has 1099511627776 bytes, and may have 67108864"):
        read_plain(tmp_path / "file")
    with pytest.raises(FileNotFoundError):
        read_plain(tmp_path / "other")


def _socket(path: Path) -> None:
    socket.socket(socket.AF_UNIX).bind(str(path))


@pytest.mark.parametrize(
    "make", [os.mkfifo, Path.mkdir, _socket, lambda path: path.symlink_to("file"), lambda path: path.symlink_to("/dev/zero")]
)
def test_what_is_none(tmp_path: Path, make: Callable[[Path], None]) -> None:
    (tmp_path / "file").touch()
    make(tmp_path / "made")
    with pytest.raises(LadderError, match="made is no plain file"):
        read_plain(tmp_path / "made")


def test_links_above_it(tmp_path: Path) -> None:
    """They are followed down to the folder that cannot have been replaced, and not below."""
    (tmp_path / "folder/inner").mkdir(parents=True)
    (tmp_path / "folder/inner/file").write_bytes(b"mine")
    (tmp_path / "folder/link").symlink_to("inner")
    (tmp_path / "way").symlink_to("folder")
    assert read_plain(tmp_path / "way/inner/file", within=tmp_path / "way") == b"mine"
    with pytest.raises(LadderError, match="file is no plain file, or is reached by a link"):
        read_plain(tmp_path / "way/link/file", within=tmp_path / "way")


def test_a_file_that_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    real = os.fstat
    monkeypatch.setattr(os, "fstat", lambda handle: os.stat_result((real(handle).st_mode, 0, 0, 1, 0, 0, 0, 0, 0, 0)))
    assert read_plain(tmp_path / "file", 2) == b"12"
