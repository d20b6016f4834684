"""Reports for services: each is what its documentation says, an error of ours is never a zero, and text stays text."""

import base64
import json
import re
import xml.etree.ElementTree as xml
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from grade.formats import NAMES
from grade.formats.autolab import NO_PROBLEM
from grade.formats.formats import FORMATS
from grade.formats.neutral import LONGEST, neutral, without_tags
from grade.formats.report import Report
from grade.formats.walk_picture import walk_picture
from grade.formats.written import Reports
from grade.ladder.labs import LadderError
from grade.ladder.trees import Tree, find_root
from grade.milestones import read_milestones
from grade.results.result import Result, Status
from grade.results.verdict import Verdict
from grade.run_plan import foreseen
from grade.unjudged import left_of, planned_results
from grade.walker import Mapping, Step, Walk

ROOT = find_root(Path(__file__))
SCHEMAS = Path(__file__).with_name("schemas")
HOSTILE = (
    "::set-output name=points::100",
    "  ::error file=a::b",
    "##[command]x",
    "</pre><script>alert('x')</script>&amp;",
    "=cmd|' /C calc'!A0",
    "\x1b[2J\x9b31m\x07\r\x00",
    "\udc80\ud800\ufffe\u202e\u2028::warning::y",
    ']]>"\'{"scores": {"lab3-x86_64": 100}}',
)
WALK = Walk(
    0x7F00_0000,
    0x1000,
    (Step(1, 0x1000, 3, 0x1018, None, "unreadable", (), "<PDE>"), Step(0, 0x2000, 4, 0x2020, 0x8000_0000, "leaf", (), "PTE")),
    None,
    "not-present",
    "</svg><script>alert(1)</script>\x1b",
)


def result(
    number: str, status: Status, verdict: Verdict = Verdict(), most: float = 10, lab: int = 3, isa: str = "x86_64"
) -> Result:
    points = most if status is Status.PASSED else 0
    return Result(lab, isa, number, f"Title of {number}", points, most, status, verdict, 0.25)


def hostile(text: str) -> list[Result]:
    """Results in which everything that a student can influence is this text."""
    failed = Verdict(
        "wrong-frame", text, text, WALK, text, last_words=(text, text), commands={"gdb": "./pagewalk gdb 3.1"}, notes=(text,)
    )
    return [
        result("3.1", Status.FAILED, failed),
        result("3.2", Status.TODO, Verdict(function=text)),
        result("3.3", Status.ERROR, Verdict(error=text)),
        result("3.4", Status.PASSED),
        result("3.5", Status.FAILED, Verdict("does-not-compile", file=text, error=text)),
    ]


SUBMISSION = {
    "source": "alice.zip", "sealed": True, "seed": 7, "lab": 3, "labs": [3], "given": [],
    "taken": ["kernel/a.cc"], "missing": ["kernel/b.cc"],
    "left_out": [{"path": f"{text}{number}", "why": "is a device"} for text in HOSTILE for number in range(3)],
}  # fmt: skip
GOOD = Report([result("3.1", Status.PASSED), result("1.2", Status.PASSED, most=0)], 7, SUBMISSION)
MIXED = Report([
    result("3.1", Status.PASSED), result("3.2", Status.FAILED, Verdict("hang", "a", "b", WALK, "kernel/a.cc:12")),
    result("3.3", Status.TODO, Verdict(function="f")), result("1.2", Status.FAILED, Verdict("hang", "a", "b"), most=0),
], 7, None)  # fmt: skip
LOST = Report(
    [result("3.1", Status.PASSED), result("3.2", Status.ERROR, Verdict(error="ours")), result("3.1", Status.PASSED, isa="aarch64")],
    7, None, "the 5 minutes of --within are over",
)  # fmt: skip
NOTHING = Report((), None, None, "alice.zip is no archive")
LOST_WITHOUT_POINTS = Report(
    [result("3.1", Status.PASSED), result("1.2", Status.ERROR, Verdict(error="ours"), most=0)], 7, None
)
LARGE = Report([result(f"3.{n}", Status.FAILED, Verdict("hang", "a", "b", WALK, error="x" * 90_000)) for n in range(1, 90)], 7)
REPORTS = {
    "good": GOOD, "mixed": MIXED, "lost": LOST, "nothing": NOTHING, "lost without points": LOST_WITHOUT_POINTS, "large": LARGE,
    **{f"hostile {number}": Report(hostile(text), 7, SUBMISSION, text) for number, text in enumerate(HOSTILE)},
    "hostile all": Report(hostile("\n".join(HOSTILE)), 7, SUBMISSION, "\n".join(HOSTILE)),
}  # fmt: skip


def written(name: str, report: Report) -> Any:
    """Returns what a service reads from the file."""
    content = FORMATS[name](report)
    match name:
        case "github":
            assert content.count(b"\n") == 1
            return json.loads(base64.b64decode(content, validate=False))
        case "autolab":
            return [json.loads(line) for line in content.decode().rstrip().split("\n")[-2:]]
        case "junit":
            return xml.fromstring(content)
        case _:
            return json.loads(content)


def texts_of(document: Any) -> Iterator[str]:
    """Yields all texts in a document, the names too."""
    if isinstance(document, str):
        yield document
    elif isinstance(document, dict):
        yield from document
        for value in document.values():
            yield from texts_of(value)
    elif isinstance(document, list):
        for value in document:
            yield from texts_of(value)


# --- what its documentation says -----------------------------------------------------------------------------


def test_the_names_are_those_of_the_formats() -> None:
    assert tuple(FORMATS) == NAMES


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
@pytest.mark.parametrize("name", [name for name in NAMES if name != "junit"])
def test_each_format_is_as_its_schema_says(name: str, report: Report) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.Draft7Validator(schema).validate(written(name, report))


JUNIT = {
    "testsuites": ({"name", "tests", "failures", "errors", "skipped", "time"}, {"testsuite"}),
    "testsuite": ({"name", "tests", "failures", "errors", "skipped", "time"}, {"testcase"}),
    "testcase": ({"name", "classname", "time"}, {"failure", "error", "skipped"}),
    "failure": ({"message", "type"}, set()),
    "error": ({"message", "type"}, set()),
    "skipped": ({"message", "type"}, set()),
}
"""Of each element its attributes and what may be in it: https://github.com/testmoapp/junitxml."""


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_junit_is_as_its_documentation_says(report: Report) -> None:
    document = written("junit", report)
    assert document.tag == "testsuites"
    for element in document.iter():
        attributes, children = JUNIT[element.tag]
        assert set(element.keys()) <= attributes and {child.tag for child in element} <= children
        assert "name" in element.keys() or "message" in element.keys()
    problems = [case for case in document.iter("testcase") if case.get("name") == "everything is judged"]
    assert len(problems) == (report.problem is not None)


# --- points, and what was not judged ----------------------------------------------------------------------------


def test_points() -> None:
    assert (written("gradescope", MIXED)["score"], written("prairielearn", MIXED)["score"]) == (10, 10 / 30)
    github = written("github", MIXED)
    assert (github["status"], github["max_score"], sum(test["score"] for test in github["tests"])) == ("fail", 30, 10)
    assert [test["status"] for test in github["tests"]] == ["fail", "pass", "fail", "fail"]
    assert (github["tests"][2]["filename"], github["tests"][2]["line_no"]) == ("kernel/a.cc", 12)
    assert written("autolab", MIXED)[1] == {"scores": {"lab3-x86_64": 10}}
    assert [check["passed"] for check in written("check50", MIXED)["results"]] == [False, True, False, False]
    assert written("gradescope", GOOD)["tests"][0]["status"] == "passed" and written("github", GOOD)["status"] == "pass"
    assert written("prairielearn", GOOD)["score"] == 1 and written("prairielearn", GOOD)["gradable"] is True


def test_milestones_without_points_alone() -> None:
    """Earlier labs' milestones run again: nobody divides by zero."""
    good, bad = (Report([result("1.2", status, most=0)], 7) for status in (Status.PASSED, Status.FAILED))
    assert (written("prairielearn", good)["score"], written("prairielearn", bad)["score"]) == (1, 0)


def test_what_the_grader_could_not_judge_is_no_zero() -> None:
    gradescope = written("gradescope", LOST)
    assert "This is not a grade" in gradescope["output"] and gradescope["extra_data"]["is_grade"] is False
    assert [("score" in test, test.get("status")) for test in gradescope["tests"]] == [
        (True, "passed"), (True, "passed"), (False, None)]  # fmt: skip
    github = written("github", LOST)
    assert (github["status"], github["max_score"]) == ("error", 0), "points of max_score 0 are not reported"
    assert [test["status"] for test in github["tests"]] == ["error", "pass", "pass", "error"]
    prairielearn = written("prairielearn", LOST)
    assert prairielearn["gradable"] is False and "--within" in prairielearn["format_errors"][0]
    assert written("autolab", LOST)[1] == {"scores": {"lab3-aarch64": 10, "lab3-x86_64": None}}
    checks = written("check50", LOST)["results"]
    assert [check["passed"] for check in checks] == [True, True, None] and checks[2]["cause"]["error"]["value"] == "ours"
    assert [child.tag for case in written("junit", LOST).iter("testcase") for child in case] == ["error", "error"]
    assert written("json", LOST)["problem"] == LOST.problem


def test_a_run_that_could_not_begin_says_why_and_gives_no_grade() -> None:
    for name in NAMES:
        assert (
            "alice.zip is no archive"
            in (FORMATS[name](NOTHING) if name != "github" else str(written(name, NOTHING)).encode()).decode()
        )
    assert written("prairielearn", NOTHING)["gradable"] is False and written("github", NOTHING)["max_score"] == 0
    assert written("autolab", NOTHING)[1] == {"scores": {NO_PROBLEM: None}}
    assert "results" not in written("check50", NOTHING)


def test_an_error_that_costs_no_points_leaves_the_grade() -> None:
    assert written("prairielearn", LOST_WITHOUT_POINTS)["score"] == 1
    github = written("github", LOST_WITHOUT_POINTS)
    assert (github["max_score"], github["status"]) == (10, "error")
    assert written("autolab", LOST_WITHOUT_POINTS)[1]["scores"] == {"lab3-x86_64": 10}


def test_what_a_service_limits_is_kept_within() -> None:
    assert len(FORMATS["github"](LARGE)) < 1 << 17, "Linux allows no longer variable in an environment"
    assert len(FORMATS["prairielearn"](LARGE)) <= 1_000_000
    assert all("images" in test for test in written("prairielearn", LARGE)["tests"]), "shorter texts come before no pictures"
    tests = written("gradescope", LARGE)["tests"]
    assert len(tests) == 89 and max(len(test["output"]) for test in tests) < LONGEST + 100
    assert "more characters)" in tests[0]["output"]


# --- text of the student's ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("report", [report for name, report in REPORTS.items() if "hostile" in name])
@pytest.mark.parametrize("name", NAMES)
def test_text_has_no_effect(name: str, report: Report) -> None:
    content = FORMATS[name](report)
    content.decode("utf-8")
    if name == "github":
        content = base64.b64decode(content)
    if name != "junit":
        assert b"<" not in content and b">" not in content
    assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", content)
    if name in ("junit", "json"):
        return
    if name == "autolab":
        assert not [line for line in content.decode().splitlines() if line.strip().startswith("::") or "##[" in line]
    for text in texts_of(written(name, report)):
        assert not [line for line in text.splitlines() if line.strip().startswith("::") or "##[" in line], text
        assert not text.strip().startswith(("=", "+", "-", "@")), text
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028\u202e]", text)


def test_in_xml_text_is_text() -> None:
    text = FORMATS["junit"](REPORTS["hostile all"]).decode()
    document = xml.fromstring(text)
    assert "script" not in {element.tag for element in document.iter()}
    said = next(document.iter("failure")).get("message", "")
    assert "<script>" in said and "\\x1b[2J" in said and "\\ud800" in said


def test_gradescope_is_told_that_all_of_it_is_plain_text() -> None:
    document = written("gradescope", REPORTS["hostile all"])
    assert {value for name, value in document.items() if name.endswith("_format")} == {"text"}
    assert {value for test in document["tests"] for name, value in test.items() if name.endswith("_format")} == {"text"}
    assert document["stdout_visibility"] == "hidden"


def test_autolab_takes_the_last_line_for_scores_whatever_a_student_prints() -> None:
    """Its own page also shows the lines unescaped while they come in."""
    lines = FORMATS["autolab"](REPORTS["hostile all"]).decode().splitlines()
    assert json.loads(lines[-1]) == {"scores": {"lab3-x86_64": None}}
    assert re.sub(r"([a-zA-Z0-9]+):", r'"\1":', lines[-1]) == lines[-1], "Autolab puts quotes around what looks like a bare key"
    assert sum(line.startswith('{"scores"') for line in lines) == 1


def test_a_picture_says_where_the_walk_ends() -> None:
    page = Mapping(
        0x7F00_0000, 0x5000, 0x1000, 0, True, False, False, True, False, False, "normal", True, None, 0x5003, 0x2020, ()
    )
    image = base64.b64decode(walk_picture(replace(WALK, mapping=page, fault=None)).partition(",")[2]).decode()
    assert "pa 0x5000<" in image and "a page of 0x1000 bytes, kernel rw-, user r--" in image and "fault" not in image


def test_a_picture_of_a_walk_has_no_script() -> None:
    kind, _, data = walk_picture(WALK).partition(",")
    image = xml.fromstring(base64.b64decode(data))
    assert kind == "data:image/svg+xml;base64" and {element.tag.rpartition("}")[2] for element in image.iter()} == {
        "svg", "rect", "text", "path"}  # fmt: skip
    said = " ".join(element.text or "" for element in image.iter())
    assert "index 3" in said and "unreadable" in said and "fault: not-present" in said and "\x1b" not in said
    images = [test.get("images") for test in written("prairielearn", MIXED)["tests"]]
    assert [bool(image) for image in images] == [False, False, True, False]


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("::set-env name=x::y", ": :set-env name=x::y"),
        ("a\n \u3000::warning::z", "a\n \u3000: :warning::z"),
        ("Arch::print()", "Arch::print()"),
        ("x ##[group]y", "x # #[group]y"),
        ("=1+1", "'=1+1"),
        (" \n@SUM(A1)", "' \n@SUM(A1)"),
        ("-1", "'-1"),
        ("\x00\udcff", "\\x00\\xff"),
        ("a = b", "a = b"),
    ],
)
def test_neutral(text: str, after: str) -> None:
    assert neutral(text) == after
    assert neutral(after) == after, "twice is as good as once"


def test_without_tags() -> None:
    assert without_tags("<b>") == "\u2039b\u203a"


# --- what was to be judged -----------------------------------------------------------------------------------------


def test_every_milestone_that_was_to_be_judged_is_in_the_report(tmp_path: Path) -> None:
    planned = planned_results(Tree(ROOT), foreseen(Tree(ROOT), [2], ["x86_64"]), ())
    assert sum(one.max for one in planned) == 100 and {one.lab for one in planned} == {2}
    assert {one.milestone.split(".")[0] for one in planned} == {"1", "2"} and "1.3" not in {one.milestone for one in planned}
    assert {one.max for one in planned if one.milestone.startswith("1.")} == {0}
    assert [one.milestone for one in planned_results(Tree(ROOT), foreseen(Tree(ROOT), [2], None), ["2.1"])] == ["2.1", "2.1"]
    first, second, third, *rest = planned
    left = left_of(planned, [first, second], "late")
    assert left[0].milestone == third.milestone and len(left) == len(planned) - 2 and left[0].message == "late"
    file = tmp_path / "r.json"
    with pytest.raises(ZeroDivisionError), Reports([("json", file)]) as reports:
        reports.planned, reports.results, reports.waiting = planned, [first], [second]
        raise ZeroDivisionError("ours")
    document = json.loads(file.read_text())
    assert len(document["results"]) == len(planned) - 1 and document["problem"] == "ZeroDivisionError: ours"


def test_a_title_is_the_first_line_of_the_docstring() -> None:
    with_one = '@milestone("1.2", points=5, witness="W")\ndef test_a(boot):\n    """A title.\n\n    More.\n    """\n'
    without = '@milestone("1.2", points=5, witness="W")\ndef test_a(boot):\n    pass\n'
    assert [read_milestones(text)[0].title for text in (with_one, without)] == ["A title", "1.2"]


@pytest.mark.parametrize(
    ("error", "said"), [(LadderError("no such lab"), "no such lab"), (KeyboardInterrupt(), "it was interrupted")]
)
def test_a_report_is_written_whatever_ends_the_run(tmp_path: Path, error: BaseException, said: str) -> None:
    (tmp_path / "b.json").write_text("old", encoding="utf-8")
    asked = [("json", tmp_path / "a.json"), ("check50", tmp_path / "b.json")]
    with pytest.raises(type(error)), Reports(asked):
        raise error
    assert json.loads((tmp_path / "a.json").read_text())["problem"] == said
    assert json.loads((tmp_path / "b.json").read_text())["error"]["value"] == said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "b.json"], "nothing is left beside them"


def test_files_that_cannot_be_written_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(LadderError, match="there is no folder"):
        Reports([("json", tmp_path / "none" / "r.json")])
    with pytest.raises(LadderError, match="cannot write .*/dev/full"), Reports(
        [("json", Path("/dev/full")), ("json", tmp_path / "r.json")]
    ):
        pass
    assert json.loads((tmp_path / "r.json").read_text())["problem"] == "nothing was graded"
    with pytest.raises(KeyboardInterrupt), Reports([("json", Path("/dev/full"))]):
        raise KeyboardInterrupt
    assert "cannot write /dev/full" in capsys.readouterr().err, "and what ended the run goes on"
