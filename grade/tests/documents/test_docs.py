"""The documentation is about what is there: every file is on the map, every cause is explained, links lead somewhere."""

import posixpath
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

from grade.cli import ONLY_IN_MAIN
from grade.cutting.cutter import holes, render
from grade.isa import ISAS
from grade.ladder.labs import loans_of
from grade.ladder.trees import Tree, find_root
from grade.milestones import milestones_of
from grade.results.causes import CAUSES
from grade.site.documents import anchors, links
from grade.student.remaining import place_in_handout

ROOT = find_root(Path(__file__))
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted(ROOT.glob("labs/*/README.md")),
]


def tracked_files() -> list[str]:
    """Returns the files of the project, from the root."""
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return listing.stdout.splitlines()


ELSEWHERE = {"posix_spawn"}
"""What other systems have, and our documents name."""


@cache
def words_of_the_code() -> frozenset[str]:
    """Returns every word of the sources."""
    files = (ROOT / name for name in tracked_files() if not name.endswith((".md", ".svg")))
    return frozenset(word for file in files for word in re.findall(r"[A-Za-z_]\w*", file.read_text("utf-8", "replace")))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_document_calls_by_name_is_there(document: Path) -> None:
    """What has an underscore, or is called: a word alone may be one of English."""
    named = re.findall(r"`([a-z]\w*)(\(\))?`", document.read_text(encoding="utf-8"))
    code = {name for name, call in named if "_" in name or call}
    assert sorted(code - words_of_the_code() - ELSEWHERE) == []


def not_on_the_map(text: str, files: Iterator[str]) -> list[str]:
    """Returns the files that docs/map.md, which has this text, says nothing about."""
    named = set(re.findall(r"`([^`]+)`", text))
    folders = tuple(name for name in named if name.endswith("/"))
    missing = []
    for file in files:
        path = Path(file)
        if file.startswith((".", "labs/", *folders)) or file == "README.md":
            continue
        isa_file = file.startswith(("arch/x86_64/", "arch/aarch64/")) and path.name in named
        if file not in named and not isa_file:
            missing.append(file)
    return missing


def test_every_file_is_on_the_map() -> None:
    assert not not_on_the_map((ROOT / "docs" / "map.md").read_text(encoding="utf-8"), iter(tracked_files()))


def test_the_map_names_only_what_is_there() -> None:
    text = (ROOT / "docs" / "map.md").read_text(encoding="utf-8")
    files = set(tracked_files())
    names = {name for name in re.findall(r"`([^` ]+)`", text) if "/" in name and "*" not in name}
    gone = [name for name in names if name not in files and not (ROOT / name).is_dir()]
    assert not gone


def test_every_cause_is_explained() -> None:
    text = (ROOT / "docs" / "causes.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^## (\S+)$", text, re.MULTILINE)) == set(CAUSES)


def lost_links(path: str, texts: Mapping[str, str], is_there: Callable[[str], bool]) -> list[str]:
    """Returns the links of a document that lead nowhere: to no file, or in a document to no heading. `texts`: all documents."""
    lost = []
    for line, target in links(texts[path]):
        name, _, anchor = target.partition("#")
        there = posixpath.normpath(posixpath.join(posixpath.dirname(path), name)) if name else path
        if re.match(r"\w+:", target):
            is_right = re.fullmatch(r"https?://[\w.-]+\.[a-z]+(/\S*)?", target) is not None  # nobody asks the network
        else:
            is_right = is_there(there) and (not anchor or anchor in anchors(texts.get(there, "")))
        if not is_right:
            lost.append(f"{path}:{line}: {target}")
    return lost


def test_links_lead_somewhere() -> None:
    texts = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in DOCUMENTS}
    assert not [lost for path in texts for lost in lost_links(path, texts, lambda there: (ROOT / there).exists())]


def test_links_that_lead_nowhere_are_found() -> None:
    text = "[a](b.md) [c](#the-end) [d](b.md#start)\n\n# The end\n\n`[e](f)`\n\n```\n[g](h)\n```\n\n[i](http:/j) [k](l.md)\n[m](#m)\n"
    texts = {"docs/a.md": text, "docs/b.md": "# Begin\n"}
    assert lost_links("docs/a.md", texts, texts.__contains__) == [
        "docs/a.md:1: b.md#start", "docs/a.md:11: http:/j", "docs/a.md:11: l.md", "docs/a.md:12: #m",
    ]  # fmt: skip


@pytest.mark.parametrize("lab", sorted(path.parent.name for path in ROOT.glob("labs/*/README.md")))
def test_a_handout_lists_the_milestones_as_they_are(lab: str) -> None:
    """Number and points of each milestone stand in the handout's table, and they sum to 100."""
    milestones = milestones_of(known for known in Tree(ROOT).labs if known.folder.name == lab)
    handout = (ROOT / "labs" / lab / "README.md").read_text(encoding="utf-8")
    for known in milestones:
        assert re.search(rf"^\| *{re.escape(known.number)} *\|.*\| *{known.points} *\|", handout, re.MULTILINE), known.number
    assert sum(known.points for known in milestones) == 100


def test_a_handout_says_of_every_hole_what_to_write() -> None:
    """`status` lists what is left in the handout's order."""
    labs = {lab.number: lab for lab in Tree(ROOT).labs}
    assert not [hole for hole in holes(ROOT) if place_in_handout(labs[hole.lab], hole.function) is None]


# --- what students get -------------------------------------------------------------------------------------

LOANS = loans_of(Tree(ROOT).labs)
CUTS = [(lab.number, ISAS) for lab in Tree(ROOT).labs] + [(1, ISAS[1:]), (6, ISAS[:1])]
each_cut = pytest.mark.parametrize(("lab", "isas"), CUTS, ids=[f"lab{lab}-{'-'.join(isas)}" for lab, isas in CUTS])


@cache
def handout(lab: int, isas: tuple[str, ...]) -> dict[str, str]:
    """Returns the files that students of this lab get, by path; the text of those that are documents."""
    files = render(ROOT, lab, 0, isas, with_grader=True)
    return {path: content.decode() if path.endswith(".md") else "" for path, (content, _) in files.items()}


def documents(files: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Returns path and text of each document."""
    return ((path, text) for path, text in files.items() if path.endswith(".md"))


@each_cut
def test_every_file_of_a_handout_is_on_its_map(lab: int, isas: tuple[str, ...]) -> None:
    """Lent files are not: that they come and go, the lender's handout tells."""
    files = handout(lab, isas)
    lent = {loan.path: files[f"{loan.source.partition('/lent/')[0]}/README.md"] for loan in LOANS if loan.path in files}
    assert not not_on_the_map(files["docs/map.md"], (path for path in files if path not in lent))
    assert not [path for path, lenders_handout in lent.items() if f"`{path}`" not in lenders_handout]


@each_cut
def test_links_of_a_handout_lead_somewhere_in_it(lab: int, isas: tuple[str, ...]) -> None:
    files = handout(lab, isas)
    texts = dict(documents(files))
    assert not [lost for path in texts for lost in lost_links(path, texts, lambda there: is_in(there, files))]


@each_cut
def test_a_handout_names_only_files_that_it_has(lab: int, isas: tuple[str, ...]) -> None:
    """In backticks, without a space, and below a folder of the project's: that is a file or a folder.

    `<isa>` is one ISA or the other, `*` is anything, and `kernel/x.{h,cc}` are two files. A lab's README speaks of that
    lab's tree; a lent file may be gone in a later one.
    """
    tops = "|".join(sorted({path.partition("/")[0] for path in tracked_files() if "/" in path}))
    lost = []
    for path, text in documents(handout(lab, isas)):
        own_lab = re.match(r"labs/(\d+)-", path)
        files = handout(int(own_lab[1]) if own_lab else lab, isas)
        for name in re.findall(rf"`((?:{tops})/[^`\s]+)`", text):
            lost += [f"{path}: {one}" for one in expanded(name) if not is_in(one, files)]
    assert not lost


@each_cut
def test_a_handout_names_only_commands_that_work_in_it(lab: int, isas: tuple[str, ...]) -> None:
    for path, text in documents(handout(lab, isas)):
        assert not set(re.findall(r"\./pagewalk (\w+)", text)) & ONLY_IN_MAIN, path


def expanded(name: str) -> list[str]:
    """Returns `x.{h,cc}` as x.h and x.cc; without the line that `x.h:7` ends in."""
    name = re.sub(r":\d+$", "", name)
    match = re.fullmatch(r"(.*)\{(.*)\}(.*)", name)
    return [f"{match[1]}{one}{match[3]}" for one in match[2].split(",")] if match else [name]


def is_in(name: str, files: dict[str, str]) -> bool:
    """Returns whether a file, or any file in a folder, goes by this name."""
    pattern = name.replace("<isa>", "*").rstrip("/")
    return any(path == pattern or path.startswith(f"{pattern}/") or fnmatch(path, pattern) for path in files)
