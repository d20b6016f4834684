"""Which kernels a run grades, and which milestones must hold on each."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grade.isa import ISAS
from grade.ladder.build import Kernel, Manner, build_all_host_tests, build_host_tests, build_kernel
from grade.ladder.labs import LadderError
from grade.ladder.trees import Tree, find_root, place_of, with_tests_of
from grade.machine.qemu_version import require
from grade.milestones import milestones_of
from grade.prepare import prepare

Prepare = Callable[[Tree, int], Path]
"""Brings the folder in which a lab is built up to date, as prepare() does."""

_FOREIGN = Path("build/foreign")
"""The folder, from our root, in which the host tests of other trees are built."""


@dataclass(frozen=True)
class Target:
    """The kernel of one lab on one ISA, from one tree."""

    lab: int
    isa: str
    root: Path
    retired: frozenset[str]
    """Earlier labs' milestones that do not hold on this lab's kernel."""
    is_submission: bool = False
    """Whether the tree is ours except for files that a student submitted, which are built under watch."""
    is_sealed: bool = False
    """Whether what the student wrote is built and run in a sandbox."""

    def __str__(self) -> str:
        return f"lab{self.lab}-{self.isa}"

    def runs(self, milestone: str) -> bool:
        """Returns whether `milestone` must hold here: it is of this lab, or of an earlier one and not retired."""
        return int(milestone.split(".")[0]) <= self.lab and milestone not in self.retired

    def kernel(self, manner: Manner = Manner(), prepared: Prepare = prepare) -> Kernel:
        """Builds and returns the kernel. BuildError if it does not build; Failure if the build read what it must not."""
        if self.is_submission:
            from grade.submission.watched_build import watched_kernel  # only main has it

            return watched_kernel(self.root, self.isa, manner, sealed=self.is_sealed)
        return build_kernel(prepared(Tree(self.root), self.lab), self.isa, manner=manner)

    def host_tests(self, program: str) -> Path:
        """Builds one program of host tests in the same way. They come from this tree even if another one is graded."""
        if self.is_submission:
            from grade.submission.watched_build import watched_host_tests

            return watched_host_tests(self.root, program, sealed=self.is_sealed)
        return build_host_tests(self._with_our_tests(prepare), program)

    def check_unchanged(self, program: str | None = None) -> None:
        """Raises NotAsBuilt if a submission's kernel, or a program of host tests, is no longer what was built."""
        if self.is_submission:
            from grade.submission.watched_build import check_unchanged

            check_unchanged(self.root, program or self.isa)

    def around_engine(self, engine: Path) -> list[str]:
        """Returns a command that runs the engine of a program of host tests; none if nothing has to."""
        if not self.is_submission:
            return []
        from grade.submission.nobody import as_nobody
        from grade.submission.sandbox import around_engine

        return around_engine(engine) if self.is_sealed else as_nobody(engine)

    def around_qemu(self, kernel: Path, *others: Path) -> tuple[str, ...]:
        """Returns what QEMU is started in to boot this kernel, and read other files; nothing if nothing has to be."""
        if not self.is_sealed:
            return ()
        from grade.submission.sandbox import around_qemu

        return around_qemu(kernel, require(self.isa), *others)

    @property
    def memory(self) -> Path:
        """The folder that remembers how programs of host tests ran. Submissions and other trees do not share this tree's."""
        own = find_root(Path(__file__))
        if self.is_submission:
            return self.root.parent / "ran"
        if self.root == own:
            return own / "build" / "ran"
        return place_of(self.root, own / _FOREIGN) / "build" / "ran"  # not in that tree, where others write

    def all_host_tests(
        self, programs: Sequence[str], manner: Manner, prepared: Prepare = prepare
    ) -> Mapping[str, Path | Exception]:
        """Builds these programs; returns each, or why there is none."""
        if self.is_submission:
            from grade.submission.watched_build import all_watched_host_tests

            return all_watched_host_tests(self.root, programs, manner, sealed=self.is_sealed)
        return build_all_host_tests(self._with_our_tests(prepared), programs, manner=manner)

    def _with_our_tests(self, prepared: Prepare) -> Path:
        """Returns the folder in which host tests are built."""
        own = Tree(find_root(Path(__file__)))
        tree = prepared(Tree(self.root), self.lab)
        if self.root == own.root:
            return tree
        return with_tests_of(prepared(own, self.lab), tree, own.root / _FOREIGN)


@dataclass(frozen=True)
class Plan:
    """All targets of a run."""

    targets: tuple[Target, ...]


def plan(tree: Tree, tests: Tree, labs: Sequence[int] | None, isas: Sequence[str] | None, folders: Sequence[Path] = ()) -> Plan:
    """Returns the targets in `tree` for the requested labs and ISAs, with the labs of `tests`.

    Without labs: those whose folder is among `folders` (as in `pytest labs/1-identity-map`); else all that have tests;
    in a handed-out tree the one that it is of. Raises LadderError for a lab that does not exist.
    """
    if not (tree.root / "kernel").is_dir():
        raise LadderError(f"{tree.root} is not a Pagewalk tree: there is no kernel/ in it")
    graded = graded_labs(tests)
    if not labs:
        named = {match[1] for folder in folders if (match := re.search(r"labs/(\d+)-", f"{folder.resolve()}/"))}
        labs = [tree.lab] if tree.course else sorted(int(number) for number in named) or graded
    for lab in labs:
        if lab not in graded:
            known = ", ".join(str(number) for number in graded)
            raise LadderError(f"there is no lab {lab} to grade, only {known}")
        if lab > tree.lab:
            raise LadderError(f"{tree.root} goes up to lab {tree.lab}; it cannot be graded as lab {lab}")
        if tree.course and lab < tree.lab:
            raise LadderError(
                f"this is the tree of lab {tree.lab}: lab {lab}'s own points were given on lab {lab}'s tree, "
                f"and its milestones are run again here with lab {tree.lab}: ./pagewalk grade"
            )
    chosen = [isa for isa in tree.isas if not isas or isa in isas]
    if not chosen:
        raise LadderError(f"this tree is for {', '.join(tree.isas)} only")
    return Plan(tuple(Target(lab, isa, tree.root, _retired(tests, lab)) for lab in labs for isa in chosen))


def foreseen(tests: Tree, labs: Sequence[int], isas: Sequence[str] | None) -> list[Target]:
    """Returns the targets of a submission that has not been read yet. What they would build is not there."""
    chosen = [isa for isa in ISAS if not isas or isa in isas]
    return [Target(lab, isa, tests.root, _retired(tests, lab), True) for lab in labs for isa in chosen]


def plan_submission(folder: Path, tests: Tree, labs: Sequence[int], isas: Sequence[str] | None) -> Plan:
    """Returns the targets for a submission that is laid out in `folder`, a tree lab-N for each lab."""
    from grade.submission.laid_out import description_of, tree_in  # only main has it

    chosen = [isa for isa in ISAS if not isas or isa in isas]
    sealed = bool(description_of(folder)["sealed"])
    return Plan(
        tuple(Target(lab, isa, tree_in(folder, lab), _retired(tests, lab), True, sealed) for lab in labs for isa in chosen)
    )


def graded_labs(tree: Tree) -> list[int]:
    """Returns the labs that have milestones, in climbing order."""
    return [lab.number for lab in tree.labs if any(lab.folder.glob("test_*.py"))]


def milestones_for(tests: Tree, targets: Plan) -> list[str]:
    """Returns the numbers of the milestones in `tests` that must hold on at least one target, in the labs' order."""
    return [number for number in all_milestones(tests) if any(target.runs(number) for target in targets.targets)]


def all_milestones(tests: Tree) -> list[str]:
    """Returns the numbers of the milestones in `tests`, in the labs' order."""
    return [milestone.number for milestone in milestones_of(tests.labs)]


def _retired(tree: Tree, lab: int) -> frozenset[str]:
    return frozenset(number for known in tree.labs if known.number <= lab for number in known.retires)
