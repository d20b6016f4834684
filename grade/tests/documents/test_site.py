"""./pagewalk docs: the site is there without a warning, all of its links lead somewhere, and what is wrong is named."""

import errno
import os
import re
import resource
import shutil
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from io import StringIO
from pathlib import Path
from urllib.parse import unquote

import pytest
from rich.console import Console

from grade.cutting.cutter import cut
from grade.isa import ISAS
from grade.ladder.labs import LadderError
from grade.ladder.trees import Tree, find_root
from grade.site.build import build_site, run_docs
from grade.site.comments import described, documented, listed
from grade.site.documents import anchors, prepared
from grade.site.output import replace_site
from grade.site.reading_order import reading_order

ROOT = find_root(Path(__file__))
_LINK = re.compile(r'(?:href|src)="([^"]*)"')
_NAME = re.compile(r'\b(?:id|name)="([^"]*)"')

needs_doxygen = pytest.mark.skipif(shutil.which("doxygen") is None, reason="no doxygen: ./pagewalk docs installs it")


def quiet() -> Console:
    return Console(file=StringIO(), width=200)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the site of main."""
    folder = tmp_path_factory.mktemp("site") / "docs"
    assert build_site(Tree(ROOT), folder, quiet()) == []
    return folder


@pytest.fixture
def small(tmp_path: Path) -> Callable[..., Tree]:
    """Makes a tree with a page, a header and a source; of its text one line is replaced."""

    def make(old: str = "", new: str = "") -> Tree:
        files = {
            "pagewalk": "",
            "README.md": "# Small\n\nSee [the other](docs/other.md#second-part).\n",
            "docs/other.md": "# Other\n\n## Second part\n\n`kernel/twice.h` is short.\n",
            "docs/Doxyfile": (ROOT / "docs/Doxyfile").read_text(encoding="utf-8"),
            "kernel/twice.h": "// About twice.\n#pragma once\n\n// Twice `x`; never @fails.\nint twice(int x);\n",
            "kernel/twice.cc": '#include "kernel/twice.h"\n\nint twice(int x) {\n  return 2 * x;\n}\n',
        }
        for path, text in files.items():
            (tmp_path / "tree" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "tree" / path).write_text(text.replace(old, new) if old else text, encoding="utf-8")
        return Tree(tmp_path / "tree")

    return make


@needs_doxygen
def test_the_contract_of_a_function_stands_on_its_page_beside_its_graphs(site: Path) -> None:
    page = (site / "fault_8h.html").read_text(encoding="utf-8")
    part = page.partition("resolve_fault()</h2>")[2].partition('class="memtitle"')[0]
    text = " ".join(re.sub(r"<[^>]*>", "", part).split())
    contract = re.search(r"((?://.*\n)+)Result<void> resolve_fault", (ROOT / "kernel/space/fault.h").read_text())
    for sentence in re.split(r"[.;:`,]", contract[1].replace("//", " ").replace("\n", " ")):
        assert " ".join(sentence.split()) in text
    graphs = re.findall(r'src="(\w+graph\.svg)"', part)
    assert [name.rpartition("_")[2] for name in graphs] == ["cgraph.svg", "icgraph.svg"]
    called, callers = ((site / name).read_text(encoding="utf-8") for name in graphs)
    assert "first_contents" in called and "resolve_or_kill" in callers


@needs_doxygen
def test_the_map_leads_to_the_pages_of_files_and_each_to_the_next(site: Path) -> None:
    page = (site / "page_docs_map.html").read_text(encoding="utf-8")
    assert '<a class="el" href="page__table_8h.html">kernel/paging/page_table.h</a>' in page
    text = re.sub(r"<[^>]*>", "", (site / "page__table_8h.html").read_text(encoding="utf-8"))
    assert "the page-table engine: what it offers" in text
    assert re.search(r"before: kernel/frames/frame.cc\s*after: kernel/paging/page_table_map.h", text)


@needs_doxygen
def test_a_document_has_one_page_and_every_link_to_it_leads_there(site: Path) -> None:
    assert not list(site.rglob("*_8md.html"))
    texts = [path.read_text(encoding="utf-8") for path in [*site.glob("*.html"), *site.glob("search/*.js")]]
    assert not any("_8md.html" in text for text in texts) and any("'../page_docs_gdb.html'" in text for text in texts)
    files = (site / "files.html").read_text(encoding="utf-8")
    folders = re.findall(r'href="dir_[^"]*"[^>]*>([^<]*)<', files)
    assert {"kernel", "arch", "user"} <= set(folders) and not {"docs", "labs", "1-identity-map"} & set(folders)
    assert '"labs"' not in (site / "files.js").read_text(encoding="utf-8")


@needs_doxygen
def test_sentences_are_whole_and_the_graphs_say_of_which_isa_they_are(site: Path) -> None:
    files = re.sub(r"<[^>]*>", "", (site / "files.html").read_text(encoding="utf-8"))
    assert "The contract between kernel/ and an ISA" in files
    assert "Lab 2: The higher half: a second map of the kernel, at its high addresses" in files
    assert "4 MiB pages (Intel SDM vol. 3, 4.3, figure 4-4)" in files
    types = re.sub(r"<[^>]*>", "", (site / "annotated.html").read_text(encoding="utf-8"))
    assert "PageTableA tree of tables below one root" in types
    assert f"call graphs: {ISAS[0]}" in (site / "fault_8h.html").read_text(encoding="utf-8")


@needs_doxygen
def test_every_link_of_the_site_leads_somewhere(site: Path) -> None:
    @cache
    def names(page: Path) -> set[str]:
        return set(_NAME.findall(page.read_text(encoding="utf-8"))) if page.is_file() else set()

    lost = defaultdict(set)
    for page in site.glob("*.html"):
        for target in set(_LINK.findall(page.read_text(encoding="utf-8"))):
            path, _, anchor = unquote(target).partition("#")
            there = site / path if path else page
            if target.startswith(("javascript:", "https://www.doxygen.org")):
                continue
            if not there.is_file() or (anchor and anchor not in names(there)):
                lost[page.name].add(target)
    assert not lost
    tabs = (site / "menudata.js").read_text(encoding="utf-8") + (site / "navtreedata.js").read_text(encoding="utf-8")
    assert not [name for name in re.findall(r"[\"'](\w[^\"']*\.html)", tabs) if not (site / name).is_file()]


@needs_doxygen
def test_a_handed_out_tree_with_one_isa_has_its_site(tmp_path: Path) -> None:
    cut(ROOT, 3, 2, tmp_path / "tree", ["aarch64"], with_grader=True)
    assert build_site(Tree(tmp_path / "tree"), tmp_path / "site", quiet()) == []
    pages = {path.name for path in (tmp_path / "site").glob("*.html")}
    assert "page_labs_3_process_roots.html" in pages
    assert not pages & {"page_docs_instructor.html", "page_labs_4_temp_maps.html"}


@needs_doxygen
@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("short.", "short: @ref nowhere.", "docs/other.md:5: "),
        ("(docs/other.md#second-part)", "(docs/other.md#third-part)", "README.md:3: "),
        ("never @fails", "@param y", ""),  # a comment is text, and nothing in it is a command
        ("#pragma once", "#pragma once\n/// @param y what is not there", "kernel/twice.h:"),
    ],
)
def test_a_warning_is_an_error_with_file_and_line(
    small: Callable[..., Tree], tmp_path: Path, old: str, new: str, place: str
) -> None:
    console = quiet()
    status = run_docs(small(old, new), tmp_path / "site", console)
    shown = console.file.getvalue()
    assert status == bool(place), shown
    assert place in shown and (not place or "one warning: mend that" in shown or "warnings: mend that" in shown)
    assert (tmp_path / "site/index.html").is_file()


@needs_doxygen
def test_nothing_but_a_site_is_replaced(small: Callable[..., Tree], tmp_path: Path) -> None:
    site = tmp_path / "thesis"
    site.mkdir()
    (site / "thesis.txt").touch()
    with pytest.raises(LadderError, match="neither empty nor a site"):
        run_docs(small(), site, quiet())
    (site / "thesis.txt").unlink()
    assert run_docs(small(), site, quiet()) == 0
    (site / "stale.html").touch()
    assert run_docs(small(), site, quiet()) == 0
    assert not (site / "stale.html").exists() and not list(site.glob("*.dot"))


@pytest.mark.parametrize("name", ["important.txt", "doxygen.css"])
def test_a_folder_that_we_did_not_make_is_left_alone(name: str, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).touch()
    with pytest.raises(LadderError, match="neither empty nor a site"):
        replace_site(tmp_path / "out", tmp_path / "site")
    assert (tmp_path / "out" / name).is_file()


@pytest.mark.parametrize("there", [True, False])
def test_a_disk_that_is_full_is_said_and_keeps_the_old_site(tmp_path: Path, there: bool) -> None:
    """The limit on the size of files stands for a full disk: the copy fails in its midst."""
    site, output = tmp_path / "site", tmp_path / "out" / "docs"
    output.parent.mkdir()
    for text in ["old", "new " * 1000]:
        site.mkdir(exist_ok=True)
        (site / "index.html").write_text(text)
        if there and text == "old":
            replace_site(output, site)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(LadderError, match=f"^cannot write the site to {output}: File too large; [^\\n]*$"):
            replace_site(output, site)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in output.parent.iterdir()] == (["docs"] if there else [])
    assert not there or (output / "index.html").read_text() == "old"
    replace_site(output, site)
    assert (output / "index.html").read_text().startswith("new")


def test_a_site_is_not_moved_away_before_the_new_one_is_in_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path, target: Path) -> None:
        if path.name == "fresh":
            raise OSError(errno.EBUSY, "Device or resource busy")
        os.rename(path, target)

    site, output = tmp_path / "site", tmp_path / "docs"
    site.mkdir()
    replace_site(output, site)
    (output / "old.html").touch()
    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(LadderError, match=f"cannot write the site to {output}: Device or resource busy"):
        replace_site(output, site)
    assert (output / "old.html").is_file() and len(list(tmp_path.iterdir())) == 2


def test_no_folder_is_made_for_the_site_to_be_in(tmp_path: Path) -> None:
    with pytest.raises(LadderError, match=f"there is no folder {tmp_path}/none$"):
        replace_site(tmp_path / "none" / "docs", tmp_path)
    assert not (tmp_path / "none").exists()


def test_without_doxygen_it_says_what_to_install(
    small: Callable[..., Tree], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LadderError, match="sudo apt-get install doxygen graphviz"):
        run_docs(small(), tmp_path / "site", quiet())


# --- what Doxygen reads ------------------------------------------------------------------------------------


def test_comments_before_declarations_and_behind_members_are_for_doxygen() -> None:
    source = """// The file.
#pragma once

// A box.
struct [[nodiscard]] Box {
  int size = 0;  // in bytes,
                 // or pages
  // @from 3
  // Opens it.
  int open() {
    // Why so.
    return size;  // at once
  }
  // @end
};
""".splitlines()
    wanted = list(source)
    for line, text in {
        3: "/// A box\\.", 5: "  int size = 0;  ///< in bytes,", 6: "                 ///< or pages", 7: "",
        8: "  /// Opens it\\.", 13: "",
    }.items():  # fmt: skip
        wanted[line] = text.replace("\\.", ".")
    assert documented(source) == wanted


def test_what_is_in_an_unnamed_namespace_is_static_for_doxygen() -> None:
    source = ["namespace {", "", "constexpr int kTwo = 2;", "", "// Twice.", "int twice(int x) {", "  return x;", "}", ""]
    source += ["template <typename T>", "T same(T x);", "struct S {};", "", "}  // namespace", "", "int other();"]
    shown = documented(source)
    assert [line for line in shown if line.startswith("static")] == [
        "static constexpr int kTwo = 2;", "static int twice(int x) {", "static T same(T x);",
    ]  # fmt: skip
    assert len(shown) == len(source) and not any("namespace" in line for line in shown)


def test_nothing_in_a_comment_is_a_command_and_a_drawing_stays_one() -> None:
    assert described([" See @fault and <isa>, `a@b`."]) == [r" See \@fault and \<isa\>, `a@b`."]
    assert described([" Like this:", "   +--+", "   |  |", " That."]) == [
        " Like this:", " @verbatim   +--+", "   |  | @endverbatim", " That.",
    ]  # fmt: skip


def test_every_source_keeps_its_lines() -> None:
    """So that a warning names the line that is meant."""
    for path in [*ROOT.glob("kernel/**/*.h"), *ROOT.glob("arch/**/*.cc"), *ROOT.glob("user/**/*.cc")]:
        lines = path.read_text(encoding="utf-8").split("\n")
        assert len(documented(lines)) == len(lines) == len(listed(lines)) - lines[0].startswith("//"), path


def test_headings_get_the_anchors_that_links_use() -> None:
    text = "# One\n\n## A `b`, c\n\n```\n# no heading\n```\n\n## A `b`, c\n\n[x](#a-b-c) [y](map.md) `kernel/main.cc`\n"
    assert anchors(text) == ["one", "a-b-c", "a-b-c-1"]
    pages = {"docs/x.md": "page_docs_x", "docs/map.md": "page_docs_map", "kernel/main.cc": "kernel/main.cc"}
    lines = prepared("docs/x.md", text, pages).split("\n")
    assert lines[0] == "# One {#page_docs_x}" and lines[2] == "## A `b`, c {#page_docs_x-a-b-c}"
    assert lines[5] == "# no heading"
    assert lines[10] == "[x](@ref page_docs_x-a-b-c) [y](@ref page_docs_map) [kernel/main.cc](@ref kernel/main.cc)"


def test_the_reading_order_is_the_maps() -> None:
    text = "| `b.h`, `b.cc` | both |\n| `boot.S` | the start |\n\nAlso `a.h`, and `gone.h`.\n"
    files = ["a.h", "arch/aarch64/boot.S", "arch/x86_64/boot.S", "b.cc", "b.h", "c.h"]
    assert reading_order(text, files) == {
        "b.h": "both", "b.cc": "both", "arch/x86_64/boot.S": "the start", "arch/aarch64/boot.S": "the start", "a.h": "",
    }  # fmt: skip
