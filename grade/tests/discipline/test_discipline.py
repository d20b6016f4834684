"""The witness of the discipline: nothing is said of the reference, and of mistakes that QEMU hides the rule and the line."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from grade.boot.kernel_image import KernelImage
from grade.commands.machine import discipline_command
from grade.discipline.record import COUNTERS_SIZE, Event, Record, read_record
from grade.discipline.scripts import script_for
from grade.discipline.witnessed import witnessed
from grade.discipline.words import RULES, Story, Teller
from grade.guest.guest import Recipe
from grade.isa import ISAS
from grade.ladder.build import Kernel, build_kernel
from grade.ladder.trees import Tree, find_root
from grade.machine.stop import StopKind
from grade.prepare import prepare
from grade.tests.discipline.undisciplined import CHANGES

ROOT = find_root(Path(__file__))


def _seen(kernel: Kernel, lab: int) -> tuple[Record, list[Story]]:
    """Runs what a lab's tables change by; returns what the witness has seen, and the stories of the violations."""
    image = KernelImage(kernel.isa, kernel.elf)
    recipe = Recipe(kernel.isa, str(kernel.elf), script_for(image, lab) + "\npoweroff", 1)
    with witnessed(recipe, kernel.tree) as (guest, witness):
        guest.machine.run()
        record = witness.record()
    teller = Teller(image, Tree(ROOT).labs)
    return record, [teller.tell(violation) for violation in record.violations]


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("lab", range(1, 7))
def test_nothing_is_said_of_the_reference(lab: int, isa: str) -> None:
    """Where much was seen: the run comes to its end, and the tables change in it."""
    kernel = build_kernel(prepare(Tree(ROOT), lab), isa)
    image = KernelImage(isa, kernel.elf)
    recipe = Recipe(isa, str(kernel.elf), script_for(image, lab) + "\npoweroff", 1)
    with witnessed(recipe, kernel.tree) as (guest, witness):
        assert guest.machine.run().kind is StopKind.POWERED_OFF
        assert "result=bad" not in guest.machine.serial() and "no-such" not in guest.machine.serial()
        record = witness.record()
    assert (record.violations, record.unjudged) == ((), "")
    entries, releases = {1: (1, 0), 2: (1, 7), 3: (30, 50), 4: (100, 60), 5: (1000, 500), 6: (2000, 1500)}[lab]
    assert record.seen.entries >= entries and record.seen.releases >= releases, record.seen


@pytest.mark.parametrize("lab", CHANGES)
def test_what_qemu_hides_is_seen(lab: int, tmp_path: Path) -> None:
    """Each mistake breaks its rules and no others, and leads to the file that it is in; what is right breaks none."""
    tree = tmp_path / "tree"
    shutil.copytree(prepare(Tree(ROOT), lab), tree, ignore=shutil.ignore_patterns("build"))
    wanted, found = {}, {}
    for change in CHANGES[lab]:
        file = tree / change.file
        right = file.read_text(encoding="utf-8")
        assert change.old in right, change.name
        file.write_text(right.replace(change.old, change.new, 1), encoding="utf-8")
        for isa in change.isas:
            record, stories = _seen(build_kernel(tree, isa), lab)
            rules = change.broken_on(isa)
            files = {story.line.file for story in stories if story.line is not None}
            wanted[change.name, isa] = (rules, {change.file} if rules and change.leads_to_its_file else set())
            found[change.name, isa] = (
                tuple(sorted({violation.rule for violation in record.violations}.difference(change.sometimes))),
                files if change.leads_to_its_file else set(),
            )
        file.write_text(right, encoding="utf-8")
    assert found == wanted


def test_every_rule_has_words_and_every_word_a_rule() -> None:
    """A rule of the plugin without words would end the telling with KeyError."""
    sources = [*(ROOT / "grade/discipline/plugin").glob("*.c"), *(ROOT / "grade/isa").glob("*/discipline.c")]
    named = {
        rule
        for source in sources
        for rule in re.findall(r'(?:violation|tell_setup)\("(\w+)"', source.read_text(encoding="utf-8"))
    }
    assert named == RULES.keys()


@pytest.fixture
def broken(tmp_path: Path) -> Iterator[Kernel]:
    """Yields lab 4's kernel, whose windows are flushed before they are cleared."""
    change = CHANGES[4][0]
    tree = tmp_path / "tree"
    shutil.copytree(prepare(Tree(ROOT), 4), tree, ignore=shutil.ignore_patterns("build"))
    file = tree / change.file
    file.write_text(file.read_text(encoding="utf-8").replace(change.old, change.new, 1), encoding="utf-8")
    yield build_kernel(tree, "x86_64")


def test_a_violation_is_told_with_its_lines(broken: Kernel) -> None:
    """Which store, what came too early, who used it: by function, file and line."""
    _, stories = _seen(broken, 4)
    source = (broken.tree / CHANGES[4][0].file).read_text(encoding="utf-8").splitlines()
    flush = next(number for number, line in enumerate(source, 1) if "flush_page" in line)
    store = flush + 1
    used = next(story for story in stories if story.rule is RULES["used"])
    assert used.line is not None and used.line.line == store
    changed, state, then = used.lines
    assert re.fullmatch(
        rf"the global entry of 0x[0-9a-f]+ at 0x[0-9a-f]+, which led to a page at 0x[0-9a-f]+, was changed, by TempMap::close at {CHANGES[4][0].file}:{store}",
        changed,
    )
    assert state == (
        f"nothing has invalidated it since; the last invalidation of this address came before, by TempMap::close at {CHANGES[4][0].file}:{flush}"
    )
    assert re.fullmatch(r"0x[0-9a-f]+, whose entry is 0x[0-9a-f]+ now, is (read|written to), by \w.* at kernel/\S+:\d+", then)


# --- the command -----------------------------------------------------------------------------------------------------


def test_the_command_passes_the_reference() -> None:
    run = CliRunner().invoke(discipline_command, ["--lab", "2", "--isa", "x86_64"])
    assert run.exit_code == 0, run.output
    assert run.output.startswith("Lab 2's kernel for x86_64: map 0x500000000000 ")
    assert re.search(r"^  [\d,]+ loads and stores, [\d,]+ entries changed, .* 7 frames given back$", run.output, re.MULTILINE)
    assert run.output.endswith("Nothing was used, or given away, that the CPU might have remembered otherwise.\n")


def test_the_command_tells_every_event_with_its_line() -> None:
    run = CliRunner().invoke(discipline_command, ["--lab", "2", "--isa", "aarch64", "--script", "frames", "--events"])
    assert run.exit_code == 0, run.output
    kinds = re.findall(r"^ *[\d,]+  (\w+) .*, \S.* at (?:kernel|arch)/\S+:\d+$", run.output, re.MULTILINE)
    assert {"entry", "invalidate", "barrier", "root", "release"} <= set(kinds)
    leave = r"leave_low_half at kernel/map/leave_low_half\.cc:\d+$"
    assert re.search(rf"entry +of 0, level 3, at 0x[0-9a-f]+: 0x[0-9a-f]+ -> 0, {leave}", run.output, re.MULTILINE)
    assert re.search(rf"invalidate  everything, {leave}", run.output, re.MULTILINE)


def test_a_run_that_does_not_end_is_no_success() -> None:
    """A window onto what is no memory ends this kernel."""
    run = CliRunner().invoke(discipline_command, ["--lab", "4", "--isa", "aarch64", "--script", "windows 0x48000000"])
    assert run.exit_code == 1
    assert "The run did not come to the end of its script: " in run.output


# --- what is read ----------------------------------------------------------------------------------------------------


def _counters(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(8, "little") for number in numbers).ljust(COUNTERS_SIZE, b"\0")


def test_the_last_line_may_be_cut_off() -> None:
    record = read_record(b"root at=0x1,0x2 moment=3 which=0\nviolation rule=lo", _counters(1, 2, 3))
    assert record.events == (Event("root", {"at": "0x1,0x2", "moment": "3", "which": "0"}),)
    assert record.events[0].addresses("at") == (1, 2)
    assert (record.seen.accesses, record.seen.entries, record.seen.invalidations) == (1, 2, 3)


def test_what_is_not_judged_is_said() -> None:
    assert (
        read_record(b"unjudged a frame is a table in two places\n", _counters()).unjudged == "a frame is a table in two places"
    )
