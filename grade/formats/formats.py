"""The formats by their names."""

from collections.abc import Callable, Mapping

from grade.formats.autolab import autolab
from grade.formats.check50 import check50
from grade.formats.github import github
from grade.formats.gradescope import gradescope
from grade.formats.prairielearn import prairielearn
from grade.formats.report import Report
from grade.results.files import json_text, junit_bytes


def _junit(report: Report) -> bytes:
    return junit_bytes(report.results, report.problem)


def _json(report: Report) -> bytes:
    return json_text(report.results, report.seed, report.submission, report.problem).encode("ascii")


FORMATS: Mapping[str, Callable[[Report], bytes]] = {
    "gradescope": gradescope,
    "github": github,
    "autolab": autolab,
    "prairielearn": prairielearn,
    "check50": check50,
    "junit": _junit,
    "json": _json,
}
"""Each returns the whole content of the file."""
