"""The state of a handed-out tree: all that is known about it without grading it."""

from dataclasses import dataclass

from grade.ladder.trees import Tree
from grade.results.result import Result, Status
from grade.student.given import changed_given_files
from grade.student.kept import Kept, load, source_digests
from grade.student.next_step import first_steps, next_steps, to_put_back
from grade.student.remaining import Remaining, find_remaining


@dataclass(frozen=True)
class Standing:
    """A handed-out tree, what was kept of its gradings, and what was done since."""

    tree: Tree
    kept: dict[tuple[int, str], Kept]
    """By lab and ISA. An earlier lab has the results of its own tree."""
    changed: list[str]
    """Sources that have changed since all milestones of the tree's own lab were last graded."""

    @property
    def current(self) -> list[Kept]:
        """What was kept of the tree's own lab, ISA by ISA."""
        return [one for (lab, _), one in self.kept.items() if lab == self.tree.lab]

    @property
    def wrong(self) -> list[Result]:
        """The milestones that did not pass then, without those that only wait for code."""
        results = (result for one in self.current for result in one.results)
        judged = (result for result in results if result.status in (Status.FAILED, Status.ERROR))
        return sorted(judged, key=lambda result: result.sort_key)

    @property
    def given_changed(self) -> list[str]:
        """The given files that differ from how they were handed out, as far as git knows."""
        return changed_given_files(self.tree)

    @property
    def remaining(self) -> list[Remaining]:
        """What is still to be written."""
        return find_remaining(self.tree)

    @property
    def next(self) -> list[str]:
        """What to do now, in a few lines."""
        if lines := to_put_back(self.tree):
            return lines
        if not self.current:
            return first_steps(self.tree)
        if self.changed or not all(one.complete for one in self.current):
            return ["Next: ./pagewalk grade"]
        results = [result for one in self.current for result in one.results]
        missing = [isa for isa in self.tree.isas if (self.tree.lab, isa) not in self.kept]
        if missing and all(result.status is Status.PASSED for result in results):
            return [f"Next: ./pagewalk grade --isa {missing[0]}"]
        return next_steps(self.tree, results)


def look_at(tree: Tree) -> Standing:
    """Reads what was kept, and compares the sources with what was graded."""
    numbered = {(lab.number, isa): load(tree, lab.number, isa) for lab in tree.labs for isa in tree.isas}
    kept = {key: one for key, one in numbered.items() if one is not None}
    changed: set[str] = set()
    for isa in tree.isas:
        if (one := kept.get((tree.lab, isa))) is not None:
            changed.update(one.changed(source_digests(tree, isa)))
    return Standing(tree, kept, sorted(changed))
