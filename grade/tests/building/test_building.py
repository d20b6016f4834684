"""Builds side by side: what is built once, what is told meanwhile, and what came of everything.

The kernels are those of a tiny course: a line of shell makes each (grade/tests/student/student_trees.py).
"""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from grade import building
from grade.building import Building, Built, Ended, Said, Step, orders_for
from grade.cutting.cutter import cut
from grade.ladder.build import BuildError, Manner
from grade.ladder.labs import LadderError
from grade.ladder.trees import locked
from grade.needs import Needs
from grade.run_plan import Plan, Target
from grade.tests.student.student_trees import tiny_main

KERNEL = Needs(True, ())


@pytest.fixture
def main(tmp_path: Path) -> Path:
    return tiny_main(tmp_path / "main")


def targets_of(root: Path, *labs: int) -> tuple[Target, ...]:
    return tuple(Target(lab, isa, root, frozenset()) for lab in labs for isa in ("x86_64", "aarch64"))


def build(root: Path, *labs: int, tell: Callable[[object], None] = lambda event: None) -> Built:
    with Building(Plan(targets_of(root, *labs))) as process:
        process.begin(KERNEL)
        return process.follow(tell)


def test_every_kernel_is_built_and_told_of(main: Path) -> None:
    events: list[object] = []
    built = build(main, 1, 2, tell=events.append)
    for target in targets_of(main, 1, 2):
        kernel = built.kernel(target)
        assert kernel.isa == target.isa and kernel.elf.read_text().count("done();") == 2 * target.lab
    assert sorted(event.order.place for event in events if isinstance(event, Ended)) == [1, 2, 3, 4]
    assert any(isinstance(event, Step) and event.total for event in events)


def test_a_lab_is_cut_once_whoever_builds_it(main: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cuts: list[int] = []
    prepare = building.prepare
    monkeypatch.setattr(building, "prepare", lambda tree, lab: cuts.append(lab) or prepare(tree, lab))
    build(main, 1, 2)
    assert sorted(cuts) == [1, 2]


def test_what_was_built_is_not_looked_at_again(main: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody may save a file while milestones are judged: all are judged on one kernel."""
    built = build(main, 1)
    (main / "kernel/main.cc").write_text("BROKEN\n")
    monkeypatch.setenv("PATH", "")
    assert all(built.kernel(target).elf.is_file() for target in targets_of(main, 1))
    with pytest.raises(BuildError):
        Built().kernel(targets_of(main, 1)[0])  # whom nobody has built anything for


@pytest.mark.parametrize("fails", [False, True])
def test_a_program_of_host_tests_is_built_once_for_all_isas(main: Path, fails: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def host_tests(target: Target, program: str) -> Path:
        asked.append(target.isa)
        if fails:
            raise BuildError(target.root, "host", None, "it does not compile")
        return target.root / program

    monkeypatch.setattr(Target, "host_tests", host_tests)
    built = Built()
    for target in targets_of(main, 1):
        if fails:
            with pytest.raises(BuildError, match="it does not compile"):
                built.host_tests(target, "map_tests")
        else:
            assert built.host_tests(target, "map_tests") == main / "map_tests"
    assert len(asked) == 1


def test_what_does_not_build_costs_nothing_else(tmp_path: Path, main: Path) -> None:
    tree = tmp_path / "tree"
    cut(main, 2, 2, tree)
    (tree / "arch/aarch64/lab1.S").write_text("nop\nBROKEN\n")
    events: list[object] = []
    built = build(tree, 2, tell=events.append)
    right, wrong = targets_of(tree, 2)
    assert built.kernel(right).elf.is_file() and built.loss(right, KERNEL) is None
    for _ in range(2):
        with pytest.raises(BuildError) as caught:
            built.kernel(wrong)
    assert built.loss(wrong, KERNEL) is caught.value and built.loss(wrong, Needs(False, ())) is None
    (said,) = [event.error for event in events if isinstance(event, Said)]
    assert str(said) == "arch/aarch64/lab1.S:2:1: error: this is broken"


def test_what_the_compiler_says_of_a_submission_is_told_by_nobody(
    tmp_path: Path, main: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not before it is known that it read nothing that it should not."""
    tree = tmp_path / "tree"
    cut(main, 1, 1, tree)
    (tree / "kernel/lab1.h").write_text("BROKEN\n")
    told: list[object] = []

    def watched(root: Path, isa: str, manner: Manner, *, sealed: bool) -> None:
        told.append(manner.on_error)
        raise BuildError(root, isa, None, "no log")

    monkeypatch.setattr("grade.submission.watched_build.watched_kernel", watched)
    handed_in = Target(1, "x86_64", tree, frozenset(), is_submission=True)
    with Building(Plan((handed_in,))) as process:
        process.begin(KERNEL)
        built = process.follow(lambda event: None)
    assert told == [None] and isinstance(built.kernels[handed_in], BuildError)


def test_what_keeps_a_build_from_being_tried_is_raised_here(main: Path) -> None:
    (main / "labs/2-rung/lab.toml").write_text("number = \n")
    with pytest.raises(LadderError, match="not TOML"):
        build(main, 1)


@pytest.mark.parametrize("heeds", [True, False])
def test_leaving_stops_what_runs(main: Path, heeds: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What heeds no interruption is killed; ninja would wait for it."""
    for name in ("begun", "hold"):
        os.mkfifo(main / "kernel" / name)
    wait = "" if heeds else "trap '' INT\n"
    (main / "kernel/build.sh").write_text(f"{wait}echo > {main}/kernel/begun\nread line < {main}/kernel/hold\n")
    begun, hold = (os.open(main / "kernel" / name, os.O_RDWR) for name in ("begun", "hold"))
    if not heeds:
        monkeypatch.setattr(building, "_SECONDS_TO_STOP", 0.5)
    with Building(Plan(targets_of(main, 1)[:1])) as process:
        process.begin(KERNEL)
        os.read(begun, 1)
    for thread in process._threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in process._threads)
    os.write(hold, b"end\n")


def test_leaving_waits_for_what_tidies_up(main: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build that was interrupted removes its copy of a folder: the folder must not go at the same time."""
    begun, tidied = threading.Event(), threading.Event()

    def slow_to_tidy(*_: object) -> NoReturn:
        begun.set()
        time.sleep(0.5)
        tidied.set()
        raise BuildError(main, "x86_64", None, "no log")

    monkeypatch.setattr(Target, "kernel", slow_to_tidy)
    with Building(Plan(targets_of(main, 1)[:1])) as process:
        process.begin(KERNEL)
        assert begun.wait(60)
    assert tidied.is_set()


def test_leaving_waits_for_no_lock_of_somebody_elses(main: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "_SECONDS_TO_STOP", 600)
    with locked(main / "build/cut/lab-1/build/x86_64.lock"):
        with Building(Plan(targets_of(main, 1)[:1])) as process:
            process.begin(KERNEL)
    for thread in process._threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in process._threads)


def test_the_orders_of_a_plan() -> None:
    programs = ("page_table_tests", "vma_tests")
    plan = Plan(targets_of(Path("tree"), 1, 5))
    orders = orders_for(plan, Needs(True, programs))
    assert [order.name for order in orders] == [
        "lab 1's kernel for x86_64", "lab 1's kernel for aarch64", "lab 1's host tests",
        "lab 5's kernel for x86_64", "lab 5's kernel for aarch64", "lab 5's host tests",
    ]  # fmt: skip
    assert [order.place for order in orders] == [1, 2, 3, 4, 5, 6]
    assert [order.programs for order in orders if order.programs] == [programs[:1], programs]
    assert [order.name for order in orders_for(plan, Needs(False, programs[:1]))] == [
        "lab 1's host tests",
        "lab 5's host tests",
    ]
    assert [order.preset for order in orders[:3]] == ["x86_64", "aarch64", "host"]
    assert orders_for(Plan(()), Needs(True, programs)) == []
