"""Runs host tests and names the cause of a failure."""

import os
import re
import signal
import subprocess
import xml.etree.ElementTree as xml
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from grade.checks.ran_before import HostTests, Printed, has_hung, note_hang, run_once
from grade.ladder.build import engine_of
from grade.ladder.files import need_room
from grade.results.failure import Failure, NotWritten, expect, fail
from grade.tied import while_we_live

_SECONDS = 20.0
"""Many times what all tests take; the CPU time used tells an endless loop from a busy machine."""
_PATIENCE, _LESS_PATIENCE = 120.0, 30.0
"""Seconds for a program that waits, and uses no CPU time; and once that program has hung, for its other tests."""
_WHILE_TIMEOUT_LIVES = ("setpriv", "--pdeathsig", "KILL")
"""Ctrl-C has Python kill `timeout`, which then can end nothing any more."""
_HANGS = {
    int(signal.SIGXCPU): f"has not ended after {_SECONDS:g} s of CPU time",
    int(signal.SIGALRM): "waits for something that never comes: what you wrote has been silent for a minute",
    int(signal.SIGKILL): f"has not ended after {_SECONDS:g} s of CPU time, or {{:g}} s of waiting",
}
"""Why programs hang, by the signal that ends them: the second one is the judge's (kernel/tests/apart/judge.cc)."""
_MOST_PRINTED, _MOST_READ = 64 << 20, 1 << 20
_EXCERPT = 1500
_RUN = re.compile(r"^\[ RUN      \] (\S+)", re.MULTILINE)
_FAILED = re.compile(r"^\[ RUN      \] (\S+)\n((?:(?!\[ RUN ).*\n)*?)\[  FAILED  \] \1", re.MULTILINE)
"""A test and what it printed."""


@dataclass(frozen=True)
class _Sign:
    """A failed check that stands for a cause: patterns for the name of its test and for what it printed."""

    cause: str
    test: str
    printed: str = ""

    def is_in(self, test: str, printed: str) -> bool:
        return bool(re.search(self.test, test) and re.search(self.printed, printed, re.MULTILINE))


@dataclass(frozen=True)
class _Suite:
    """Tests of one thing, and the causes of their failures."""

    file: str
    program: str
    """The program that contains them: kernel/tests/host.cmake."""
    lab: int
    """The first lab in which they prove a milestone."""
    cause: str
    """The cause if no sign is found."""
    signs: tuple[_Sign, ...]
    """The first sign that fits counts."""
    classes: tuple[str, ...]
    """The classes of tests, the basic ones first. The tests within a class are already in order."""
    least_cases: int
    stops_at_once: bool = False
    """Whether the tests run in their order, none of them after the first failure."""


_TWO_VALUES = r"    Which is: {}\n  .+\n    Which is: {}"
"""How gtest prints the value found, and below it the expected one."""
_LOOKUP = _Suite(
    "kernel/paging/page_table_map.h",
    "page_table_tests",
    1,
    "lookup-wrong",
    (),
    ("PageTableLookup",),
    least_cases=36,
)
_MAP = _Suite(
    "kernel/paging/page_table_map.h",
    "page_table_tests",
    1,
    "map-lookup-wrong",
    (
        # The entries found and those seen by the hardware are the same, except for rights.
        _Sign(
            "table-entry-restricts",
            "",
            _TWO_VALUES.format(r"\((\S+ size \S+ r)(w?)(x?)(u?)(g?d?)\)", r"\(\1\2?\3?\4?\5\)\n.*hardware's walk"),
        ),
        _Sign("double-map-accepted", r"^PageTableMap\..*Refuses", _TWO_VALUES.format('"ok"', '"already-mapped"')),
        _Sign("half-built-path", r"^PageTableMap\..*Refuses", r"^  snapshot\(table\)$"),
        _Sign("half-built-path", r"^PageTableMapMemory\.", r"^  (snapshot\(table\)|watch\.changes)$"),
        # Of the sizes in their order the last ones are missing.
        _Sign(
            "region-end-not-mapped",
            "ChoosesTheLargestBlocks",
            r"leaf_sizes\(table\)\n" + _TWO_VALUES.format(r"(\{ .+) \}", r"\1, "),
        ),
        _Sign(
            "region-end-not-mapped",
            "EndsWhereTheAddressSpaceEnds",
            r"leaf_sizes\(table\)\n" + _TWO_VALUES.format(r"(?:\{\}|(\{ .+) \})", r"(?(1)\1, |\{ )"),
        ),
    ),
    ("PageTableMap", "PageTableMapMemory", "PageTableMapRange", "PageTableMapModel"),
    least_cases=40,
)
_UNMAP = _Suite(
    "kernel/paging/page_table_unmap.h",
    "page_table_tests",
    3,
    "unmap-wrong",
    (
        _Sign("protect-wrong", "", r"table\.protect\(|the page must not vanish"),
        _Sign("protect-wrong", "ProtectChanges"),
        _Sign("stale-tlb", "FlushesBefore", "used_at_flush"),
        _Sign("stale-tlb", "TheTokenFlushes", "flushed"),
    ),
    ("PageTableUnmap",),
    least_cases=40,
)
_VMA = _Suite(
    "kernel/space/vma.cc",
    "vma_tests",
    5,
    "vma-list-wrong",
    (
        _Sign("vma-limit-wrong", "VmaFull"),
        _Sign("vma-gap-wrong", "VmaGap"),
        _Sign("vma-overlap-wrong", "Overlap"),
        _Sign("vma-merge-wrong", "Merge"),
        _Sign("vma-split-wrong", "Remove|Protect"),
    ),
    ("Vma", "VmaFull", "VmaGap", "VmaModel"),
    least_cases=45,
    stops_at_once=True,
)
_SUITES = {"PageTableLookup": _LOOKUP, "PageTableUnmap": _UNMAP, "PageTable": _MAP, "Vma": _VMA}
"""The suites by how the names of their tests begin; the first that fits counts."""
JUDGED_FILES = frozenset(suite.file for suite in _SUITES.values())
"""The files that students write, among all from which host tests are built."""


def program_of(tests: str) -> str:
    """Returns the program that contains the tests which match this pattern."""
    return _suite(tests).program


def programs_for(lab: int) -> list[str]:
    """Returns the programs that prove milestones on the kernel of a lab."""
    return list(dict.fromkeys(suite.program for suite in _SUITES.values() if suite.lab <= lab))


def check_host_tests(build: Callable[[str], Path], tests: str, scratch: Path) -> None:
    """Checks that all host tests that match the pattern `tests` pass. `build` builds one of their programs, by its name."""
    __tracebackhide__ = True
    program, report = build(program_of(tests)), scratch / "host.xml"
    drawn = _drawn(build)
    asked = [f"--gtest_filter={tests}", *(["--gtest_fail_fast"] if _suite(tests).stops_at_once else []), *drawn]
    command = [program, f"--gtest_output=xml:{report}", *asked]
    run = partial(_run, command, scratch, _environment(build, program))
    output, errors = run_once(build, program, asked, report, partial(_run_or_note_hang, build, program, run))
    if todo := re.search(r"^@todo .*function=(\S+)", output, re.MULTILINE):
        raise NotWritten(todo[1])
    if not report.exists():
        need_room(scratch)
        _fail_by_crash(output, errors, _again(build, program, drawn))
    cases = list(xml.parse(report).getroot().iter("testcase"))
    failed = {_name(case): case for case in cases if case.find("failure") is not None}
    suite = _suite(tests)
    if failed:
        first = _most_basic(suite, [_name(case) for case in cases], failed)
        printed = failed[first].find("failure").get("message", "").strip()
        which = "the first to fail" if suite.stops_at_once else f"{len(failed)} fail, first"
        seen = f"{which}: {_shown(first, printed, _again(build, program, drawn))}"
        fail(_cause(first, printed), f"all {len(cases)} host tests pass", seen)
    expect(len(cases) >= suite.least_cases, suite.cause, "all host tests run", f"{len(cases)} ran")


def _most_basic(suite: _Suite, run: list[str], failed: Collection[str]) -> str:
    """Returns the most basic failed test. `run` is all that ran, in that order, format after format."""
    order = list(dict.fromkeys(_without_format(name) for name in run))
    rank = {name: place for place, name in enumerate(suite.classes)}

    def place(name: str) -> tuple[int, int]:
        plain = _without_format(name)
        return rank.get(plain.split(".")[0], len(rank)), order.index(plain)

    return min(failed, key=place)


def _fail_by_crash(output: str, errors: str, again: str) -> None:
    """Fails for tests that did not come to their end, because of an earlier failure if that is more basic."""
    __tracebackhide__ = True
    running, report = _running(output), _sanitizer_report(errors)
    printed = {name: text for name, text in _FAILED.findall(output)} | {running: report}
    first = _most_basic(_suite(running), [*_RUN.findall(output), running], printed)
    seen = _shown(first, printed[first], again)
    if first != running:
        seen += f"\nand in {running}, which did not end: {report}"
    fail(_cause(first, printed[first]), "the host tests run to their end", seen)


def _drawn(build: Callable[[str], Path]) -> list[str]:
    """Returns the option that says what the tests draw by chance. GoogleTest knows numbers from 1 to 99999."""
    seed = build.seed if isinstance(build, HostTests) else None
    return [] if seed is None else [f"--gtest_random_seed={seed % 99999 + 1}"]


def _environment(build: Callable[[str], Path], program: Path) -> dict[str, str]:
    """Returns the judge's environment, which says how it is to run the engine: kernel/tests/apart/judge.h."""
    around = build.around_engine(engine_of(program)) if isinstance(build, HostTests) else []
    return os.environ | {"PAGEWALK_ENGINE_RUNNER": "\n".join(around)}


def _run_or_note_hang(build: Callable[[str], Path], program: Path, run: Callable[[float], Printed]) -> Printed:
    """Returns what run(seconds) returns. A program that has hung before, in whatever test, gets fewer seconds."""
    __tracebackhide__ = True
    if not isinstance(build, HostTests):
        return run(_PATIENCE)
    try:
        return run(_LESS_PATIENCE if has_hung(build, program) else _PATIENCE)
    except Failure as failure:
        if failure.cause == "hang":
            note_hang(build, program)
        raise


def _run(command: Sequence[str | Path], scratch: Path, environment: dict[str, str], patience: float) -> Printed:
    """Returns what the tests print, and what the student's code prints: of each the beginning and the end.

    Raises Failure if the program does not end.
    """
    __tracebackhide__ = True
    limits = ["timeout", "--signal=KILL", f"{patience:g}", *_WHILE_TIMEOUT_LIVES]
    limits += ["prlimit", f"--cpu={_SECONDS:.0f}:{2 * _SECONDS:.0f}"]
    limited = while_we_live([*limits, f"--fsize={_MOST_PRINTED}", "--core=0", *map(str, command)], "TERM")
    # Files: pipes would have to be emptied as long as any child lives. They stay open, whatever is done to their rights.
    with (scratch / "host.out").open("w+b") as output, (scratch / "host.err").open("w+b") as errors:
        run = subprocess.run(limited, stdout=output, stderr=errors, stdin=subprocess.DEVNULL, env=environment, check=False)
        text, said = _both_ends(output), _both_ends(errors)
    if (why := _HANGS.get(-run.returncode)) is not None:
        running = _running(text)
        fail("hang", "the host tests come to their end", f"{running} {why.format(patience)}", file=_suite(running).file)
    return text, said


def _both_ends(opened: BinaryIO) -> str:
    """Returns a file's text, or its beginning and its end if it is very long."""
    size = opened.seek(0, os.SEEK_END)
    opened.seek(0)
    text = opened.read(_MOST_READ)
    opened.seek(max(size - _MOST_READ, len(text)))
    text += opened.read(_MOST_READ)
    return text.decode(errors="replace")


def _again(build: Callable[[str], Path], program: Path, drawn: Sequence[str]) -> str:
    """Returns how to run one test by itself; nothing where that would run a student's code without its sandbox."""
    if isinstance(build, HostTests) and build.around_engine(engine_of(program)):
        return ""
    return " ".join([f"\nagain: {program} --gtest_filter='{{test}}'", *drawn])


def _shown(test: str, printed: str, again: str) -> str:
    """Returns a failed test, and how to run it by itself."""
    return f"{test}: {printed.strip()[:_EXCERPT]}{again.replace('{test}', test)}"


def _name(case: xml.Element) -> str:
    return f"{case.get('classname')}.{case.get('name')}"


def _suite(name: str) -> _Suite:
    return next((suite for start, suite in _SUITES.items() if name.startswith(start)), _MAP)


def _cause(test: str, printed: str) -> str:
    """Returns the cause of a failed check, if no test that is more basic failed."""
    suite = _suite(test)
    return next((sign.cause for sign in suite.signs if sign.is_in(test, printed)), suite.cause)


def _without_format(name: str) -> str:
    """Returns the name without the paging format: PageTableMap.MapsOnePage for PageTableMap.MapsOnePage/ISA."""
    return name.partition("/")[0]


def _running(output: str) -> str:
    """Returns the test that had begun last."""
    begun: list[str] = _RUN.findall(output)
    return begun[-1] if begun else "the first test"


def _sanitizer_report(errors: str) -> str:
    """Returns what the sanitizer says first: the error, and where in the engine it was."""
    start = re.search(r"^.*(?:ERROR: AddressSanitizer|runtime error).*$", errors, re.MULTILINE)
    if start is None:
        return errors.strip()[-_EXCERPT:] or "what you wrote has ended the process that it runs in"
    frames = re.findall(r"^ +#\d+ .*?(kernel/(?!tests)\S+)", errors[start.start() :], re.MULTILINE)
    return "\n".join([start[0], *(f"at {frame}" for frame in frames[:4])])
