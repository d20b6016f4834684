"""grade/course/bugs.py and patches.py themselves: headers are read and checked, diffs must fit, and a check can fail."""

from dataclasses import replace
from pathlib import Path

import pytest

from grade.course import bugs
from grade.course.bugs import Finding, check
from grade.cutting.planted import plant
from grade.ladder.trees import Tree, find_root
from grade.patches.bug import Bug
from grade.patches.bugs import load_bugs
from grade.patches.patch import PatchError

ROOT = find_root(Path(__file__))
HEADER = """\
Symptom: It works,
    and then it does not.
ISAs: x86_64 aarch64
Fails: 1.3 1.8
Cause: vectors-not-mapped
Cause-aarch64: recursive-vector
From: own
"""
FILE = "kernel/main.cc"
DIFF = f"""
diff --git a/{FILE} b/{FILE}
--- a/{FILE}
+++ b/{FILE}
@@ -1,3 +1,3 @@
-// Boot order, one call per line. arch/<isa>/boot.S calls the two functions, one after the other.
+// Boot order.
 #include "arch/arch.h"
 #include "arch/boot.h"
"""


def read(folder: Path, text: str) -> Bug:
    """Returns the one bug of a tree that has one lab and this patch."""
    lab = folder / "labs" / "1-map"
    (lab / "bugs").mkdir(parents=True)
    (lab / "lab.toml").write_text('number = 1\ntitle = "Map"\nowned = []\nadds = []\nretires = []\n', encoding="utf-8")
    (lab / "bugs" / "odd.patch").write_text(text, encoding="utf-8")
    [bug] = load_bugs(folder)
    return bug


def test_a_header_is_read(tmp_path: Path) -> None:
    bug = read(tmp_path, HEADER + DIFF)
    assert (bug.name, bug.lab, bug.source, bug.fails) == ("odd", 1, "own", ("1.3", "1.8"))
    assert bug.symptom == "It works, and then it does not."
    assert bug.causes == {"x86_64": "vectors-not-mapped", "aarch64": "recursive-vector"}
    assert bug.also == {}
    text = HEADER.replace("From: own", "Also: 1.8 recursive-vector\nFrom: own")
    assert read(tmp_path / "another", text + DIFF).also == {"1.8": "recursive-vector"}


@pytest.mark.parametrize(
    ("old", "new", "line", "problem"),
    [
        ("From: own\n", "", 1, "no From:"),
        ("Cause: vectors-not-mapped\n", "", 1, "no Cause:"),
        ("x86_64 aarch64", "x86_64 sparc", 3, "sparc is none of"),
        ("1.3 1.8", "1.3 1-8", 4, "1-8 is not a milestone"),
        ("1.3 1.8", "2.1", 4, "2.1 is not a milestone of lab 1"),
        ("vectors-not-mapped", "gremlins", 5, "gremlins is not in"),
        ("recursive-vector", "gremlins", 6, "gremlins is not in"),
        ("ISAs:", "Machines:", 3, "neither a field"),
        ("From: own\n", "Also: 1.3 vectors-not-mapped\nFrom: own\n", 7, "Also: 1.3 is not in Fails, or is the first"),
        ("From: own\n", "Also: 1.8 gremlins\nFrom: own\n", 7, "Also: gremlins is not in"),
        ("From: own\n", "Also: 1.8 recursive-vector 1.8\nFrom: own\n", 7, "Also: 1.8 has no cause after it"),
        ("From: own\n", "From: own\nFrom: L1.01\n", 8, "stands here twice"),
        (DIFF, "", 1, "no diff"),
    ],
)
def test_a_wrong_header_is_named_with_its_line(tmp_path: Path, old: str, new: str, line: int, problem: str) -> None:
    with pytest.raises(PatchError, match=problem) as caught:
        read(tmp_path, (HEADER + DIFF).replace(old, new))
    assert str(caught.value).startswith(f"{tmp_path / 'labs/1-map/bugs/odd.patch'}:{line}: ")


@pytest.mark.parametrize(
    "diff",
    ["\ndiff --git a/x b/x\n", DIFF.replace("Boot order, one", "Boot order, two"), DIFF.replace(FILE, "gone.cc")],
)
def test_a_diff_that_does_not_fit_is_refused(tmp_path: Path, diff: str) -> None:
    bug = read(tmp_path, HEADER + diff)
    with pytest.raises(PatchError, match="does not fit"):
        plant(ROOT, bug, tmp_path / "planted")
    assert not (tmp_path / "planted").exists()


def test_a_planted_tree_is_the_solved_cut_with_the_bug(tmp_path: Path) -> None:
    planted = plant(ROOT, read(tmp_path, HEADER + DIFF), tmp_path / "planted")
    assert (planted / FILE).read_text(encoding="utf-8").startswith("// Boot order.\n")
    course = Tree(planted).course
    assert course is not None and (course.lab, course.solved) == (1, 1)
    assert not (planted / "grade").exists()
    assert not list(planted.glob("labs/*/bugs")) and not list(planted.glob("labs/*/variants"))
    assert "@lab" not in (planted / "kernel/paging/page_table_map.h").read_text(encoding="utf-8")


def test_planting_again_touches_no_file(tmp_path: Path) -> None:
    bug = read(tmp_path, HEADER + DIFF)
    first = plant(ROOT, bug, tmp_path / "planted")
    times = {path: path.stat().st_mtime_ns for path in first.rglob("*") if path.is_file()}
    plant(ROOT, bug, tmp_path / "planted")
    assert times == {path: path.stat().st_mtime_ns for path in first.rglob("*") if path.is_file()}


def check_one(name: str, folder: Path, **changes: object) -> Finding:
    """Returns what is found of a bug of the course, with another header, built apart from it."""
    bug = next(bug for bug in load_bugs(ROOT) if bug.name == name)
    [finding] = check(ROOT, replace(bug, name=f"{bug.name}-{folder.name}", isas=("x86_64",), **changes))
    return finding


def test_a_wrong_cause_is_noticed() -> None:
    verdict = check_one("write-protect-off", Path("miscaused"), causes={"x86_64": "triple-fault"})
    assert verdict.caught and not verdict.cause_is_right
    assert set(verdict.causes_seen.values()) == {"write-protect-off"}


def test_a_milestone_that_passes_is_missing() -> None:
    verdict = check_one("write-protect-off", Path("overstated"), fails=("1.4", "1.2"))
    assert not verdict.caught
    assert (verdict.failed, verdict.missing) == (("1.4",), ("1.2",))


def test_a_change_without_effect_is_not_caught(tmp_path: Path) -> None:
    [finding] = check(ROOT, replace(read(tmp_path, HEADER + DIFF), name="no-effect", isas=("x86_64",), fails=("1.2",)))
    assert not finding.caught and finding.missing == ("1.2",)


def test_a_milestone_that_does_not_exist_is_missing() -> None:
    verdict = check_one("write-protect-off", Path("invented"), fails=("1.4", "1.99"))
    assert verdict.missing == ("1.99",)


def test_a_whole_check_tells_what_is_first_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not of those milestones alone that the bug must fail."""
    bug = next(bug for bug in load_bugs(ROOT) if bug.name == "write-protect-off")
    failed = {"status": "failed", "cause": bug.causes["x86_64"], "file": min(bug.changed_files()), "message": ""}
    asked: list[tuple[str, ...]] = []

    def grade(tree: Path, planted: object, milestones: tuple[str, ...]) -> dict[str, dict[str, dict[str, object]]]:
        asked.append(milestones)
        elsewhere = {**failed, "cause": "wrong-permission", "file": "kernel/map/map_kernel.cc"}
        return {"x86_64": {"1.2": elsewhere, **{number: failed for number in bug.fails}}}

    monkeypatch.setattr(bugs, "grade_planted", grade)
    monkeypatch.setattr(bugs, "_first", lambda results: "1.2")
    monkeypatch.setattr(bugs.Result, "from_data", lambda data: data)
    [finding] = check(ROOT, bug, is_whole=True)
    assert asked == [()] and finding.caught and finding.cause_is_right and finding.file_is_right
    assert not finding.first_is_right
