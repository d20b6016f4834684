"""What to do next: the last lines of `grade` and of `status`."""

from collections.abc import Sequence

from grade.ladder.git import GitError, Repository
from grade.ladder.trees import Tree
from grade.results.causes import OF_THE_END
from grade.results.result import Result, Status
from grade.student.kept import Kept
from grade.student.owned import missing_files
from grade.student.packed import packed_in
from grade.student.remaining import Remaining, find_remaining

_DOES_NOT_COMPILE = "does-not-compile"
_VAGUE = OF_THE_END | {"kernel-check-failed", "wrong-answer"}
"""Causes that say what went wrong, and not why."""


def points_line(lab: int, kept: Sequence[Kept]) -> str:
    """Returns the points so far, ISA by ISA, and what of earlier labs has no points here and must hold all the same."""
    parts = (f"{one.points:g} of {one.most:g} points on {one.isa}" for one in kept)
    failed = {result.milestone for one in kept for result in one.results if result.status is Status.FAILED}
    earlier = [number for number in failed if not number.startswith(f"{lab}.")]
    broken = ", ".join(sorted(earlier, key=lambda number: [int(part) for part in number.split(".")]))
    return f"Lab {lab}: {', '.join(parts)}." + (f" Of earlier labs, {broken} must still hold, and does not." if broken else "")


def to_put_back(tree: Tree) -> list[str]:
    """Returns what to do if a student's file is missing, without which nothing builds; else nothing."""
    missing = missing_files(tree)
    if not missing:
        return []
    are = "is missing, and is one of your files" if len(missing) == 1 else "are missing, and are files of yours"
    return [f"First: {', '.join(missing)} {are}. As committed last:", f"  git checkout HEAD -- {' '.join(missing)}"]


def next_steps(tree: Tree, results: Sequence[Result]) -> list[str]:
    """Returns a few lines for a student with these results of the tree's own lab, all of them or the ones just graded."""
    if lines := to_put_back(tree):
        return lines
    wrong = [result for result in results if result.status is not Status.PASSED]
    wrong.sort(key=lambda result: (*urgency(result), tree.isas.index(result.isa)))
    if not wrong:
        return _after_all_passed(tree)
    first = wrong[0]
    match first.status:
        case Status.ERROR:
            return [f"The grader could not judge {_name(first)}. Try it again: {_grade_again(first)}"]
        case Status.TODO:
            return _to_write(tree, first)
    if first.cause == _DOES_NOT_COMPILE:
        return [f"First make it build: {(first.verdict.error or first.message).splitlines()[0]}"]
    return _to_look_at(tree, first)


def first_steps(tree: Tree) -> list[str]:
    """Returns the next steps if nothing was graded yet."""
    lines = [f"Lab {tree.lab} was not graded here yet. Next:"]
    handout = tree.labs[-1]
    if remaining := [one for one in find_remaining(tree) if one.lab == handout.number]:
        lines.append(f"  read {handout.prefix}README.md, and write {remaining[0].function} at {remaining[0].place}")
    return [*lines, "  ./pagewalk grade"]


def urgency(result: Result) -> tuple[bool, bool, int, int, int]:
    """Returns a sort key: first what does not build; then what fails for a reason that is known, this lab's before others'.

    Then what fails and says only how a run ended, and at last what is still to be written or could not be judged.
    """
    lab, number = (int(part) for part in result.milestone.split("."))
    waits = result.status is Status.TODO and lab < result.lab
    return (result.cause != _DOES_NOT_COMPILE, waits, _rank(result, is_todays=lab == result.lab), lab, number)


def _rank(result: Result, *, is_todays: bool) -> int:
    """Returns how little a result tells a student."""
    if result.status is not Status.FAILED:
        return 4
    return (2 if result.cause in _VAGUE else 0) + (0 if is_todays else 1)


def _to_write(tree: Tree, result: Result) -> list[str]:
    function = result.verdict.function or ""
    first = _first_to_write(function, result.isa, find_remaining(tree))
    if first is None:
        return [f"{_name(result)} waited for {function}, which is not a placeholder any more: ./pagewalk grade"]
    before = f", and then {function}, for which this waits" if first.function != function else ""
    handout = next((f"{lab.prefix}README.md" for lab in tree.labs if lab.number == first.lab), "the handout")
    return [
        f"Next: {_name(result)}.",
        f"  write {first.function} at {first.place}{before}; what it must do is in the comment there and in {handout}",
    ]


def _first_to_write(function: str, isa: str, remaining: Sequence[Remaining]) -> Remaining | None:
    """Returns the first unwritten function, in the kernel for `isa`, of the lab whose `function` the kernel met."""
    here = [one for one in remaining if one.file.startswith(f"arch/{isa}/") or not one.file.startswith("arch/")]
    met = next((one for one in here if one.function == function), None)
    return met and next(one for one in here if one.lab == met.lab)


def _to_look_at(tree: Tree, result: Result) -> list[str]:
    lab = int(result.milestone.split(".")[0])
    if lab < tree.lab:
        lines = [f"First: {_name(result)} fails. It is lab {lab}'s, and must still hold."]
    else:
        lines = [f"First: {_name(result)} fails."]
    verdict = result.verdict
    lines.append(f"  cause {verdict.cause}" + (f", look at {verdict.file}" if verdict.file is not None else ""))
    lines.append(f"  {_grade_again(result)} shows it again")
    if "explain" in verdict.commands:
        lines.append(f"  {verdict.commands['explain']} tells what went wrong first, and why")
    if "gdb" in verdict.commands:
        lines.append(f"  {verdict.commands['gdb']} goes to where it failed")
    return lines


def _name(result: Result) -> str:
    return f"{result.milestone} on {result.isa} ({result.title})"


def _grade_again(result: Result) -> str:
    return f"./pagewalk grade --milestone {result.milestone} --isa {result.isa}"


# --- a lab that is done --------------------------------------------------------------------------------------


def _after_all_passed(tree: Tree) -> list[str]:
    repository = Repository(tree.root)
    archive = packed_in(tree)
    packed = f", and {archive.name} has your files as they are" if archive is not None else ""
    done = f"Every milestone of lab {tree.lab} passes{packed}."
    lines: list[str] = []
    if repository.ask("status", "--porcelain", "--untracked-files=no"):
        lines.append(f'  git commit -a -m "Lab {tree.lab}"')
    if not packed:
        lines.append("  ./pagewalk submit")
    if tree.is_last:
        return [f"{done} Next:" if lines else done, *lines, "That was the last lab. Well done."]
    lines.insert(0, f"{done} Next:")
    following = f"lab{tree.lab + 1}"
    branch = _branch(repository, following)
    if branch is None:
        where = f"git knows no branch {following} yet; after a git fetch it may"
        return [*lines, f"Lab {tree.lab + 1} comes from your instructor: {where}."]
    fetch = ["  git fetch"] if branch != following else []
    return [*lines, *fetch, f"  git merge {branch}"]


def _branch(repository: Repository, name: str) -> str | None:
    """Returns git's name for the branch: its own, or that of a remote repository."""
    try:
        known = repository.run("for-each-ref", "--format=%(refname:lstrip=2)", f"refs/heads/{name}", "refs/remotes")
    except GitError:
        return None
    names = known.splitlines()
    remote = (one for one in names if one.partition("/")[2] == name)
    if name in names:
        return name
    return next(remote, None)
