"""A failure is shown by the kernel that failed: whoever has edited since is told so, and by which file."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from grade.failed.choice import check_unchanged
from grade.failed.failed_run import FailedRun
from grade.failed.way import Way
from grade.guest.guest import Recipe
from grade.ladder.labs import LadderError
from grade.results.failure import Failure

BUILT = 1_000_000
FILES = (
    "kernel/space/fault.cc",
    "kernel/tests/fault_test.cc",
    "arch/x86_64/boot.S",
    "arch/aarch64/boot.S",
    "user/sh.cc",
    "docs/a.md",
)


@pytest.fixture
def failed(tmp_path: Path) -> FailedRun:
    elf = tmp_path / "kernel.elf"
    for path in (elf, *(tmp_path / name for name in FILES)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (BUILT, BUILT))
    recipe = Recipe("x86_64", str(elf), "", 1)
    failure = Failure("page-not-brought", "a page", "none")
    return FailedRun(5, "5.3", "x86_64", recipe, Way(), None, None, failure, tmp_path, tmp_path, is_current=True)


def edit(failed: FailedRun, *names: str) -> None:
    for name in names:
        os.utime(failed.tree / name, (BUILT + 1, BUILT + 1))


def test_nothing_is_said_where_nothing_that_the_kernel_is_made_of_has_changed(
    failed: FailedRun, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(failed, "kernel/tests/fault_test.cc", "arch/aarch64/boot.S", "docs/a.md")
    check_unchanged(failed)
    assert capsys.readouterr().err == ""


def test_what_has_changed_is_named(failed: FailedRun, capsys: pytest.CaptureFixture[str]) -> None:
    edit(failed, "kernel/space/fault.cc", "arch/x86_64/boot.S")
    check_unchanged(failed)
    said = capsys.readouterr().err
    assert said.startswith("Changed since this kernel was built: arch/x86_64/boot.S, kernel/space/fault.cc. ")
    assert "./pagewalk grade 5 --isa x86_64 --milestone 5.3" in said


def test_many_are_counted(failed: FailedRun, capsys: pytest.CaptureFixture[str]) -> None:
    more = [f"kernel/base/{name}.h" for name in "abc"]
    for name in more:
        (failed.tree / name).parent.mkdir(exist_ok=True)
        (failed.tree / name).touch()
    edit(failed, *more, "user/sh.cc")
    check_unchanged(failed)
    assert "kernel/base/c.h and 1 more." in capsys.readouterr().err


def test_another_kernel_is_refused(failed: FailedRun) -> None:
    with pytest.raises(LadderError, match="the kernel has changed since milestone 5.3 failed"):
        check_unchanged(replace(failed, is_current=False))
