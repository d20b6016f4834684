"""The order in which milestones are judged."""

from pathlib import Path

from grade.run_plan import Target
from grade.schedule import Due, Durations, beginnings, key_of
from grade.tests.student.student_trees import result


def due(number: str, lab: int = 3, isa: str = "x86_64") -> Due:
    return Due(number, Target(lab, isa, Path("tree"), frozenset()))


def order(dues: list[Due], seconds: dict[Due, float] | None = None, workers: int = 2) -> list[str]:
    known = {due.key: each for due, each in (seconds or {}).items()}
    begin = beginnings(dues, known, workers)
    return [due.number for due in sorted(begin, key=begin.get)]


def test_what_the_lab_itself_asks_comes_first_by_number() -> None:
    assert order([due("1.2"), due("3.10"), due("2.1"), due("3.2"), due("3.1"), due("1.10")]) == [
        "3.1", "3.2", "3.10", "1.2", "1.10", "2.1",
    ]  # fmt: skip


def test_the_highest_lab_comes_first_and_one_isa_after_the_other() -> None:
    dues = [due(number, lab, isa) for lab in (1, 2) for isa in ("aarch64", "x86_64") for number in ("1.1", "1.2")]
    begin = beginnings(dues, {}, 1)
    assert [(each.target.lab, each.target.isa, each.number) for each in sorted(begin, key=begin.get)] == [
        (1, "x86_64", "1.1"), (1, "x86_64", "1.2"), (1, "aarch64", "1.1"), (1, "aarch64", "1.2"),
        (2, "x86_64", "1.1"), (2, "x86_64", "1.2"), (2, "aarch64", "1.1"), (2, "aarch64", "1.2"),
    ]  # fmt: skip


def test_what_takes_long_begins_early_enough_to_end_with_the_others() -> None:
    short = [due(f"3.{number}") for number in range(1, 10)]
    long = due("1.1")
    takes = dict.fromkeys(short, 0.2) | {long: 1.0}
    numbers = order([*short, long], takes)
    assert numbers[:5] == ["3.1", "3.2", "3.3", "3.4", "1.1"]  # 0.4 s later, and 1 s before the end
    takes[long] = 9.0
    assert order([*short, long], takes)[:2] == ["3.1", "1.1"]  # both at once
    assert order([*short, long], dict.fromkeys(short, 0.2) | {long: 0.2})[-1] == "1.1"


def test_durations_are_kept_and_nothing_comes_of_a_damaged_file(tmp_path: Path) -> None:
    durations = Durations(tmp_path)
    assert durations.read() == {}
    durations.note([result("3.1", duration=0.25), result("1.1", lab=3, duration=2.0)])
    durations.note([result("3.1", duration=0.5)])
    assert durations.read() == {key_of(3, "x86_64", "3.1"): 0.5, key_of(3, "x86_64", "1.1"): 2.0}
    for text in ("{", "[]", '{"a": "b"}', '{"a": null}', "7"):
        (tmp_path / "build/durations.json").write_text(text)
        assert durations.read() == {}


def test_where_nothing_can_be_written_no_duration_is_kept(tmp_path: Path) -> None:
    (tmp_path / "build").write_text("no folder")
    Durations(tmp_path).note([result("3.1")])
    assert Durations(tmp_path).read() == {}
