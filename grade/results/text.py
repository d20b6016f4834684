"""A verdict as the text that a student reads."""

from collections.abc import Sequence

from grade.results.causes import CAUSES
from grade.results.verdict import Verdict
from grade.visible import visible
from grade.walker import explain

_LONGEST = 160
_COMMANDS = {"gdb": "try", "explain": "explain"}


def verdict_text(verdict: Verdict) -> str:
    """Returns everything about a milestone not passed: expected, seen, the walk, the cause, where to look; or what to write."""
    return visible("\n".join([*_reason(verdict), *_more(verdict), *verdict.notes]))


def _reason(verdict: Verdict) -> list[str]:
    if verdict.function is not None:
        return [f"not written yet: {verdict.function}"]
    if verdict.error is not None:
        return verdict.error.splitlines()
    if verdict.cause is None:
        return []
    lines = [f"expected   {verdict.expected}", f"seen       {verdict.seen}"]
    if verdict.walk is not None:
        lines += _labelled("the walk", explain(verdict.walk).splitlines())
    lines.append(f"cause      {verdict.cause}: {CAUSES[verdict.cause].meaning} (docs/causes.md)")
    if verdict.file is not None:
        lines.append(f"look at    {verdict.file}")
    return lines


def _more(verdict: Verdict) -> list[str]:
    lines = _labelled("last words", [line[:_LONGEST] for line in verdict.last_words])
    lines += [f"{_COMMANDS[verb]:10} {command}" for verb, command in verdict.commands.items()]
    return lines + ([f"picture    {verdict.picture}"] if verdict.picture is not None else [])


def _labelled(label: str, lines: Sequence[str]) -> list[str]:
    return [f"{label if i == 0 else '':10} {line}" for i, line in enumerate(lines)]
