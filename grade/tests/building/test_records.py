"""What is kept below build/ must never be believed if it is not just what was written, and never be missed."""

import os
from pathlib import Path

import pytest

from grade.ladder import records
from grade.ladder.records import Records


@pytest.fixture
def kept(tmp_path: Path) -> Records:
    return Records(tmp_path / "build" / "kept")


def the_file(tmp_path: Path) -> Path:
    (file,) = (tmp_path / "build" / "kept").iterdir()
    return file


def test_a_record_is_found_by_all_that_it_depends_on(kept: Records) -> None:
    content = "line\r\n\n\N{GREEK SMALL LETTER ALPHA}\udcff"
    kept.write(content, "tool", "ab", "c")
    assert kept.read("tool", "ab", "c") == content
    for other in (("tool", "a", "bc"), ("tool", "ab"), ("tool", "ab", "c", ""), ()):
        assert kept.read(*other) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: data + b" ",
        lambda data: data.replace(b"passed", b"failed"),
        lambda data: b"0" * 64 + data[64:],
    ],
)
def test_a_damaged_record_counts_as_none(kept: Records, tmp_path: Path, damage: object) -> None:
    kept.write("it passed", "key")
    file = the_file(tmp_path)
    file.write_bytes(damage(file.read_bytes()))
    assert kept.read("key") is None
    kept.write("it passed", "key")
    assert kept.read("key") == "it passed"


def test_a_record_in_the_place_of_another_counts_as_none(kept: Records, tmp_path: Path) -> None:
    kept.write("one", "first")
    place = the_file(tmp_path)
    record = place.read_bytes()
    place.unlink()
    kept.write("two", "second")
    the_file(tmp_path).write_bytes(record)
    assert kept.read("second") is None


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "build").write_text("no folder")
    kept = Records(tmp_path / "build" / "kept")
    kept.write("one", "key")
    assert kept.read("key") is None


def test_the_oldest_go(kept: Records, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "_MOST", 2)
    for age, key in enumerate(("first", "second", "third")):
        kept.write(key, key)
        for file in (tmp_path / "build" / "kept").iterdir():
            if file.read_bytes().endswith(key.encode()):
                os.utime(file, ns=(age, age))
    kept.write("fourth", "fourth")
    assert [kept.read(key) for key in ("first", "second", "third", "fourth")] == [None, None, "third", "fourth"]
