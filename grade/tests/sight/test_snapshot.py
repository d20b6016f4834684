"""A guest that is kept in files looks as it did, and takes no more room than it used."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from grade.gdb.why import why_lines
from grade.guest.guest import Guest
from grade.guest.snapshot import load_snapshot, save_snapshot
from grade.inspect.frames import frames_lines
from grade.inspect.lint import lint
from grade.inspect.map_text import map_lines, map_of
from grade.inspect.spaces import spaces
from grade.machine.machine import MachineError
from grade.machine.sparse_file import copy_sparse
from grade.walker.memory import OutsideMemory

Boot = Callable[..., Guest]


def everything(guest: Guest) -> list[str]:
    """Returns all that can be told about a guest."""
    maps = [line for space in spaces(guest) for line in map_lines(map_of(guest, space))]
    return [*maps, *frames_lines(guest), *lint(guest), *why_lines(guest, None), *map(str, guest.machine.facts())]


def test_it_looks_as_the_guest_did(boot: Boot, tmp_path: Path) -> None:
    guest = boot("checkpoint ready", "run hello", "checkpoint again")
    guest.run_to("ready")
    guest.run_to("again")
    before = everything(guest)
    save_snapshot(guest, tmp_path / "kept")
    guest.machine.close()
    kept = load_snapshot(tmp_path / "kept")
    assert kept is not None and everything(kept) == before
    assert (
        (kept.image.elf, kept.ram_mib) == (guest.image.elf, guest.ram_mib)
        and kept.last_stop == guest.last_stop
        and kept.cpu() == kept.cpu()
    )
    with pytest.raises(OutsideMemory):
        kept.read_physical(kept.machine.memory.end - 4, 8)
    with pytest.raises(MachineError, match="nobody asked it for 'info tlb'"):
        kept.machine.human_monitor_command("info tlb")


def test_it_keeps_only_what_the_guest_used(boot: Boot, tmp_path: Path) -> None:
    guest = boot("checkpoint ready", ram_mib=512)
    guest.run_to("ready")
    save_snapshot(guest, tmp_path)
    ram = (tmp_path / "ram").stat()
    assert ram.st_size == 512 << 20
    assert ram.st_blocks * 512 < 16 << 20


def test_there_is_none_where_none_was_kept(tmp_path: Path) -> None:
    assert load_snapshot(tmp_path) is None


def test_a_copy_has_the_same_bytes_and_the_same_holes(tmp_path: Path) -> None:
    pattern = bytes(range(256)) * 16
    with (tmp_path / "source").open("w+b") as source:
        source.truncate(8 << 20)
        for at in (0, 3 << 20, (8 << 20) - len(pattern)):
            os.pwrite(source.fileno(), pattern, at)
        copy_sparse(source, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == (tmp_path / "source").read_bytes()
    assert (tmp_path / "copy").stat().st_blocks <= (tmp_path / "source").stat().st_blocks


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    (tmp_path / "source").write_bytes(b"something")
    with (tmp_path / "source").open("rb") as source, pytest.raises(OSError, match="No space left"):
        copy_sparse(source, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
