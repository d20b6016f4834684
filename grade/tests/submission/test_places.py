"""Submissions are built one after the other in the same places: what is given stays, what a student brought about does not."""

import fcntl
import os
from pathlib import Path

import pytest

from grade.submission import places
from grade.submission.places import log_words, note_kept_in, place_for_one


def everything(folder: Path) -> set[str]:
    """Returns the files in a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def built(place: Path) -> Path:
    """Makes what a graded submission leaves; returns the build folder."""
    folder = place / "lab-3" / "build" / "x86_64"
    for name in ("CMakeFiles/kernel.dir/frame.cc.obj", "user/hello", "user/mine", "kernel.elf", "kernel.log", "kernel.stamp"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / "taken").write_text("kernel.elf\0user/mine\0")
    (folder.with_name("x86_64.sealed") / "sub").mkdir(parents=True, exist_ok=True)
    (folder.parent / "x86_64.watched.json").write_text("{}")
    (place / "ran").mkdir(exist_ok=True)
    (place / "ran" / "program").write_text("passed")
    return folder


def test_what_a_student_brought_about_goes_and_what_is_given_stays(tmp_path: Path) -> None:
    with place_for_one(tmp_path, is_sealed=True) as place:
        folder = built(place)
    assert everything(folder) == {"CMakeFiles/kernel.dir/frame.cc.obj", "user/hello"}
    assert everything(place) == {"tools", *(f"lab-3/build/x86_64/{name}" for name in everything(folder))}


def test_what_a_killed_grading_left_goes_before_the_next_one(tmp_path: Path) -> None:
    with place_for_one(tmp_path, is_sealed=True) as place:
        pass
    folder = built(place)
    with place_for_one(tmp_path, is_sealed=True) as again:
        assert again == place
        assert everything(folder) == {"CMakeFiles/kernel.dir/frame.cc.obj", "user/hello"}


def test_two_at_a_time_have_places_of_their_own(tmp_path: Path) -> None:
    with place_for_one(tmp_path, is_sealed=True) as first, place_for_one(tmp_path, is_sealed=True) as second:
        assert first != second
    with place_for_one(tmp_path, is_sealed=True) as third:
        assert third == first
        with first.with_suffix(".lock").open("a") as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_another_compiler_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    compiler = tools / "g++"
    compiler.write_text("#!/bin/sh\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", str(tools))
    places._parts.cache_clear()
    with place_for_one(tmp_path, is_sealed=True) as place:
        folder = built(place)
    with place_for_one(tmp_path, is_sealed=True):
        assert everything(folder)
    os.utime(compiler, (1, 1))
    with place_for_one(tmp_path, is_sealed=True):
        assert not folder.exists()
    places._parts.cache_clear()


def test_one_that_is_not_sealed_has_a_place_that_nobody_else_gets(tmp_path: Path) -> None:
    with place_for_one(tmp_path, is_sealed=False) as place:
        built(place)
    assert not place.exists()
    folder = built(place)  # it was killed
    with place_for_one(tmp_path, is_sealed=True) as sealed:
        assert sealed != place
    with place_for_one(tmp_path, is_sealed=False) as again:
        assert again == place and not folder.exists()


def test_what_the_tools_opened_for_one_is_not_held_against_the_next(tmp_path: Path) -> None:
    with place_for_one(tmp_path, is_sealed=True) as place:
        (built(place) / "opened").mkdir()
        (built(place) / "opened" / "17").write_text("cc1plus /etc/passwd")
    with place_for_one(tmp_path, is_sealed=True):
        assert not list(place.glob("lab-*/build/*/opened"))


def test_a_log_is_named_where_it_will_be(tmp_path: Path) -> None:
    with place_for_one(tmp_path, is_sealed=True) as place:
        log = built(place) / "kernel.log"
        note_kept_in(place, tmp_path / "kept")
        assert log_words(place, log) == f"The whole log: {tmp_path}/kept/lab-3/build/x86_64/kernel.log"
        note_kept_in(place, None)
        assert log_words(place, log) == ""
