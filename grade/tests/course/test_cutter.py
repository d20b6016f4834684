"""Cutting main into labs: the ladder, which files are there, and those that a lab lends."""

import subprocess
from pathlib import Path

import pytest

from grade.cutting.cutter import cut, holes
from grade.cutting.markers import MarkerError
from grade.ladder.labs import LadderError, load_labs, owner_of
from grade.tests.course.small_course import MAIN_CC, MAIN_FILES, into, lab_toml, listing, main, write

_ = main, into  # the fixtures


# --- labs --------------------------------------------------------------------------------------------------


def test_labs_are_read_in_order(main: Path) -> None:
    first, second = load_labs(main)
    assert (first.number, first.title, first.folder) == (1, "Lab 1", main / "labs/1-map")
    assert (second.owned, second.adds, second.retires) == (("arch/{isa}/switch.S",), ("user/",), ("1.3",))
    assert second.owns("arch/aarch64/switch.S") and not second.owns("arch/x86_64/deep/switch.S")
    assert second.brings("user/lib/crt0.S") and not second.owns("user/lib/crt0.S")
    assert second.brings("labs/2-high/README.md") and not second.brings("labs/1-map/README.md")


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("labs/2-high/lab.toml", "number = 2\nowned = []\nadds = []\nretires = []\n", "title: missing"),
        ("labs/2-high/lab.toml", lab_toml(2).replace("2", '"2"', 1), "number: must be a whole number"),
        ("labs/2-high/lab.toml", lab_toml(2).replace("2", "true", 1), "number: must be a whole number"),
        ("labs/2-high/lab.toml", lab_toml(2, adds="7"), "adds: must be a list of strings, holds 7"),
        ("labs/2-high/lab.toml", lab_toml(2) + "retire = []\n", "retire: no such key"),
        ("labs/2-high/lab.toml", lab_toml(2) + 'dies = ["x"]\n', "dies: must be a table, is ['x']"),
        ("labs/2-high/lab.toml", lab_toml(2) + 'dies = { x = "11" }\n', "dies: x: must be a signal's number, is '11'"),
        ("labs/2-high/lab.toml", lab_toml(2) + "dies = { x = 11 }\n", "dies: there is no program x in user/"),
        ("labs/2-high/lab.toml", lab_toml(2) + 'forks = ["x"]\n', "forks: there is no program x in user/"),
        ("labs/2-high/lab.toml", "number = \n", "not TOML"),
        ("labs/2-high/lab.toml", lab_toml(3), "number: is 3, but the folder is 2-high"),
        ("labs/1-xyz/lab.toml", lab_toml(1), "number: labs/1-map/lab.toml is lab 1 too"),
        ("labs/2-high/lab.toml", lab_toml(2, '"kernel/map.h"'), "owned: kernel/map.h is claimed by labs/1-map/"),
        ("labs/2-high/lab.toml", lab_toml(2, "", '"kernel/"'), "adds: kernel/ is claimed by labs/1-map/lab.toml"),
        ("labs/2-high/lab.toml", lab_toml(2, '"arch/{isa}/swich.S"'), "owned: there is no arch/{isa}/swich.S"),
        ("labs/2-high/lab.toml", lab_toml(2, "", '"usr/"'), "adds: there is no usr/"),
    ],
)
def test_a_ladder_that_is_not_clear_is_refused(main: Path, path: str, text: str, message: str) -> None:
    write(main, {path: text})
    with pytest.raises(LadderError) as caught:
        load_labs(main)
    assert message in str(caught.value)
    assert str(caught.value).startswith(path)


def test_a_file_can_lie_in_a_folder_that_an_earlier_lab_adds(main: Path, into: Path) -> None:
    files = {"user/fork.cc": "", "user/lib/fork.h": ""}
    write(main, files | {"labs/3-fork/lab.toml": lab_toml(3, '"user/fork.cc"', '"user/lib/fork.h"')})
    second, third = load_labs(main)[1:]
    assert owner_of([second, third], "user/fork.cc") == third and owner_of([second, third], "user/sh.cc") is None
    cut(main, 2, 2, into)
    assert listing(into) == LAB_2
    cut(main, 3, 3, into)
    assert listing(into) == LAB_2 | files.keys() | {"labs/3-fork/lab.toml"}


@pytest.mark.parametrize(
    ("first", "second", "refused"),  # with the line in the second
    [
        (lab_toml(1, '"user/"'), lab_toml(2, "", '"user/sh.cc"'), "4: adds: user/sh.cc"),  # where a student writes
        (lab_toml(1, "", '"user/"'), lab_toml(2, "", '"user/"'), "4: adds: user/"),
        (lab_toml(1, "", '"user/"'), lab_toml(2, "", '"user/lib/"'), "4: adds: user/lib/"),
        (lab_toml(1, "", '"user/sh.cc"'), lab_toml(2, "", '"user/"'), "4: adds: user/"),
        (lab_toml(1, "", '"user/sh.cc"'), lab_toml(2, '"user/sh.cc"'), "3: owned: user/sh.cc"),
        (lab_toml(1, "", '"arch/"'), lab_toml(2, "", '"arch/{isa}/"'), "4: adds: arch/aarch64/"),
    ],
)
def test_nothing_else_is_claimed_twice(main: Path, first: str, second: str, refused: str) -> None:
    write(main, {"user/lib/start.S": "", "labs/1-map/lab.toml": first, "labs/2-high/lab.toml": second})
    with pytest.raises(LadderError) as caught:
        load_labs(main)
    assert str(caught.value) == f"labs/2-high/lab.toml:{refused} is claimed by labs/1-map/lab.toml too"


def test_one_isa_and_every_isa_can_claim_the_same_file(main: Path) -> None:
    write(main, {"labs/1-map/lab.toml": lab_toml(1, '"arch/x86_64/switch.S"')})
    with pytest.raises(LadderError, match="arch/x86_64/switch.S is claimed by labs/1-map"):
        load_labs(main)


# --- files -------------------------------------------------------------------------------------------------

LAB_1 = {
    "CMakeLists.txt",
    "README.md",
    "pagewalk",
    "arch/aarch64/boot.S",
    "arch/x86_64/boot.S",
    "arch/x86_64/kernel.ld",
    "docs/markers.md",
    "kernel/logo.h",
    "kernel/main.cc",
    "kernel/map.h",
    "labs/1-map/README.md",
    "labs/1-map/lab.toml",
    "labs/course.toml",
}
LAB_2 = LAB_1 | {"arch/x86_64/switch.S", "labs/2-high/lab.toml", "labs/2-high/test_high.py", "user/sh.cc"}


def test_a_cut_holds_the_files_of_its_lab(main: Path, into: Path) -> None:
    cut(main, 1, 1, into)
    assert listing(into) == LAB_1
    cut(main, 2, 1, into)
    assert listing(into) == LAB_2
    cut(main, 1, 0, into, with_grader=True)
    assert listing(into) == LAB_1 | {"grade/cli.py"}
    assert (into / "grade/cli.py").read_text() == MAIN_FILES["grade/cli.py"]


def test_git_says_what_is_source(main: Path, into: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=main, check=True)
    write(main, {".gitignore": "*.o\nbuild/\n", "kernel/map.o": "x", "kernel/new.cc": "", "kernel/gone.cc": ""})
    subprocess.run(["git", "add", "kernel/gone.cc"], cwd=main, check=True)
    (main / "kernel/gone.cc").unlink()
    cut(main, 1, 1, into)
    assert listing(into) == LAB_1 | {".gitignore", "kernel/new.cc"}


def test_a_cut_inside_of_main_is_not_cut_again(main: Path) -> None:
    into = main / "out"
    cut(main, 1, 1, into)
    cut(main, 1, 1, into)
    assert listing(into) == LAB_1


def test_what_did_not_change_is_not_touched(main: Path, into: Path) -> None:
    cut(main, 2, 2, into)
    write(into, {"build/x86_64/main.o": "built", "kernel/stray.cc": "", "labs/9-old/README.md": ""})
    (main / "pagewalk").chmod(0o755)
    before = {path: (into / path).stat().st_mtime_ns for path in LAB_2}
    write(main, {"kernel/main.cc": MAIN_CC.replace("run();", "run_all();")})
    cut(main, 2, 2, into)
    assert listing(into) == LAB_2 | {"build/x86_64/main.o"}
    assert not (into / "labs/9-old").exists()
    touched = {path for path in LAB_2 if (into / path).stat().st_mtime_ns != before[path]}
    assert touched == {"kernel/main.cc"}
    assert (into / "pagewalk").stat().st_mode & 0o777 == 0o755


def test_a_folder_of_something_else_is_left_alone(main: Path, into: Path) -> None:
    write(into, {"thesis.tex": "years of work"})
    with pytest.raises(LadderError, match="neither empty nor a cut"):
        cut(main, 1, 1, into)
    assert listing(into) == {"thesis.tex"}


def test_the_course_file_says_what_the_tree_is(main: Path, into: Path) -> None:
    cut(main, 2, 1, into, ["aarch64"])
    assert (into / "labs/course.toml").read_text().splitlines()[1:] == [
        "lab = 2",
        "labs = 2",
        'isas = ["aarch64"]',
        "# Labs 1 to this one were handed out with their reference code.",
        "solved = 1",
    ]
    with pytest.raises(LadderError, match="only main can be cut"):
        cut(into, 1, 1, into / "again")


@pytest.mark.parametrize(
    ("lab", "solved", "isas", "message"),
    [
        (3, 3, ["x86_64"], "no lab 3"),
        (1, 2, ["x86_64"], "1 to 2 solved"),
        (1, 1, ["vax"], "no ISA vax"),
        (1, 1, [], "at least one ISA"),
    ],
)
def test_impossible_cuts_are_refused(main: Path, into: Path, lab: int, solved: int, isas: list[str], message: str) -> None:
    with pytest.raises(LadderError, match=message):
        cut(main, lab, solved, into, isas)
    assert not into.exists()


# --- lent files --------------------------------------------------------------------------------------------

LENT = "kernel/copy_simply.cc"
IN_FOLDER = "labs/1-map/lent/"
LENDS, TAKES_BACK = f'lends = ["{LENT}"]\n', f'takes_back = ["{LENT}"]\n'
LAB_1_TOML = lab_toml(1, owned='"kernel/map.h"', more=LENDS)
LAB_3_TOML = lab_toml(3, more=TAKES_BACK)


@pytest.fixture
def lender(main: Path) -> Path:
    """Returns main, where lab 1 lends a file and lab 3 takes it back."""
    text = "int copy();\n// @from 2\nint two();\n// @end\n"
    return write(main, {"labs/1-map/lab.toml": LAB_1_TOML, "labs/3-copy/lab.toml": LAB_3_TOML, IN_FOLDER + LENT: text})


def test_a_lent_file_is_there_until_it_is_taken_back(lender: Path, into: Path) -> None:
    cut(lender, 1, 1, into)
    assert listing(into) == LAB_1 | {LENT}
    cut(lender, 2, 2, into)
    assert listing(into) == LAB_2 | {LENT}
    cut(lender, 3, 3, into)
    assert listing(into) == LAB_2 | {"labs/3-copy/lab.toml"}
    cut(lender, 2, 0, into)
    assert listing(into) == LAB_2 | {LENT}
    assert not (lender / LENT).exists()


def test_a_lent_file_is_not_there_before_it_is_lent(main: Path, into: Path) -> None:
    write(main, {"labs/2-high/lab.toml": lab_toml(2, adds='"user/", "arch/x86_64/switch.S"', more=LENDS)})
    write(main, {"labs/3-copy/lab.toml": LAB_3_TOML, f"labs/2-high/lent/{LENT}": "", "arch/x86_64/switch.S": ""})
    for lab, there in ((1, False), (2, True), (3, False)):
        cut(main, lab, lab, into)
        assert (into / LENT).exists() == there


def test_markers_in_a_lent_file_are_obeyed(lender: Path, into: Path) -> None:
    cut(lender, 1, 1, into)
    assert (into / LENT).read_text() == "int copy();\n"
    cut(lender, 2, 2, into)
    assert (into / LENT).read_text() == "int copy();\nint two();\n"
    hole = "// @lab 1 begin: f\n//: Do it.\n// @lab 1 end\n"
    for text, problem in ((hole, "a hole of lab 1 in a file that no lab owns"), ("// @end\n", "@end without @from")):
        write(lender, {IN_FOLDER + LENT: text})
        for read in (lambda: cut(lender, 1, 1, into), lambda: holes(lender)):
            with pytest.raises(MarkerError, match=problem) as caught:
                read()
            assert caught.value.file == IN_FOLDER + LENT


def test_a_handout_need_not_know_who_takes_a_file_back(lender: Path, into: Path) -> None:
    cut(lender, 2, 2, into)
    assert [lab.lends for lab in load_labs(into)] == [(LENT,), ()]
    cut(lender, 3, 3, into)
    assert [lab.takes_back for lab in load_labs(into)] == [(), (), (LENT,)]


def lends(*paths: str) -> str:
    return lab_toml(1, more=f"lends = [{', '.join(repr(path) for path in paths)}]\n")


@pytest.mark.parametrize(
    ("folder", "text", "blamed", "message"),
    [
        ("1-map", LAB_1_TOML + "lend = []\n", "1-map", "lend: no such key; known are number, "),
        ("1-map", lab_toml(1, more="lends = 7\n"), "1-map", "lends: must be a list of strings, is 7"),
        ("3-copy", lab_toml(3, more="takes_back = [7]\n"), "3-copy", "takes_back: must be a list of strings, holds 7"),
        ("1-map", lends(LENT, "kernel/x.cc"), "1-map", f"lends: there is no {IN_FOLDER}kernel/x.cc"),
        ("1-map", lends("kernel/"), "1-map", "lends: 'kernel/' is not a plain path"),
        ("1-map", lends("../lab.toml"), "1-map", "lends: '../lab.toml' is not a plain path"),
        ("1-map", lends("/etc/passwd"), "1-map", "lends: '/etc/passwd' is not a plain path"),
        ("1-map", lends(LENT, LENT), "1-map", f"lends: {LENT} is lent in labs/1-map/lab.toml as well"),
        ("2-high", lab_toml(2, more=LENDS), "2-high", f"lends: {LENT} is lent in labs/1-map/lab.toml as well"),
        ("4-end", lab_toml(4, more=TAKES_BACK), "4-end", f"takes_back: {LENT} is taken back in labs/3-copy/lab.toml"),
        ("3-copy", lab_toml(3), "1-map", f"lends: no lab takes {LENT} back"),
        ("1-map", lab_toml(1), "3-copy", f"takes_back: {LENT} is not lent by any lower lab"),
    ],
)
def test_a_loan_that_is_not_clear_is_refused(lender: Path, folder: str, text: str, blamed: str, message: str) -> None:
    write(lender, {f"labs/{folder}/lab.toml": text})
    with pytest.raises(LadderError) as caught:
        load_labs(lender)
    assert str(caught.value).startswith(f"labs/{blamed}/lab.toml: {message}")


@pytest.mark.parametrize("lending", [2, 3])
def test_a_file_is_taken_back_by_a_later_lab(main: Path, lending: int) -> None:
    folders = {2: "2-high", 3: "3-copy"}
    texts = {2: TAKES_BACK, 3: ""}
    texts[lending] += LENDS
    tomls = {f"labs/{folders[number]}/lab.toml": lab_toml(number, more=text) for number, text in texts.items()}
    write(main, {**tomls, f"labs/{folders[lending]}/lent/{LENT}": ""})
    with pytest.raises(LadderError, match=f"labs/2-high/lab.toml: takes_back: {LENT} is not lent by any lower lab"):
        load_labs(main)


def test_main_never_has_a_lent_file(lender: Path) -> None:
    write(lender, {LENT: ""})
    with pytest.raises(LadderError, match=f"labs/1-map/lab.toml: lends: main itself has {LENT}"):
        load_labs(lender)


@pytest.mark.parametrize("claim", [{"owned": '"kernel/new/"'}, {"adds": '"kernel/new/"'}])
@pytest.mark.parametrize("claimant", ["1-map", "2-high"])
def test_no_lab_claims_a_lent_file(lender: Path, claimant: str, claim: dict[str, str]) -> None:
    """A folder that a lab owns or adds would bring the file as well."""
    lent = "kernel/new/copy.cc"
    more = {"1-map": f'lends = ["{lent}"]\n', "2-high": ""}
    for folder, text in more.items():
        toml = lab_toml(int(folder[0]), more=text, **(claim if folder == claimant else {}))
        write(lender, {f"labs/{folder}/lab.toml": toml})
    (lender / IN_FOLDER / LENT).unlink()
    toml = lab_toml(3, more=f'takes_back = ["{lent}"]\n')
    write(lender, {"kernel/new/other.cc": "", IN_FOLDER + lent: "", "labs/3-copy/lab.toml": toml})
    with pytest.raises(LadderError, match=f"labs/1-map/lab.toml: lends: {lent} is claimed by labs/{claimant}/lab.toml"):
        load_labs(lender)


def test_no_lab_lends_into_the_folder_of_a_lab(lender: Path) -> None:
    lent = "labs/2-high/new.py"
    (lender / IN_FOLDER / LENT).unlink()
    write(lender, {"labs/1-map/lab.toml": lab_toml(1, more=f'lends = ["{lent}"]\n'), IN_FOLDER + lent: ""})
    write(lender, {"labs/3-copy/lab.toml": lab_toml(3, more=f'takes_back = ["{lent}"]\n')})
    with pytest.raises(LadderError, match=f"lends: {lent} is claimed by labs/2-high/lab.toml"):
        load_labs(lender)


def test_a_file_in_the_lent_folder_is_not_forgotten(lender: Path, into: Path) -> None:
    write(lender, {IN_FOLDER + "kernel/copy_too.cc": ""})
    with pytest.raises(LadderError, match="labs/1-map/lab.toml: lends: does not name kernel/copy_too.cc"):
        cut(lender, 1, 1, into)
    assert not into.exists()
