"""./pagewalk docs: runs Doxygen on the sources and documents of this tree, and reports its complaints."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from grade.ladder.labs import LadderError
from grade.ladder.trees import Tree
from grade.site.documents import START
from grade.site.doxygen import GRAPHS_BEGIN, draw_graphs, progress_on, remove_drafts, run_doxygen
from grade.site.finish import lead_to_documents
from grade.site.output import refuse_foreign, replace_site
from grade.site.prepare import CONFIGURATION, prepare_sources, write_layout
from grade.visible import visible

_AWESOME = Path("/usr/share/doxygen-awesome-css")
_STYLE, _TOGGLE = "doxygen-awesome.css", "doxygen-awesome-darkmode-toggle.js"
_NOT_ABOUT_THE_TEXT = re.compile(r".* not generated, too many nodes|md5 hash does not match for two different runs")
"""Nothing that could be mended: a graph too large to be of use; two functions with one name, in two ISAs."""

_WARNING = re.compile(r"(?:(?P<file>[^:]*):(?P<line>\d+): )?(?:warning: |error: )?(?P<text>.*)")


@dataclass(frozen=True)
class Complaint:
    """One warning of Doxygen's. `file` is relative to the tree's root."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}" if self.file else self.text


def run_docs(tree: Tree, output: Path, console: Console) -> int:
    """Makes the site in the folder `output`; returns 0, or 1 if Doxygen complained. LadderError if it cannot begin."""
    _need_tools()
    refuse_foreign(output)
    complaints = build_site(tree, output, console)
    for complaint in complaints:
        console.print(visible(str(complaint)), markup=False, soft_wrap=True)
    if complaints:
        number = "one warning" if len(complaints) == 1 else f"{len(complaints)} warnings"
        console.print(f"{number}: mend that, and try again")
    console.print(f"the site: {output / 'index.html'}", soft_wrap=True)
    return 1 if complaints else 0


def build_site(tree: Tree, output: Path, console: Console) -> list[Complaint]:
    """Replaces the folder `output` by the site; returns what is wrong with it. LadderError if Doxygen itself fails."""
    with tempfile.TemporaryDirectory(prefix="pagewalk-docs-") as folder:
        work = Path(folder).resolve()
        site, log = work / "site", work / "warnings"
        inputs = prepare_sources(tree, work / "sources")
        write_layout(tree, inputs, work / "layout.xml")
        configuration = work / "Doxyfile"
        settings = _settings(tree, work, inputs)
        _write(configuration, settings)
        _write_header(configuration, work)
        _write(configuration, settings | {"HTML_HEADER": work / "header.html"})
        with progress_on(console) as progress:
            run_doxygen(configuration, progress, until=GRAPHS_BEGIN)
            draw_graphs(site, progress)
            status = run_doxygen(configuration, progress)
        complaints = list(_complaints(log.read_text(errors="replace") if log.exists() else "", work / "sources"))
        if status != 0 or not (site / "index.html").exists():
            raise LadderError(f"doxygen ended with exit status {status}" + "".join(f"\n{one}" for one in complaints[:5]))
        remove_drafts(site)
        lead_to_documents(site)
        replace_site(output, site)
    return complaints


def _settings(tree: Tree, work: Path, inputs: Sequence[str]) -> dict[str, object]:
    sources = work / "sources"
    return {
        "@INCLUDE": tree.root.resolve() / CONFIGURATION,
        "INPUT": " ".join(f'"{sources / path}"' for path in inputs),
        "USE_MDFILE_AS_MAINPAGE": sources / START,
        "STRIP_FROM_PATH": sources,
        "STRIP_FROM_INC_PATH": sources,
        "INCLUDE_PATH": sources,
        **({"IMAGE_PATH": figures} if (figures := tree.root.resolve() / "docs" / "figures").is_dir() else {}),
        "PREDEFINED +": f"PAGEWALK_ISA_{tree.isas[0]}=1",
        "PROJECT_BRIEF": f'"a teaching operating system about paging; call graphs: {tree.isas[0]}"',
        "OUTPUT_DIRECTORY": work / "site",
        "HTML_OUTPUT": ".",
        "LAYOUT_FILE": work / "layout.xml",
        "WARN_LOGFILE": work / "warnings",
        **({"HTML_EXTRA_STYLESHEET": _AWESOME / _STYLE, "HTML_EXTRA_FILES": _AWESOME / _TOGGLE} if _is_awesome() else {}),
    }


def _is_awesome() -> bool:
    """Returns whether this system has the style sheet; without it Doxygen's own look must do."""
    return (_AWESOME / _STYLE).is_file()


def _need_tools() -> None:
    missing = [name for name in ("doxygen", "dot") if shutil.which(name) is None]
    missing = ["graphviz" if name == "dot" else name for name in missing]
    if missing:
        raise LadderError(f"not installed: {', '.join(missing)}; on Debian: sudo apt-get install {' '.join(missing)}")


def _write(configuration: Path, settings: dict[str, object]) -> None:
    lines = (f"{name}= {value}" if name.endswith("+") else f"{name} = {value}" for name, value in settings.items())
    configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_header(configuration: Path, work: Path) -> None:
    """Writes the head of every page: this Doxygen's own, with the switch between light and dark added."""
    names = [work / "header.html", work / "footer.html", work / "style.css"]
    command: list[str | Path] = ["doxygen", "-w", "html", *names, configuration]
    result = subprocess.run(command, cwd=work, capture_output=True, text=True, errors="replace", check=False)
    if result.returncode != 0:
        raise LadderError(f"doxygen cannot read {CONFIGURATION}: {result.stderr.strip()}")
    script = (
        f'<script type="text/javascript" src="$relpath^{_TOGGLE}"></script>\n'
        '<script type="text/javascript">DoxygenAwesomeDarkModeToggle.init()</script>\n'
    )
    text = names[0].read_text(encoding="utf-8")
    script = script if _is_awesome() else ""
    names[0].write_text(text.replace("</head>", f"{script}</head>"), encoding="utf-8")


def _complaints(log: str, sources: Path) -> Iterator[Complaint]:
    """Yields the warnings in Doxygen's log; continuation lines are added to their warning."""
    found: list[Complaint] = []
    for line in log.splitlines():
        match = _WARNING.fullmatch(line)
        if line.startswith((" ", "\t")) and found:
            last = found.pop()
            found.append(Complaint(last.file, last.line, f"{last.text} {line.strip()}"))
        elif match and line.strip() and not _NOT_ABOUT_THE_TEXT.match(line):
            file = (match["file"] or "").removeprefix(f"{sources}/")
            found.append(Complaint(file, int(match["line"] or 0), match["text"].replace(f"{sources}/", "")))
    yield from dict.fromkeys(found)
