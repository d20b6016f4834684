"""The picture as one file for a browser: it needs no network, no other file, and no build."""

import base64
import hashlib
import json
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from grade.boot.sight import Sight
from grade.ladder.files import write_whole
from grade.view.picture import Picture, Subject, first_walk, picture_of
from grade.view.ram import LEGEND, WRONG, FrameRun
from grade.view.ranges import PictureRange

_FOLDER = Path(__file__).parent
_SCRIPTS = ("facts.js", "walk.js", "map.js", "frames.js", "page.js")
_AS_ROWS = (FrameRun, PictureRange)  # there are thousands: the names of their fields are written only once


def write_page(guest: Sight, subject: Subject, path: Path) -> Picture:
    """Writes the picture of a stopped guest, and returns what is in it. LadderError if the file cannot be written."""
    picture = picture_of(guest, subject)
    write_whole(path, page_text(picture, subject, "\n".join(first_walk(guest, picture))).encode())
    return picture


def page_text(picture: Picture, subject: Subject, walk: str = "") -> str:
    """Returns the page. `walk` is the first walk in words, for a browser that runs no scripts."""
    script = _script()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _template().render(
        picture=picture, subject=subject, facts=_json(picture), style=_style(), script=script, digest=digest, walk=walk,
        legend=LEGEND, wrong=WRONG,
    )  # fmt: skip


def _json(picture: Picture) -> str:
    """Returns what the scripts read. Nothing in it can end the element that contains it."""
    facts = {**vars(picture), "legend": LEGEND, "wrong_letters": WRONG}
    for name in ("title", "where", "facts", "findings", "serial", "problems"):  # the template contains these
        del facts[name]
    text = json.dumps(facts, default=_fields, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _fields(value: object) -> dict[str, object]:
    fields = {name: value for name, value in vars(value).items() if not name.startswith("_")}
    for name, rows in fields.items():
        if isinstance(rows, (list, tuple)) and rows and isinstance(rows[0], _AS_ROWS):
            fields[name] = {"columns": list(vars(rows[0])), "rows": [list(vars(row).values()) for row in rows]}
        elif name in ("all", "runs") and isinstance(rows, (list, tuple)) and not rows:
            fields[name] = {"columns": [], "rows": []}
    return fields


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("page.html.j2")


@cache
def _script() -> str:
    parts = [(_FOLDER / name).read_text(encoding="utf-8").replace('"use strict";\n', "") for name in _SCRIPTS]
    return '"use strict";\n' + "\n".join(parts)


@cache
def _style() -> str:
    return (_FOLDER / "page.css").read_text(encoding="utf-8")
