"""Variants: right solutions that differ from the reference, and must pass all the same.

labs/N-name/variants/*.patch are changes of main that write the code of lab N in another way. A milestone that fails on
one demands more than the handout does. A header, then a diff that `git apply` takes:

    Variant: one sentence that says what is done differently; more lines
        are indented.
    ISAs: NAME NAME
    Loses: 1.9                      optional: milestones that it may rightly fail, and must

A folder beside the patches is a whole set: every file that a student writes, up to that lab, by somebody who had the handouts
alone. Its variant.txt has the header of a patch, and one more field; the files stand below it as they do in the tree.

    Labs: 1 6                       the labs on whose kernels it is graded, each with what is written by then

All milestones that hold on that kernel are run, but for those that cannot meet what the variant changes: host tests of
earlier labs that judge no such file, milestones of labs without processes, or without a fork, where only what processes,
or forks, are made with is changed. A milestone of host tests alone is run for the first ISA only.
"""

import shutil
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grade.checks.host_tests import JUDGED_FILES
from grade.course.patches import grade_planted
from grade.isa import ISAS
from grade.ladder.labs import Lab, load_labs, owner_of
from grade.milestones import Milestone, milestones_of
from grade.patches.patch import Patch, PatchError, patches_in, read_header
from grade.results.result import Status
from grade.submission.selection import owned_paths

_ENGINE = "kernel/paging/"
"""Every root is made with it."""
_MET_FROM = {3: 3, 4: 3, 5: 3, 6: 6}
"""By the lab that owns a file: no milestone of labs 1 and 2 runs a process, and none before lab 6 forks one."""


@dataclass(frozen=True)
class Variant(Patch):
    """One right solution."""

    sentence: str
    loses: tuple[str, ...]


@dataclass(frozen=True)
class WholeSet(Variant):
    """All that a student writes up to `lab`, in a hand of their own: `path` is a folder with the files."""

    files: tuple[str, ...]

    def changed_files(self) -> set[str]:
        """Returns the files that it replaces."""
        return set(self.files)

    def apply(self, into: Path) -> None:
        """Puts the files in the place of those in `into`."""
        for name in self.files:
            shutil.copyfile(self.path / name, into / name)


@dataclass(frozen=True)
class Marks:
    """The results of a variant: which milestones were to run and did, which did not pass, and what was printed."""

    asked: frozenset[str]
    ran: frozenset[str]
    failed: frozenset[str]
    messages: str


def load_variants(tree: Path) -> list[Variant]:
    """Returns all variants of the tree, by lab and name. PatchError if a header is wrong."""
    labs = load_labs(tree)
    sets = [
        one for lab in labs for header in sorted((lab.folder / "variants").glob("*/variant.txt")) for one in _sets(header, labs)
    ]
    return sorted([*(_read_variant(path, lab) for path, lab in patches_in(tree, "variants")), *sets], key=lambda one: one.lab)


def grade(tree: Path, variant: Variant) -> dict[str, Marks]:
    """Plants the variant and runs its milestones with the tests of `tree`, on each of its ISAs."""
    asked = asked_of(tree, variant)
    return {isa: _marks(asked, results) for isa, results in grade_planted(tree, variant, sorted(asked)).items()}


def _marks(asked: frozenset[str], results: dict[str, dict[str, Any]]) -> Marks:
    failed = {number: result for number, result in results.items() if result["status"] != Status.PASSED}
    messages = [f"{number}: {result['cause'] or ''}\n{result['message']}" for number, result in failed.items()]
    return Marks(asked, frozenset(results), frozenset(failed), "\n\n".join(messages))


def asked_of(tree: Path, variant: Variant) -> frozenset[str]:
    """Returns a variant's milestones: its lab's, and the earlier ones that no lab up to this one has retired."""
    labs = [known for known in load_labs(tree) if known.number <= variant.lab]
    retired = {number for known in labs for number in known.retires}
    is_judged = not JUDGED_FILES.isdisjoint(variant.changed_files())
    first = _first_that_meets(labs, variant.changed_files())

    def is_run(known: Milestone) -> bool:
        lab = int(known.number.split(".")[0])
        can_tell = is_judged if "H" in known.witness else lab >= first
        return known.number not in retired and (can_tell or lab == variant.lab)

    return frozenset(known.number for known in milestones_of(labs) if is_run(known))


def _first_that_meets(labs: Sequence[Lab], files: Collection[str]) -> int:
    """Returns the first lab whose milestones run code of these files on the kernel of a later one."""
    owners = [owner_of(list(labs), file) for file in files]
    if any(file.startswith(_ENGINE) for file in files):
        return 1
    return min(_MET_FROM.get(owner.number, 1) if owner is not None else 1 for owner in owners)


def _read_variant(path: Path, lab: Lab) -> Variant:
    header = read_header(path, ("Variant", "ISAs", "Loses"))
    return Variant(
        name=path.stem,
        lab=lab.number,
        path=path,
        isas=header.words("ISAs", ISAS),
        sentence=header.field("Variant"),
        loses=header.milestones("Loses", lab) if "Loses" in header.fields else (),
    )


def _sets(file: Path, labs: Sequence[Lab]) -> Iterator[WholeSet]:
    """Yields the whole set with that header as a variant of each lab that it names. PatchError if a file is not there."""
    header = read_header(file, ("Variant", "ISAs", "Labs"), has_diff=False)
    isas = header.words("ISAs", ISAS)
    for number in header.words("Labs", [str(lab.number) for lab in labs]):
        files = tuple(owned_paths([lab for lab in labs if lab.number <= int(number)], isas))
        if missing := [name for name in files if not (file.parent / name).is_file()]:
            raise PatchError(file, header.lines["Labs"], f"Labs: lab {number} has {missing[0]} written, which is not here")
        name, sentence = f"{file.parent.name}-{number}", header.field("Variant")
        yield WholeSet(name, int(number), file.parent, isas, sentence, (), files)
