"""The pages of a class: one file each for a browser, which needs nothing else."""

import html
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from grade.results.report import by_reason, failure_lines
from grade.results.result import Result, Status
from grade.visible import visible

_FOLDER = Path(__file__).parent


def render(name: str, **values: Any) -> bytes:
    """Returns the page made from the template `name`. All text in it is shown as text, whatever it contains."""
    return _template(name).render(style=_style(), **values).encode(errors="replace")


def isas_of(results: Sequence[Result]) -> list[str]:
    """Returns the ISAs in the results, in their order."""
    return list(dict.fromkeys(result.isa for result in results))


def by_milestone(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Returns a row for each milestone: its number, its title, and its result on each ISA or None."""
    rows: dict[tuple[int, str], dict[str, Any]] = {}
    isas = isas_of(results)
    for result in sorted(results, key=lambda result: result.sort_key):
        row = rows.setdefault(
            (result.lab, result.milestone),
            {"milestone": result.milestone, "title": result.title, "results": [None] * len(isas)},
        )
        row["results"][isas.index(result.isa)] = result
    return list(rows.values())


def failures_of(results: Sequence[Result]) -> list[dict[str, str]]:
    """Returns each reason once, under the milestones that it costs, as title and text."""
    ordered = sorted(results, key=lambda result: result.sort_key)
    groups = by_reason([result for result in ordered if result.status in (Status.FAILED, Status.ERROR)])
    listed = []
    for group in groups:
        title, *lines = (line.plain for line in failure_lines(group[0], group[1:]))
        listed.append({"title": visible(title), "text": "\n".join(line.removeprefix("  ") for line in lines)})
    return listed


def picture_policy(picture: str) -> str:
    """Returns what a page that contains this picture must permit, for the picture to permit itself: its scripts' digest."""
    found = re.search(r'Content-Security-Policy"\s+content="([^"]*)"', picture)
    directives = html.unescape(found[1]).split(";") if found is not None else []
    return "; ".join(one.strip() for one in directives if one.strip().startswith("script-src"))


@cache
def _template(name: str) -> Template:
    loader = FileSystemLoader(_FOLDER)
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True).get_template(name)


@cache
def _style() -> str:
    return (_FOLDER / "style.css").read_text(encoding="utf-8")
