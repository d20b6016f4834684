"""Markdown for Doxygen: headings get the anchors that links use, and the name of a source becomes a link to its page.

It works line by line, so that Doxygen's complaints name the right line of the document.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping

_MARKER = re.compile(r"\s*<!--.*-->\s*")
_HEADING = re.compile(r"(#{1,6}) +(.*?)\s*")
_LINK = re.compile(r"\[([^\]]*)\]\(([^()\s]+)\)")
_SPAN = re.compile(r"(`+)(.+?)\1")
_OUTSIDE = re.compile(r"[a-z]+:")

START = "README.md"


def page_label(path: str) -> str:
    """Returns the name by which Doxygen knows the page of a document."""
    return "index" if path == START else "page_" + re.sub(r"\W+", "_", path.removesuffix(".md").removesuffix("/README"))


def anchor(heading: str) -> str:
    """Returns what a link to a heading has after the #, as the usual viewers of Markdown make it."""
    return re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-")


def outside_fences(text: str) -> Iterator[tuple[str, bool]]:
    """Yields each line, and whether it is text: neither in a block of code nor the fence of one."""
    fence = ""
    for line in text.split("\n"):
        mark = re.match(r"\s*(```+|~~~+)", line)
        if fence:
            yield line, False
            fence = "" if mark and line.strip() == fence else fence
        elif mark:
            fence = mark[1]
            yield line, False
        else:
            yield line, not line.startswith("    ")


def anchors(text: str) -> list[str]:
    """Returns the anchors of a document's headings, in order; the second of the same name ends in -1."""
    found: list[str] = []
    for line, is_text in outside_fences(text):
        if is_text and (match := _HEADING.fullmatch(line)):
            name = base = anchor(match[2])
            number = 0
            while name in found:
                number += 1
                name = f"{base}-{number}"
            found.append(name)
    return found


def links(text: str) -> Iterator[tuple[int, str]]:
    """Yields line and target of each link."""
    for number, (line, is_text) in enumerate(outside_fences(text), 1):
        if is_text:
            yield from ((number, match[2]) for match in _LINK.finditer(_SPAN.sub("", line)))


def prepared(path: str, text: str, pages: Mapping[str, str]) -> str:
    """Returns the document at `path` for Doxygen. `pages`: the label of each file that has a page, by path."""
    names, out = iter(anchors(text)), []
    own, titled = page_label(path), False
    for line, is_text in outside_fences(text):
        if is_text and _MARKER.fullmatch(line):
            line = ""
        elif is_text and (heading := _HEADING.fullmatch(line)):
            name = next(names)
            label = f"{own}-{name}" if titled else own
            titled = True
            # Doxygen itself calls the start page "index".
            line = f"{heading[1]} {heading[2]} {{#{label}}}" if label != page_label(START) else line
        elif is_text:
            line = _with_links(line, path, pages)
        out.append(line)
    return "\n".join(out)


def _with_links(line: str, path: str, pages: Mapping[str, str]) -> str:
    """Returns the line with each link in Doxygen's form; a file name in backticks leads to that file."""

    def to_page(match: re.Match[str]) -> str:
        target, _, name = match[2].partition("#")
        is_image = line[: match.start()].endswith("!")
        if is_image or _OUTSIDE.match(target):
            return match[0]
        there = posixpath.normpath(posixpath.join(posixpath.dirname(path), target)) if target else path
        if there not in pages:
            return match[1]
        label = f"{pages[there]}-{name}" if name else pages[there]
        return f"[{match[1]}](@ref {label})"

    def to_file(match: re.Match[str]) -> str:
        return f"[{match[2]}](@ref {pages[match[2]]})" if match[2] in pages else match[0]

    out, end = [], 0
    for match in _LINK.finditer(line):
        out += [_SPAN.sub(to_file, line[end : match.start()]), to_page(match)]
        end = match.end()
    return "".join([*out, _SPAN.sub(to_file, line[end:])])
