"""A walk as plain data, for JSON, and back. Addresses and entries are hexadecimal: JSON's numbers lose bits beyond 53."""

from __future__ import annotations

from collections.abc import Mapping as Document
from dataclasses import asdict
from typing import Any

from grade.walker.entry import Field
from grade.walker.model import Mapping, Step, Walk

_WIDE = ("va", "pa", "entry", "entry_address")


def walk_as_data(walk: Walk) -> dict[str, Any]:
    """Returns the walk with its levels, each with the entry that was read, and the page, if it ends in one."""
    return {
        "va": hex(walk.va),
        "pa": _text(walk.pa),
        "root": _text(walk.root),
        "levels": [_step_as_data(step) for step in walk.steps],
        "page": None if walk.mapping is None else _page_as_data(walk.mapping),
        "fault": walk.fault,
        "detail": walk.detail,
    }


def walk_from_data(document: Document[str, Any]) -> Walk:
    """Returns the walk that became `document`. LookupError, TypeError or ValueError if it is none."""
    return Walk(
        va=int(document["va"], 16),
        root=_number(document["root"]),
        steps=tuple(map(_step_from_data, document["levels"])),
        mapping=None if document["page"] is None else _page_from_data(document["page"]),
        fault=document["fault"],
        detail=document["detail"],
    )


def _step_as_data(step: Step) -> dict[str, Any]:
    return {
        "level": step.level,
        "name": step.name,
        "table": hex(step.table),
        "index": step.index,
        "at": hex(step.entry_address),
        "entry": _text(step.entry),
        "kind": step.kind,
        "bits": [asdict(bit) for bit in step.bits],
    }


def _step_from_data(document: Document[str, Any]) -> Step:
    # A field knows what each of its values would mean; here only the one value and its meaning are known.
    fields = (Field(bit["name"], bit["low"], bit["width"], (bit["meaning"],)) for bit in document["bits"])
    return Step(
        level=document["level"],
        table=int(document["table"], 16),
        index=document["index"],
        entry_address=int(document["at"], 16),
        entry=_number(document["entry"]),
        kind=document["kind"],
        fields=tuple(fields),
        name=document["name"],
    )


def _page_as_data(page: Mapping) -> dict[str, Any]:
    return {**asdict(page), **{name: hex(getattr(page, name)) for name in _WIDE}}


def _page_from_data(document: Document[str, Any]) -> Mapping:
    wide = {name: int(document[name], 16) for name in _WIDE}
    fields: dict[str, Any] = {**document, **wide, "restricted_by": tuple(document["restricted_by"])}
    return Mapping(**fields)


def _text(number: int | None) -> str | None:
    return None if number is None else hex(number)


def _number(text: str | None) -> int | None:
    return None if text is None else int(text, 16)
