"""What Doxygen reads: a copy of the tree's sources and documents, line for line, with a few pages that guide through it."""

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

from grade.ladder.trees import Tree
from grade.site.comments import concepts, documented, file_comment, listed
from grade.site.documents import START, page_label, prepared
from grade.site.reading_order import MAP, reading_order

CONFIGURATION = "docs/Doxyfile"
_FOLDERS = ("kernel", "arch", "user")
_PARSED = (".h", ".cc")
_SOURCES = (*_PARSED, ".S", ".inc")
_LISTED = re.compile(r"kernel/tests/|user/(?!lib/)")
"""Programs and host tests are only shown: Doxygen matches calls by name, and would take theirs for the kernel's."""
_FILES = "files.dox"


def prepare_sources(tree: Tree, into: Path) -> list[str]:
    """Writes the copy to the folder `into`; returns the paths that Doxygen is to read, in reading order."""
    root = tree.root
    documents = {path: _text(root / path) for path in _documents(root)}
    sources = {path: _text(root / path).split("\n") for path in _sources(root)}
    order = reading_order(documents.get(MAP, ""), [*documents, *sources])
    documents = {path: documents[path] for path in _in_order(documents, order)}
    sources = {path: sources[path] for path in _in_order(sources, order)}
    pages = {path: page_label(path) for path in documents} | {path: path for path in sources}
    for path, text in documents.items():
        _write(into / path, prepared(path, text, pages))
    for path, lines in sources.items():
        _write(into / path, "\n".join(_for_doxygen(path, lines)))
    _write(into / _FILES, "\n".join(_descriptions(sources, order)))
    return [*documents, _FILES, *sources]


def _for_doxygen(path: str, lines: list[str]) -> list[str]:
    if not path.endswith(_PARSED):
        return lines
    return listed(lines) if path.endswith(".cc") and _LISTED.match(path) else documented(lines)


def write_layout(tree: Tree, inputs: Sequence[str], file: Path) -> None:
    """Writes the tabs of the site: start, the map, the handouts, the other documents in reading order, then the code."""
    title = {path: _text(tree.root / path).partition("\n")[0].lstrip("# ") for path in inputs if path.endswith(".md")}
    rest = [path for path in title if path not in (START, MAP)]
    groups = {
        "Labs": [path for path in rest if path.startswith("labs/")],
        "Documents": [path for path in rest if not path.startswith("labs/")],
    }
    tabs = ['<tab type="mainpage" title="Start"/>']
    if MAP in title:
        tabs.append(f'<tab type="user" url="@ref {page_label(MAP)}" title="Map"/>')
    for name, paths in groups.items():
        inner = (f'<tab type="user" url="@ref {page_label(path)}" title={quoteattr(title[path])}/>' for path in paths)
        tabs.append(f'<tab type="usergroup" title="{name}">{"".join(inner)}</tab>')
    tabs += [
        '<tab type="filelist" title="Files"/>',
        '<tab type="classlist" title="Types"/>',
        '<tab type="globals" title="Functions"/>',
    ]
    _write(file, f'<doxygenlayout version="1.0"><navindex>{"".join(tabs)}</navindex></doxygenlayout>\n')


def _documents(root: Path) -> Iterator[str]:
    found = [root / START, *sorted(root.glob("labs/*/README.md")), *sorted(root.glob("docs/*.md"))]
    yield from (path.relative_to(root).as_posix() for path in found if path.is_file())


def _sources(root: Path) -> Iterator[str]:
    for folder in _FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in _SOURCES and path.is_file() and not path.is_symlink():
                yield path.relative_to(root).as_posix()


def _in_order(paths: Collection[str], order: dict[str, str]) -> list[str]:
    """Returns the start page, the map and the handouts first, then what the map names, in its order, then the rest."""
    places = {path: place for place, path in enumerate([START, MAP, *(p for p in paths if p.startswith("labs/")), *order])}
    return sorted(paths, key=lambda path: places.get(path, len(places)))


def _descriptions(sources: dict[str, list[str]], order: dict[str, str]) -> Iterator[str]:
    """Yields a comment for each source: what the map and the file itself say about it, and its neighbours in reading order."""
    paths = list(sources)
    for place, path in enumerate(paths):
        before, after = paths[max(place - 1, 0) : place], paths[place + 1 : place + 2]
        yield f"/** @file {path}"
        yield from (f" *  @brief {sentence.replace('`', '')}" for sentence in [order.get(path)] if sentence)
        yield " *"
        yield from (f" * {text}" for text in file_comment(sources[path]))
        yield " *"
        yield " *  @par In reading order"
        yield from (f" *  before: @ref {other} <br>" for other in before)
        yield from (f" *  after: @ref {other}" for other in after)
        yield " */"
        for name, found in concepts(sources[path]):
            yield from (f"/** @concept {name}", " *  @code{.cc}", *found, "   @endcode", " */")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", errors="replace")
