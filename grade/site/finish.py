"""Removes the page that Doxygen makes of a Markdown file itself, empty beside the real one, and redirects its links."""

import re
from pathlib import Path

from grade.site.documents import page_label

_OF_A_FILE = "*_8md.html"
_PATH = re.compile(r"<title>[^<]*?: (\S+\.md) File Reference")
_ROW = re.compile(r'<tr id="row_(\d+_)[^\n]*</tr>\n?')
_FOLDER = re.compile(r">(?:docs|labs)</a>")
"""A folder that contains nothing else, in the list of files, from which Doxygen already leaves out Markdown."""
_IN_TREE = re.compile(r' *\[ "(?:docs|labs)", "dir_[^\n]*\n')


def lead_to_documents(site: Path) -> None:
    """Redirects links to a Markdown file to its page."""
    pages = {}
    for page in site.glob(_OF_A_FILE):
        if found := _PATH.search(page.read_text(encoding="utf-8")):
            pages[page.name] = f"{page_label(found[1])}.html"
    for name in pages:
        (site / name).unlink()
    for path in [*site.glob("*.html"), *site.glob("*.js"), *site.glob("search/*.js")]:
        text = path.read_text(encoding="utf-8")
        new = re.sub(r"[\w.-]+_8md\.html", lambda match: pages.get(match[0], match[0]), text)
        new = _without_empty_folders(new) if path.name == "files.html" else new
        new = _IN_TREE.sub("", new) if path.name == "files.js" else new
        if new != text:
            path.write_text(new, encoding="utf-8")


def _without_empty_folders(text: str) -> str:
    """Returns the list of files without the rows of folders that have only documents, and of what is below them."""
    gone = {row[1] for row in _ROW.finditer(text) if _FOLDER.search(row[0])}
    return _ROW.sub(lambda row: "" if row[1] in gone else row[0], text)
