"""Runs host tests and says what a failure of theirs stands for."""

import os
import re
import signal
import subprocess
import xml.etree.ElementTree as xml
from dataclasses import dataclass
from pathlib import Path

from grade.diagnosis.failure import NotWritten, expect, fail

_SECONDS = 20.0
"""Many times what all tests take; a loop without end is told from a busy machine by the CPU time it has used."""
_BACKSTOP_MINUTES = 10
"""For one that waits, and uses no time."""
_MOST_PRINTED, _MOST_READ = 64 << 20, 1 << 20
_EXCERPT = 1500


@dataclass(frozen=True)
class _Suite:
    """Tests of one thing, and what a failure stands for."""

    file: str
    cause: str
    named_causes: tuple[tuple[str, str], ...]
    """Words in the names of tests, and what these stand for instead; the first that fits."""
    least_cases: int
    is_in_order: bool = False
    """What others rest on is tested before them: the first failure tells most, and nothing is run after it."""

    def named_cause(self, test: str) -> str | None:
        return next((cause for word, cause in self.named_causes if word in test), None)


_MAP = _Suite(
    "kernel/mm/page_table_map.h",
    "map-lookup-wrong",
    (
        ("DoesNotGoOn", "map-lookup-wrong"),
        ("Taken", "double-map-accepted"),
        ("AlreadyMapped", "double-map-accepted"),
        ("OutOfMemory", "half-built-path"),
        ("MayLook", "half-built-path"),
        ("Intermediate", "table-entry-restricts"),
        ("SpaceEnds", "region-end-not-mapped"),
    ),
    least_cases=40,
)
_UNMAP = _Suite(
    "kernel/mm/page_table_unmap.h",
    "unmap-wrong",
    (
        ("NeverTheRoot", "unmap-wrong"),
        ("FlushesBefore", "stale-tlb"),
        ("TheTokenFlushes", "stale-tlb"),
        ("ProtectChanges", "protect-wrong"),
    ),
    least_cases=40,
)
_VMA = _Suite(
    "kernel/mm/vma.cc",
    "vma-list-wrong",
    (
        ("VmaFull", "vma-limit-wrong"),
        ("VmaGap", "vma-gap-wrong"),
        ("Overlap", "vma-overlap-wrong"),
        ("Merge", "vma-merge-wrong"),
        ("Remove", "vma-split-wrong"),
        ("Protect", "vma-split-wrong"),
    ),
    least_cases=45,
    is_in_order=True,
)
_SUITES = {"PageTableUnmap": _UNMAP, "PageTable": _MAP, "Vma": _VMA}
"""By how the names of their tests begin; the first that fits."""
JUDGED_FILES = frozenset(suite.file for suite in _SUITES.values())
"""What students write of all that host tests are built from."""


def check_host_tests(folder: Path, tests: str, scratch: Path) -> None:
    """All tests that match the pattern `tests` of the program in the build folder `folder` pass."""
    __tracebackhide__ = True
    report = scratch / "host.xml"
    command = [folder / "host_tests", f"--gtest_output=xml:{report}", f"--gtest_filter={tests}"]
    if _suite(tests).is_in_order:
        command.append("--gtest_fail_fast")
    output = _run(command, scratch)
    if todo := re.search(r"^@todo .*function=(\S+)", output, re.MULTILINE):
        raise NotWritten(todo[1])
    if not report.exists():
        running = _running(output)
        again = f"{folder / 'host_tests'} --gtest_filter='{running}'"
        fail(_cause(running), f"the host tests run to their end; again: {again}", _sanitizer_report(output))
    cases = list(xml.parse(report).getroot().iter("testcase"))
    failed = [case for case in cases if case.find("failure") is not None]
    if failed:
        _fail_by(folder, failed, len(cases))
    suite = _suite(tests)
    expect(len(cases) >= suite.least_cases, suite.cause, "all host tests run", f"{len(cases)} ran")


def _run(command: list, scratch: Path) -> str:
    """What the program prints, the beginning and the end of it; a Failure if it does not end."""
    __tracebackhide__ = True
    limits = ["timeout", "--signal=KILL", f"{_BACKSTOP_MINUTES}m", "prlimit", f"--cpu={_SECONDS:.0f}:{2 * _SECONDS:.0f}"]
    printed = scratch / "host.out"
    with printed.open("wb") as output:  # a pipe would have to be read, however much comes, as long as any child lives
        limited = [*limits, f"--fsize={_MOST_PRINTED}", "--core=0", *command]
        run = subprocess.run(limited, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False)
    text = _both_ends(printed)
    if run.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        running = _running(text)
        seen = f"{running} has not ended after {_SECONDS:g} s of CPU time"
        if run.returncode == -signal.SIGKILL:
            seen += f", or {_BACKSTOP_MINUTES} minutes of waiting"
        fail("hang", "the host tests come to their end", seen, file=_suite(running).file)
    return text


def _both_ends(file: Path) -> str:
    """A file's text, or its beginning and its end if it is very long."""
    with file.open("rb") as opened:
        size = opened.seek(0, os.SEEK_END)
        opened.seek(0)
        text = opened.read(_MOST_READ)
        opened.seek(max(size - _MOST_READ, len(text)))
        text += opened.read(_MOST_READ)
    return text.decode(errors="replace")


def _fail_by(folder: Path, failed: list, count: int) -> None:
    """Fails by the cause that most of the tests stand for: one mistake breaks what rests on it as well.

    Random sequences say least, and count only if nothing else failed.
    """
    __tracebackhide__ = True
    plain = [case for case in failed if "Model" not in case.get("classname", "")] or failed
    telling = [case for case in plain if _named_cause(_name(case)) not in (None, "map-lookup-wrong")] or plain
    causes = [_cause(_name(case)) for case in (plain if len(telling) * 4 < len(plain) else telling)]
    likely = max(causes, key=causes.count)
    case = next(case for case in plain if _cause(_name(case)) == likely)
    fails = "this is the first that fails" if _suite(_name(case)).is_in_order else f"{len(failed)} fail"
    expected = f"{count} host tests pass; {fails}. Again: {folder / 'host_tests'} --gtest_filter='{_name(case)}'"
    fail(_cause(_name(case)), expected, case.find("failure").get("message", "").strip()[:_EXCERPT])


def _name(case: xml.Element) -> str:
    return f"{case.get('classname')}.{case.get('name')}"


def _suite(name: str) -> _Suite:
    return next((suite for start, suite in _SUITES.items() if name.startswith(start)), _MAP)


def _named_cause(name: str) -> str | None:
    return _suite(name).named_cause(name)


def _cause(name: str) -> str:
    return _named_cause(name) or _suite(name).cause


def _running(output: str) -> str:
    """The test that had begun last."""
    begun = re.findall(r"^\[ RUN      \] (\S+)", output, re.MULTILINE)
    return begun[-1] if begun else "the first test"


def _sanitizer_report(output: str) -> str:
    """What the sanitizer says first: the error, and where in the engine it was."""
    start = re.search(r"^.*(?:ERROR: AddressSanitizer|runtime error).*$", output, re.MULTILINE)
    if start is None:
        return output[-_EXCERPT:]
    frames = re.findall(r"^ +#\d+ .*?(kernel/(?!tests)\S+)", output[start.start() :], re.MULTILINE)
    return "\n".join([start[0], *(f"at {frame}" for frame in frames[:4])])
