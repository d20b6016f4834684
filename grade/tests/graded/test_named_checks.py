"""A CHECK of a result says which error it was, on a kernel that runs low (lab 1) and while its high half is made (lab 2)."""

from pathlib import Path

import pytest

from grade.cutting.cutter import cut
from grade.isa import ISAS
from grade.ladder.trees import find_root
from grade.practice.milestones import run_milestones

ROOT = find_root(Path(__file__))
BEGIN = "Result<void> map_kernel(KernelTable& table, std::uint64_t offset) {\n"


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(
    ("lab", "milestone", "condition", "file"),
    [(1, "1.2", "offset == 0", "boot_map.cc"), (2, "2.1", "offset != 0", "boot_high.cc")],
)
def test_a_map_that_cannot_be_made(tmp_path: Path, isa: str, lab: int, milestone: str, condition: str, file: str) -> None:
    tree = tmp_path / "tree"
    cut(ROOT, lab, lab, tree, [isa])
    source = tree / "kernel/map/map_kernel.cc"
    text = source.read_text(encoding="utf-8")
    assert BEGIN in text
    early = f"  if ({condition}) return std::unexpected(Error::kMisaligned);\n"
    source.write_text(text.replace(BEGIN, BEGIN + early), encoding="utf-8")
    [result] = run_milestones(ROOT, tree, lab, [isa], [milestone])
    assert (result["status"], result["cause"]) == ("failed", "kernel-check-failed"), result["message"]
    assert ": misaligned" in result["message"] and "called from" not in result["message"], result["message"]
    lines = (tree / f"arch/{isa}/{file}").read_text(encoding="utf-8").splitlines()
    checked = next(number for number, line in enumerate(lines, 1) if "CHECK_OK(map_kernel(" in line)
    assert result["file"] == f"arch/{isa}/{file}:{checked}", result["message"]
