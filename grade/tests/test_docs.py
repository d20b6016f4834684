"""The documentation is about what is there: every file is on the map, every cause is explained, links lead somewhere."""

import re
import subprocess
from pathlib import Path

import pytest

from grade.diagnosis.causes import CAUSES
from grade.ladder.trees import find_root

ROOT = find_root(Path(__file__))
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("labs/*/README.md"))]


def tracked_files() -> list[str]:
    """The files of the project, from the root."""
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return listing.stdout.splitlines()


def test_every_file_is_on_the_map() -> None:
    text = (ROOT / "docs" / "map.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([^`]+)`", text))
    folders = tuple(name for name in named if name.endswith("/"))
    missing = []
    for file in tracked_files():
        path = Path(file)
        if file.startswith((".", "labs/", *folders)) or file == "README.md":
            continue
        isa_file = file.startswith(("arch/x86_64/", "arch/aarch64/")) and path.name in named
        if file not in named and not isa_file:
            missing.append(file)
    assert not missing


def test_the_map_names_only_what_is_there() -> None:
    text = (ROOT / "docs" / "map.md").read_text(encoding="utf-8")
    files = set(tracked_files())
    names = {name for name in re.findall(r"`([^` ]+)`", text) if "/" in name and "*" not in name}
    gone = [name for name in names if name not in files and not (ROOT / name).is_dir()]
    assert not gone


def test_every_cause_is_explained() -> None:
    text = (ROOT / "docs" / "causes.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^## (\S+)$", text, re.MULTILINE)) == set(CAUSES)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            assert (document.parent / target).exists(), target


@pytest.mark.parametrize("lab", sorted(path.parent.name for path in ROOT.glob("labs/*/README.md")))
def test_a_handout_lists_the_milestones_as_they_are(lab: str) -> None:
    """Number and points of each milestone stand in the handout's table, and they sum to 100."""
    tests = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "labs" / lab).glob("test_*.py"))
    milestones = re.findall(r'@milestone\("([\d.]+)", points=(\d+), witness="(\w+)"\)', tests)
    handout = (ROOT / "labs" / lab / "README.md").read_text(encoding="utf-8")
    for number, points, _ in milestones:
        assert re.search(rf"^\| *{re.escape(number)} *\|.*\| *{points} *\|", handout, re.MULTILINE), number
    assert sum(int(points) for _, points, _ in milestones) == 100
