"""What docs/instructor.md tells to do, done as it is written: a milestone and a bug are added to a copy of main."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from grade.isa import ISAS
from grade.ladder.trees import find_root

ROOT = find_root(Path(__file__))
PAGE = (ROOT / "docs/instructor.md").read_text(encoding="utf-8")
_LEAK = "    path[below] = TRY(memory_.allocate());\n"


@pytest.fixture(scope="module")
def main_with_milestone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a copy of main with the page's milestone."""
    copy = tmp_path_factory.mktemp("recipes") / "main"
    for arguments in (["clone", "-q", "--shared", str(ROOT), str(copy)], ["-C", str(copy), "config", "user.name", "I"]):
        subprocess.run(["git", *arguments], check=True)
    for name in subprocess.run(["git", "ls-files", "-m"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split():
        if (ROOT / name).exists():
            (copy / name).write_bytes((ROOT / name).read_bytes())
    tests = copy / "labs/1-identity-map/test_identity_map.py"
    milestone = re.search(r"```python\n(@milestone.*?)```", PAGE, re.DOTALL)[1]
    tests.write_text(f"{tests.read_text(encoding='utf-8')}\n\n{milestone}", encoding="utf-8")
    return copy


def run(tree: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", *command], cwd=tree, env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tree)}, text=True,
        capture_output=True, check=False,
    )  # fmt: skip


def test_the_milestone_that_is_added_passes_on_the_reference(main_with_milestone: Path) -> None:
    result = run(main_with_milestone, "-m", "grade", "grade", "1", "--milestone", "1.10", "--isa", "aarch64")
    assert result.returncode == 0 and "passed 5/5" in result.stdout, result.stdout + result.stderr


def test_the_bug_that_is_planted_is_caught(main_with_milestone: Path) -> None:
    engine = main_with_milestone / "kernel/paging/page_table_map.h"
    text = engine.read_text(encoding="utf-8")
    assert text.count(_LEAK) == 1
    engine.write_text(
        text.replace(_LEAK, f"    if (below == 0) (void)TRY(memory_.allocate()).release();\n{_LEAK}"), encoding="utf-8"
    )
    recipe = re.search(r"```sh\n(cat > labs.*?)```", PAGE, re.DOTALL)[1]
    subprocess.run(["sh", "-e", "-c", recipe], cwd=main_with_milestone, check=True, capture_output=True)
    script = re.search(r"```python\n(from pathlib.*?)```", PAGE, re.DOTALL)[1]
    (main_with_milestone / "onebug.py").write_text(script.replace("pages-only", "one-frame-too-many"), encoding="utf-8")
    result = run(main_with_milestone, "onebug.py")
    verdicts = [f"{isa} True True half-built-path" for isa in ISAS]
    assert result.stdout.splitlines() == verdicts, result.stdout + result.stderr
