"""Kernels that are broken on purpose: one change, its symptom, and its effect on milestones.

The header of such a patch says what must come of it; the diff after it is one that `git apply` takes:

    Symptom: what the student sees, without giving the cause away; more lines
        are indented.
    ISAs: NAME NAME                 those on which it is one
    Fails: 1.3 1.8                  milestones that must fail on the kernel of lab N
    Cause: vectors-not-mapped       what the first of them must name; Cause-NAME: ... where ISAs differ
    Also: 1.8 frames-not-mapped     what others of them must name, by pairs; may be left out
    From: L1.01                     where the bug was met first; `own` if in our own work
"""

from dataclasses import dataclass
from pathlib import Path

from grade.isa import ISAS
from grade.ladder.labs import Lab
from grade.patches.patch import Header, Patch, PatchError, read_header
from grade.results.causes import CAUSES

_FIELDS = ("Symptom", "ISAs", "Fails", "Cause", *(f"Cause-{isa}" for isa in ISAS), "Also", "From")


@dataclass(frozen=True)
class Bug(Patch):
    """One planted bug. `causes` is by ISA, `also` by further milestones; `packed` is its text if it has no file of its own."""

    symptom: str
    fails: tuple[str, ...]
    causes: dict[str, str]
    also: dict[str, str]
    source: str
    packed: str | None = None

    @property
    def text(self) -> str:
        """The whole text, header and diff."""
        return self.packed if self.packed is not None else super().text


def read_bug(path: Path, lab: Lab, name: str = "", text: str | None = None) -> Bug:
    """Reads the bug from a patch. PatchError if its header is wrong. Name and text are the file's unless they are given."""
    header = read_header(path, _FIELDS, text)
    isas = header.words("ISAs", ISAS)
    causes = {isa: header.field(f"Cause-{isa}" if f"Cause-{isa}" in header.fields else "Cause") for isa in isas}
    for field, value in header.fields.items():
        if field.startswith("Cause"):
            _refuse_unknown(header, field, value)
    fails = header.milestones("Fails", lab)
    return Bug(
        name=name or path.stem,
        lab=lab.number,
        path=path,
        isas=isas,
        symptom=header.field("Symptom"),
        fails=fails,
        causes=causes,
        also=_also(header, fails),
        source=header.field("From"),
        packed=text,
    )


def _also(header: Header, fails: tuple[str, ...]) -> dict[str, str]:
    words = header.fields.get("Also", "").split()
    pairs = dict(zip(words[::2], words[1::2], strict=False))
    for number, cause in pairs.items():
        if number not in fails[1:]:
            raise PatchError(header.path, header.lines["Also"], f"Also: {number} is not in Fails, or is the first there")
        _refuse_unknown(header, "Also", cause)
    if len(words) % 2:
        raise PatchError(header.path, header.lines["Also"], f"Also: {words[-1]} has no cause after it")
    return pairs


def _refuse_unknown(header: Header, field: str, cause: str) -> None:
    if cause not in CAUSES:
        raise PatchError(header.path, header.lines[field], f"{field}: {cause} is not in grade/results/causes.py")
