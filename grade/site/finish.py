"""What Doxygen makes of Markdown as a file is of no use: an empty page beside the real one. It goes, and links lead on."""

import re
from pathlib import Path

from grade.site.documents import page_label

_OF_A_FILE = "*_8md.html"
_PATH = re.compile(r"<title>[^<]*?: (\S+\.md) File Reference")
_ROW = re.compile(r'<tr id="row_(\d+_)[^\n]*</tr>\n?')
_FOLDER = re.compile(r">(?:docs|labs)</a>")
"""In the list of files, which leaves out Markdown by itself: a folder that has nothing else."""
_IN_TREE = re.compile(r' *\[ "(?:docs|labs)", "dir_[^\n]*\n')


def lead_to_documents(site: Path) -> None:
    """Lets what leads to a Markdown file lead to its page."""
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
    """The list of files without the rows of a folder that has documents alone, and of what is below it."""
    gone = {row[1] for row in _ROW.finditer(text) if _FOLDER.search(row[0])}
    return _ROW.sub(lambda row: "" if row[1] in gone else row[0], text)
