"""Runs the host tests of the engine and says what a failure of theirs stands for."""

import re
import subprocess
import xml.etree.ElementTree as xml
from pathlib import Path

from grade.diagnosis.failure import NotWritten, expect, fail

_SECONDS = 20.0
"""Many times what all tests take; a loop without end is told from a busy machine by the CPU time it has used."""
_LEAST_CASES = 40
_EXCERPT = 1500

# Words in the names of the tests, and the cause that a failure stands for; the first that fits.
_CAUSES = (
    ("DoesNotGoOn", "map-lookup-wrong"),
    ("Taken", "double-map-accepted"),
    ("AlreadyMapped", "double-map-accepted"),
    ("OutOfMemory", "half-built-path"),
    ("MayLook", "half-built-path"),
    ("Intermediate", "table-entry-restricts"),
    ("SpaceEnds", "region-end-not-mapped"),
)
_CAUSES_OF_UNMAP = (
    ("NeverTheRoot", "unmap-wrong"),
    ("FlushesBefore", "stale-tlb"),
    ("TheTokenFlushes", "stale-tlb"),
    ("ProtectChanges", "protect-wrong"),
)


def check_host_tests(folder: Path, tests: str, scratch: Path) -> None:
    """All tests that match the pattern `tests` of the program in the build folder `folder` pass."""
    __tracebackhide__ = True
    report = scratch / "host.xml"
    command = [folder / "host_tests", f"--gtest_output=xml:{report}", f"--gtest_filter={tests}"]
    output = _run(command)
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
    expect(len(cases) >= _LEAST_CASES, "map-lookup-wrong", "all host tests of the engine run", f"{len(cases)} ran")


def _run(command: list) -> str:
    """Everything the program prints; a Failure if it does not end."""
    __tracebackhide__ = True
    limited = ["prlimit", f"--cpu={_SECONDS:.0f}", *command]
    run = subprocess.run(
        limited, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, errors="replace", check=False
    )
    if run.returncode in (-24, -9):  # SIGXCPU, and SIGKILL if that was not enough
        running = _running(run.stdout)
        file = "kernel/mm/page_table_unmap.h" if running.startswith("PageTableUnmap") else "kernel/mm/page_table_map.h"
        fail("hang", "the host tests come to their end", f"{running} has not ended after {_SECONDS:g} s of CPU time", file=file)
    return run.stdout


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
    expected = f"{count} host tests pass; {len(failed)} fail. Again: {folder / 'host_tests'} --gtest_filter='{_name(case)}'"
    fail(_cause(_name(case)), expected, case.find("failure").get("message", "").strip()[:_EXCERPT])


def _name(case: xml.Element) -> str:
    return f"{case.get('classname')}.{case.get('name')}"


def _cause(name: str) -> str:
    return _named_cause(name) or ("unmap-wrong" if name.startswith("PageTableUnmap") else "map-lookup-wrong")


def _named_cause(name: str) -> str | None:
    causes = _CAUSES_OF_UNMAP if name.startswith("PageTableUnmap") else _CAUSES
    return next((cause for word, cause in causes if word in name), None)


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
