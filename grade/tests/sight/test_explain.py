"""./pagewalk explain: names the first thing that went wrong, the cause and the history; knows what is expected."""

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from grade.boot.kernel_image import KernelImage
from grade.boot.process_slots import memory_map, slot_of
from grade.cutting.cutter import cut
from grade.diagnosis.hindsight import Unexpected, cause_in_hindsight
from grade.explain.case import Case, case_of, scripted
from grade.explain.explanation import Explanation, explain
from grade.explain.histories import HISTORIES, history_of, link_to
from grade.explain.promised import promise_lines
from grade.failed.failed_run import load
from grade.failed.way import Way
from grade.guest.guest import Guest
from grade.guest.trapped import run_to_system_call
from grade.isa import ISAS
from grade.isa.exceptions import Kind, Taken
from grade.ladder.build import Kernel
from grade.ladder.labs import LadderError
from grade.ladder.trees import Tree, find_root
from grade.patches.bug import read_bug
from grade.patches.bugs import Bug, load_bugs
from grade.practice.command import code_of, find_bug, plant_bug
from grade.practice.milestones import run_milestones
from grade.results.failure import Failure
from grade.walker import Access

ROOT = find_root(Path(__file__))
DOCUMENT = ROOT / "docs" / "postmortems.md"
STORY = re.compile(r"^## (.+)$|^\./pagewalk bug (\S+) --explain$", re.MULTILINE)


Boot = Callable[..., Guest]


def stories() -> list[tuple[str, str]]:
    """Returns heading and bug of each reproduction in docs/postmortems.md."""
    found, heading = [], ""
    for match in STORY.finditer(DOCUMENT.read_text(encoding="utf-8")):
        heading = match[1] or heading
        found += [(heading, match[2])] if match[2] else []
    return found


PLANTS = [(heading, code, isa) for heading, code in stories() for isa in find_bug(Tree(ROOT), code).isas]
SCRIPTS = {1: "", 3: "run hello", 4: "run hello"}
"""What to run on the kernel of a lab. Where processes take turns, the ticks decide what becomes of a run: a milestone goes on."""


def text_of(explanation: Explanation) -> str:
    return "\n".join(line for section in explanation.sections for line in (section.heading, *section.lines))


def test_every_history_is_told_and_reproduced() -> None:
    headings = re.findall(r"^## (.+)$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert headings == [history.heading for history in HISTORIES]
    assert {heading for heading, _ in stories()} == set(headings)
    causes = [cause for history in HISTORIES for cause in history.causes]
    assert len(causes) == len(set(causes))


def test_a_bug_of_one_isa_is_said_to_be_so() -> None:
    sections = dict(part.split("\n", 1) for part in DOCUMENT.read_text(encoding="utf-8").split("\n## ")[1:])
    for heading, code in stories():
        isas = find_bug(Tree(ROOT), code).isas
        said = f"This bug shows on {isas[0]} only." in sections[heading].partition(code)[2]
        assert said == (len(isas) == 1), code


def test_what_is_handed_out_tells_no_later_history() -> None:
    assert history_of("page-without-vma", 4) is None
    history = history_of("page-without-vma", 5)
    assert history is not None and link_to(history) == "docs/postmortems.md#the-list-without-the-program"


@pytest.mark.parametrize(("heading", "code", "isa"), PLANTS, ids=[f"{code}-{isa}" for _, code, isa in PLANTS])
def test_a_history_that_is_planted_is_explained(heading: str, code: str, isa: str, tmp_path: Path) -> None:
    bug = find_bug(Tree(ROOT), code)
    planted = plant_bug(Tree(ROOT), bug, isa)
    if bug.lab in SCRIPTS:
        explanation = explain(scripted(planted, isa, None, SCRIPTS[bug.lab]))
        first = text_of(explanation).partition("What happened first\n")[2].partition("\nThe walk")[0]
        assert "1. " in first and " by " in first, first
    else:
        explanation = explain(milestone_on(planted, bug, isa, tmp_path))
    assert explanation.cause == bug.causes[isa], text_of(explanation)
    assert f'It has happened before: "{heading}"' in text_of(explanation)


def fault_of(guest: Guest, address: int) -> Unexpected:
    """Returns a fault as if user code of the guest that runs could not be fetched there."""
    taken = Taken(Kind.PAGE_FAULT, "page fault", address, True, address, Access.EXECUTE)
    return Unexpected(taken, guest, is_then=True)


def test_a_list_of_areas_without_areas_has_none(boot: Boot) -> None:
    guest = boot("run hello")
    guest.run_to_address(guest.image.function("run_monitor"), "the monitor")
    run_to_system_call(guest, "write", "hello's first write")
    first = fault_of(guest, 0x700000)
    has = len(memory_map(guest, slot_of(guest, 2)).areas)
    assert promise_lines(first)[0].endswith(f"has 0x700000. It has {has}:")
    never, other = (Failure(cause, "an end", "none") for cause in ("child-never-runs", "wrong-frame"))
    assert cause_in_hindsight(never, None, guest, met_freed=False) == "child-never-runs"
    guest.machine.write_physical(memory_map(guest, slot_of(guest, 2)).frame, bytes(8))
    assert promise_lines(first) == ["no area of process 2 (hello) has 0x700000. It has none"]
    assert cause_in_hindsight(never, None, guest, met_freed=False) == "page-without-vma", "its pages are still there"
    assert cause_in_hindsight(other, None, guest, met_freed=False) == "wrong-frame", "this says more than how it ended"


FREED_WHILE_MAPPED = """\
Symptom: A process dies at once.
ISAs: x86_64 aarch64
Fails: 3.1
Cause: frame-freed-in-use
From: own

diff --git a/kernel/space/address_space.cc b/kernel/space/address_space.cc
--- a/kernel/space/address_space.cc
+++ b/kernel/space/address_space.cc
@@ -81,4 +81,3 @@
   CHECK(!flags.global, page.start().raw());  // it would outlive a switch of roots
   TRY(KernelTable(root_).map(page.start(), frame.address(), flags));
-  frame.release();
   return {};
"""


@pytest.mark.parametrize("isa", Tree(ROOT).isas)
def test_frames_that_are_freed_while_they_are_mapped(isa: str) -> None:
    lab = next(lab for lab in Tree(ROOT).labs if lab.number == 3)
    bug = read_bug(ROOT / "freed-while-mapped.patch", lab, text=FREED_WHILE_MAPPED)
    explanation = explain(scripted(plant_bug(Tree(ROOT), bug, isa), isa, None, "run hello"))
    told = text_of(explanation)
    assert explanation.cause == "frame-freed-in-use", told
    frames = next(section.lines for section in explanation.sections if section.heading == "Frames")
    assert any(
        re.search(r" and yet 0x[0-9a-f]+ is .*the page 0x[0-9a-f]+ of process 2 \(hello\)", line) for line in frames
    ), told
    assert re.search(r"1\. .*\n   by user code at 0x400000\n", told), told
    assert "0xcc is what the kernel writes into frames that are given back" in told


def milestone_on(planted: Tree, bug: Bug, isa: str, folder: Path) -> Case:
    """Returns the bug's first milestone, failed there."""
    run_milestones(ROOT, planted.root, bug.lab, [isa], [bug.fails[0]], folder)
    failed = load(bug.lab, bug.fails[0], isa, folder)
    assert failed is not None
    return case_of(failed)


def test_nothing_that_is_not_there_is_said_to_be_alike() -> None:
    of_lab_2 = {bug.causes[isa] for bug in load_bugs(ROOT) if bug.lab == 2 for isa in bug.isas}
    compared = 0
    for cause in of_lab_2:
        if history := history_of(cause, 2):
            compared += 1
            assert "processes were switched" not in history.alike(cause), cause
    assert compared
    switched = history_of("wrong-root-loaded", 3)
    assert switched is not None and "processes were switched" in switched.alike("wrong-root-loaded")


def case(kernel: Kernel, script: str) -> Case:
    return scripted(Tree(ROOT), kernel.isa, None, script)


def test_a_run_that_is_well_has_only_expected_exceptions(kernel: Kernel) -> None:
    script = "peek 0x10\npeek 0xffffffffffff0000\nbreakpoint\nrun forktest\nrun intruder kernel\nticks 3"
    explanation = explain(case(kernel, script))
    assert explanation.is_well and explanation.cause is None, text_of(explanation)
    told = text_of(explanation)
    assert re.search(r"nothing is wrong. \d{2,} exceptions were taken, all of them expected ones", told), told


def test_the_first_exception_is_the_one_that_matters(kernel: Kernel) -> None:
    explanation = explain(case(kernel, "peek 0x10\nrun hello\noverflow"))
    told = text_of(explanation)
    assert explanation.cause == "stack-overflow", told
    assert "before it: " in told and "1 fault that the monitor asked for" in told and "page faults of user code" in told
    assert re.search(r"1\. .*\n   by the kernel at 0x[0-9a-f]+, use_stack at kernel/monitor/machine_commands.cc:\d+", told)
    assert re.search(r"0x[0-9a-f]+ is in: boot-stack-guard", told)


def test_a_program_that_is_killed(kernel: Kernel) -> None:
    explanation = explain(case(kernel, "run trespass read 0x12345678"))
    told = text_of(explanation)
    assert not explanation.is_well and "no area of process 2 (trespass) has 0x12345678" in told, told
    assert "is killed for that: so it should be" in told and "Look at" not in told, told


def test_code_that_is_not_written_is_named_and_nothing_else(tmp_path: Path) -> None:
    starter = tmp_path / "starter"
    cut(ROOT, 3, 2, starter, ISAS)
    explanation = explain(scripted(Tree(starter), ISAS[0], None, "run hello"))
    assert explanation.sections[-1].lines == ("create is not written yet.",)
    assert not explanation.is_well and explanation.cause is None


def test_a_milestone_goes_the_way_it_went(tmp_path: Path) -> None:
    """Without what the script does after the stop at which the milestone failed."""
    bug = find_bug(Tree(ROOT), "window-table-made-late")
    planted = plant_bug(Tree(ROOT), bug, "x86_64")
    the_way = milestone_on(planted, bug, "x86_64", tmp_path)
    explanation = explain(the_way)
    assert explanation.cause == "temp-window-not-in-root"
    assert "Only expected exceptions" in text_of(explanation)
    assert f"./pagewalk gdb {bug.fails[0]} --isa x86_64" in explanation.sections[-1].lines
    without_stops = explain(replace(the_way, way=Way(), to_the_end=True))
    assert "1. page fault" in text_of(without_stops)
    assert "went another way" not in text_of(explanation)
    never = KernelImage("x86_64", Path(the_way.recipe.elf)).function("run_monitor")
    strayed = text_of(explain(replace(the_way, way=Way((*the_way.way.stops, (never, 99))))))
    assert "The same script went another way this time" in strayed and "the cause" in strayed.lower()
    failed = load(bug.lab, bug.fails[0], "x86_64", tmp_path)
    assert failed is not None
    with pytest.raises(LadderError, match="the kernel has changed"):
        case_of(replace(failed, is_current=False))


def pagewalk(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "grade", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_the_command() -> None:
    well = pagewalk("explain", "--script", "run hello")
    assert well.returncode == 0 and "nothing is wrong" in well.stdout, well.stderr
    wrong = pagewalk("explain", "--isa", "aarch64", "--script", "overflow")
    assert wrong.returncode == 1 and "The cause: stack-overflow" in wrong.stdout
    assert pagewalk("explain", "9.9").returncode == 2
    assert "x is no milestone: one is called 3.2" in pagewalk("explain", "x").stderr
    assert pagewalk("explain", "3.2", "--script", "run hello").returncode == 2


@pytest.mark.parametrize("isa", Tree(ROOT).isas)
def test_a_program_without_an_end_is_not_the_kernels_fault(isa: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grade.failed.reboot._CPU_SECONDS", 2.0)
    explanation = explain(scripted(Tree(ROOT), isa, None, "run spin"))
    assert explanation.is_well and explanation.cause is None, text_of(explanation)
    assert "The program goes on and on" in text_of(explanation)


def test_a_timer_that_interrupts_once_is_the_kernels_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grade.failed.reboot._CPU_SECONDS", 2.0)
    bug = find_bug(Tree(ROOT), "timer-not-rearmed")
    isa = bug.isas[0]
    explanation = explain(scripted(plant_bug(Tree(ROOT), bug, isa), isa, None, "run spin"))
    assert not explanation.is_well, text_of(explanation)
    said = text_of(explanation)
    assert "interrupts are taken again and again" in said and f"Look at arch/{isa}/traps.cc" in said, said


def test_what_the_monitor_does_not_know_is_said() -> None:
    unknown = pagewalk("explain", "--script", "nosuch")
    assert unknown.returncode == 2 and "the monitor does not know nosuch" in unknown.stderr, unknown.stdout
    misused = pagewalk("explain", "--script", "peek")
    assert misused.returncode == 2 and "the monitor refused peek: missing-argument" in misused.stderr
    missing = pagewalk("explain", "--script", "run nosuch")
    assert missing.returncode == 2 and "there is no program nosuch" in missing.stderr, missing.stdout


def test_a_bug_is_explained_by_its_milestone() -> None:
    run = pagewalk("bug", "kernel-half-not-copied", "--explain")
    code = code_of(next(bug for bug in load_bugs(ROOT) if bug.name == "kernel-half-not-copied"))
    assert run.returncode == 0, run.stderr
    assert f"Bug {code}: milestone 3.3" in run.stdout and "The cause: vectors-not-in-root" in run.stdout
    assert f"./pagewalk bug {code} --isa x86_64 --gdb" in run.stdout
