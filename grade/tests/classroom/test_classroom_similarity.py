"""Which submissions are more alike than is usual: copies are found whatever was done to hide them, honest ones are not."""

import random
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from grade.classroom import sim_runs
from grade.classroom.own_code import own_code
from grade.classroom.similarity import HINT, Similarity, side_by_side, similar_pairs
from grade.cutting.cutter import render
from grade.ladder.labs import LadderError

_ROOT = Path(__file__).parents[3]
_PATHS = ("kernel/paging/page_table_map.h", "kernel/map/map_kernel.cc", "arch/x86_64/boot_map.cc")
_KEYWORDS = set("if for while return const auto else template class typename unsigned void struct include pragma once".split())

needs_sim = pytest.mark.skipif(shutil.which("sim_c++") is None, reason="needs similarity-tester")

Files = dict[str, str]


@pytest.fixture(scope="module")
def starter() -> Files:
    return _lab(solved=0)


@pytest.fixture(scope="module")
def reference() -> Files:
    return _lab(solved=1)


def _lab(solved: int) -> Files:
    tree = render(_ROOT, 1, solved, ("x86_64",))
    return {path: tree[path][0].decode() for path in _PATHS}


def _expression(chance: random.Random, depth: int = 0) -> str:
    kind = chance.randrange(4 if depth < 3 else 1)
    if kind == 0:
        return f"{chance.choice('abcxyz')}{chance.randrange(9)}"
    if kind == 1:
        return f"f({_expression(chance, depth + 1)}, {_expression(chance, depth + 1)})"
    if kind == 2:
        return f"{_expression(chance, depth + 1)} {chance.choice(['+', '<', '==', '&&', '|'])} {_expression(chance, depth + 1)}"
    return f"{_expression(chance, depth + 1)}[{_expression(chance, depth + 1)}]"


def _statement(chance: random.Random) -> str:
    form = chance.choice(
        ["  if ({}) return {};", "  while ({}) {};", "  const auto v = {} - {};", "  CHECK({}, {});", "  {} = {};"]
    )
    return form.format(_expression(chance), _expression(chance))


def _honest(chance: random.Random, starter: Files, reference: Files) -> Files:
    """Returns a solution with much of the reference code, and as much that nobody else has."""
    files = {}
    for path, text in reference.items():
        given = set(starter[path].split("\n"))
        lines = []
        for line in text.split("\n"):
            own = line not in given and line.strip() != "}"
            lines.append(_statement(chance) if own and chance.random() < 0.5 else line)
        files[path] = "\n".join(lines)
    return files


def _disguised(files: Files) -> Files:
    """Returns a copy with other names, comments, strings, numbers and layout, its files in another order."""

    def renamed(match: re.Match[str]) -> str:
        return match[0] if match[0] in _KEYWORDS else f"my_{match[0][::-1]}"

    changed = {}
    for path in reversed(files):
        lines = []
        for line in files[path].split("\n"):
            line = line if line.startswith("#") else re.sub(r"\b[a-z_]\w*\b", renamed, line.split("//")[0])
            lines += [f"      {line.strip()}   // quite my own", "/* and", "more */"]
        changed[path] = "\n".join(lines).replace(" {", "\n{").replace("(", "( ")
    return changed


def _class(starter: Files, reference: Files, count: int = 15) -> dict[str, Files]:
    chance = random.Random(1)
    return {f"student-{number:02}": _honest(chance, starter, reference) for number in range(count)}


def _names(similarity: Similarity) -> list[tuple[str, str]]:
    return [(pair.first, pair.second) for pair in similarity.pairs]


@needs_sim
def test_honest_solutions_are_not_listed(starter: Files, reference: Files) -> None:
    for count in (2, 3, 15):
        similarity = similar_pairs(_class(starter, reference, count), starter, reference)
        assert (similarity.pairs, similarity.compared) == ([], count)


@needs_sim
@pytest.mark.parametrize("count", [2, 5, 15])
def test_a_disguised_copy_is_found(starter: Files, reference: Files, count: int) -> None:
    files = _class(starter, reference, count)
    files["copy"] = _disguised(files["student-01"])
    similarity = similar_pairs(files, starter, reference)
    assert _names(similarity) == [("copy", "student-01")]
    assert similarity.pairs[0].share > 0.8


@needs_sim
def test_excerpts_show_both_files_as_they_are(starter: Files, reference: Files) -> None:
    files = _class(starter, reference)
    files["copy"] = _disguised(files["student-01"])
    (pair,) = similar_pairs(files, starter, reference).pairs
    assert pair.excerpts
    assert [excerpt.tokens for excerpt in pair.excerpts] == sorted((one.tokens for one in pair.excerpts), reverse=True)
    for excerpt in pair.excerpts:
        for name, side in ((pair.first, excerpt.first), (pair.second, excerpt.second)):
            lines = files[name][side.path].split("\n")
            assert side.text.split("\n") == lines[side.line - 1 : side.line - 1 + side.text.count("\n") + 1]
    assert "quite my own" in pair.excerpts[0].first.text


@needs_sim
def test_the_starter_and_the_reference_do_not_count(starter: Files, reference: Files) -> None:
    files = _class(starter, reference)
    files |= {"nothing-a": starter, "nothing-b": starter, "as-intended-a": reference, "as-intended-b": _disguised(reference)}
    assert not similar_pairs(files, starter, reference).pairs


@needs_sim
def test_the_starter_does_not_count_where_it_was_moved(starter: Files, reference: Files) -> None:
    """Without the reference code, so that only the starter can be taken away."""
    alone = dict.fromkeys(starter, "")
    moved = {path: "\n".join(starter.values()) for path in starter}
    twice = {"a": {**alone, **moved}, "b": {**alone, **moved}}
    assert not similar_pairs(twice, starter).pairs
    assert similar_pairs(twice, alone).pairs  # otherwise this test would show nothing


@needs_sim
def test_what_many_of_a_class_have_does_not_count(starter: Files, reference: Files) -> None:
    """A solution that a teaching assistant showed on the blackboard: without the reference code."""
    files = _class(starter, reference)
    shown = _honest(random.Random(99), starter, reference)
    for name in list(files)[:7]:
        files[name] = dict(shown)
    files["copy"] = _disguised(files["student-14"])
    assert _names(similar_pairs(files, starter)) == [("copy", "student-14")]


@needs_sim
def test_a_little_in_common_says_nothing(starter: Files, reference: Files) -> None:
    own = "\nint mine(int a) { return a[1] + f(a, a) + (a[a] - g(a)) * h(a, a, a) + k; }\n"
    files = {name: {**reference, _PATHS[0]: reference[_PATHS[0]] + own} for name in ("a", "b")}
    assert not similar_pairs(files, starter, reference).pairs
    for number in range(3):
        for name in files:
            files[name][_PATHS[0]] += own.replace("+ k", "+ k" * (number + 2))
    assert similar_pairs(files, starter, reference).pairs


@needs_sim
@pytest.mark.parametrize("form", ["f({own} {same}); g(a, b);", "g(a, b); f({same}, {own} 0);", "f({own} {same});"])
def test_a_long_statement_of_which_a_part_is_the_same_is_not_the_same(form: str) -> None:
    same = ", ".join(["(a + b)"] * 12)
    files = {name: {"a.cc": form.format(own=own * 60, same=same)} for name, own in (("a", "a[1] = "), ("b", "a || "))}
    assert not similar_pairs(files, {}).pairs
    files["b"] = dict(files["a"])
    assert similar_pairs(files, {}).pairs


@needs_sim
def test_a_group_that_shared_one_solution_is_found_as_a_whole(starter: Files, reference: Files) -> None:
    files = _class(starter, reference, 20)
    for name in ("copy-a", "copy-b"):
        files[name] = _disguised(files["student-03"])
    assert _names(similar_pairs(files, starter, reference)) == [
        ("copy-a", "copy-b"),
        ("copy-a", "student-03"),
        ("copy-b", "student-03"),
    ]


@needs_sim
def test_much_text_and_hostile_text(starter: Files, reference: Files) -> None:
    files = _class(starter, reference)
    files["copy"] = _disguised(files["student-01"])
    files["long"] = {_PATHS[0]: "x;\n" * 5000}
    files["wide"] = {_PATHS[0]: "x;" * 150_000}
    files["odd"] = {_PATHS[0]: 'a\0b\x1b[2J "never closed\n/* nor this \udcff \\', "extra.cc": "'"}
    files["-S\n/"] = {_PATHS[0]: "{" * 3000}
    similarity = similar_pairs(files, starter, reference)
    assert _names(similarity) == [("copy", "student-01")]
    why = "has far more text in these files than the lab asks for"
    assert similarity.not_compared == [("long", why), ("wide", why)]


@needs_sim
def test_excerpts_are_harmless_for_a_terminal(starter: Files, reference: Files) -> None:
    files = _class(starter, reference)
    files["student-01"] = {path: text.replace(";", "; // \x1b[2J\u202e\r") for path, text in files["student-01"].items()}
    files["copy"] = dict(files["student-01"])
    (pair,) = similar_pairs(files, starter, reference).pairs
    text = "".join(excerpt.first.text + excerpt.second.text for excerpt in pair.excerpts)
    assert "\\x1b[2J\\u202e" in text
    assert text.replace("\n", "").isprintable()


@needs_sim
def test_side_by_side_is_plain_data(starter: Files, reference: Files) -> None:
    files = _class(starter, reference)
    files["copy"] = _disguised(files["student-01"])
    similarity = similar_pairs(files, starter, reference)
    (pair,) = side_by_side(similarity)
    assert (pair["first"], pair["second"]) == ("copy", "student-01")
    assert pair["percent"] == round(100 * similarity.pairs[0].share)
    excerpt = similarity.pairs[0].excerpts[0]
    shown = pair["excerpts"][0]  # type: ignore[index]
    assert shown["first_path"] == excerpt.first.path
    lengths = (excerpt.first.text.count("\n") + 1, excerpt.second.text.count("\n") + 1)
    assert len(shown["rows"]) == max(lengths)
    assert shown["rows"][0] == {
        "first": (excerpt.first.line, excerpt.first.text.split("\n")[0]),
        "second": (excerpt.second.line, excerpt.second.text.split("\n")[0]),
    }
    assert shown["rows"][-1]["second" if lengths[0] > lengths[1] else "first"] is None
    assert "no proof" in HINT


def test_a_class_of_one_needs_nothing(starter: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert similar_pairs({"alice": starter}, starter).pairs == []


def test_without_sim_there_is_a_reason(starter: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(LadderError, match=re.escape("similarity needs sim_c++: apt-get install similarity-tester")):
        similar_pairs({"alice": starter, "bob": starter}, starter)


def _fake_sim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = tmp_path / "sim_c++"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sim_runs.shutil, "which", lambda name: str(program))


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo no room >&2; exit 3", "sim_c++ failed, or needed more than 120 seconds or 2 GiB: no room"),
        ("kill -KILL $$", "sim_c++ failed, or needed more than 120 seconds or 2 GiB: status -9"),
        ("sleep 60", "sim_c++ did not end within 1 seconds"),
    ],
)
def test_a_sim_that_fails_or_hangs(
    tmp_path: Path, starter: Files, monkeypatch: pytest.MonkeyPatch, script: str, message: str
) -> None:
    _fake_sim(tmp_path, monkeypatch, script)
    monkeypatch.setattr(sim_runs, "_WALL_SECONDS", 1)
    with pytest.raises(LadderError, match=re.escape(message)):
        similar_pairs({"alice": starter, "bob": starter}, starter)


def test_sim_is_given_little(tmp_path: Path, starter: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    _fake_sim(tmp_path, monkeypatch, f"(ulimit -t; ulimit -v; ulimit -f; pwd; ls; env; cat) > {tmp_path}/seen; : > runs")
    monkeypatch.setenv("SECRET", "x")
    similar_pairs({"mallory $(id)": starter, "bob": starter}, starter)
    seen = (tmp_path / "seen").read_text().split("\n")
    assert seen[0] == "120" and seen[1] == str(2 << 20) and seen[2].isdecimal()
    assert "pagewalk-sim-" in seen[3] and "00000" in seen and "00001" in seen
    assert not any("mallory" in line or "SECRET" in line for line in seen)
    assert not Path(seen[3]).exists()


def test_own_code_is_what_was_not_given() -> None:
    given: Mapping[str, str] = {"a.cc": 'int given(int x) {\n  lab_todo(1, "given");\n}\n'}
    text = "// mine\nint given( int x )\n{\n  return x + 12'000 + f(\"a;b\", ';');  // yes; no\n}\n"
    code = own_code({"a.cc": text, "b.S": "mov x0, x1\n"}, given)
    assert [statement for statement in code.statements if statement] == ['return x + 0 + f("", 0);']
    (place,) = [place for statement, place in zip(code.statements, code.places, strict=True) if statement]
    assert (place.path, place.first, place.last) == ("a.cc", 4, 4)


def test_a_statement_over_several_lines_has_all_of_them() -> None:
    code = own_code({"a.cc": "f(1,\n  /* x\n */ 2,\n  3);\n#define x y\ng();"}, {})
    assert list(zip(code.statements, [(place.first, place.last) for place in code.places], strict=True)) == [
        ("f(0, 0, 0);", (1, 4)),
        ("#define x y", (5, 5)),
        ("g();", (6, 6)),
    ]
