"""Kernels that are broken on purpose: one change, the symptom, and what it does to milestones.

The header of such a patch says what must come of it; the diff after it is one that `git apply` takes:

    Symptom: what the student sees, without giving the cause away; more lines
        are indented.
    ISAs: NAME NAME                 those on which it is one
    Fails: 1.3 1.8                  milestones that must fail on the kernel of lab N
    Cause: vectors-not-mapped       what the first of them must name; Cause-NAME: ... where ISAs differ
    From: L1.01                     where the bug was met first; `own` if in our own work
"""

from dataclasses import dataclass
from pathlib import Path

from grade.diagnosis.causes import CAUSES
from grade.isa import ISAS
from grade.ladder.labs import Lab
from grade.practice.patch import Patch, PatchError, read_header

_FIELDS = ("Symptom", "ISAs", "Fails", "Cause", *(f"Cause-{isa}" for isa in ISAS), "From")


@dataclass(frozen=True)
class Bug(Patch):
    """One planted bug. `causes` is by ISA; `packed` is its text where it has no file of its own."""

    symptom: str
    fails: tuple[str, ...]
    causes: dict[str, str]
    source: str
    packed: str | None = None

    @property
    def text(self) -> str:
        """All of it, header and diff."""
        return self.packed if self.packed is not None else super().text


def read_bug(path: Path, lab: Lab, name: str = "", text: str | None = None) -> Bug:
    """The bug that a patch is. PatchError if its header is wrong. Name and text are the file's unless they are given."""
    header = read_header(path, _FIELDS, text)
    isas = header.words("ISAs", ISAS)
    causes = {isa: header.field(f"Cause-{isa}" if f"Cause-{isa}" in header.fields else "Cause") for isa in isas}
    for field, value in header.fields.items():
        if field.startswith("Cause") and value not in CAUSES:
            raise PatchError(path, header.lines[field], f"{field}: {value} is not in grade/diagnosis/causes.py")
    return Bug(
        name=name or path.stem,
        lab=lab.number,
        path=path,
        isas=isas,
        symptom=header.field("Symptom"),
        fails=header.milestones("Fails", lab),
        causes=causes,
        source=header.field("From"),
        packed=text,
    )
