"""Whatever a student's kernel prints or contains, it fails by a cause of its own: never is it an error of the grader's."""

from pathlib import Path

import pytest

from grade.cutting.cutter import cut
from grade.diagnosis.diagnose import unexpected_end
from grade.isa import ISAS
from grade.ladder.trees import find_root
from grade.machine.facts import Fact, MalformedFact, parse_facts
from grade.machine.qemu_process import QemuEnd
from grade.machine.stop import Stop, StopKind
from grade.practice.milestones import run_milestones
from grade.results.failure import Failure
from grade.tests.graded.test_twins import ASSEMBLY, LOCAL, STUDENTS

ROOT = find_root(Path(__file__))
PRINTS = """
#include "arch/arch.h"
#include "arch/boot.h"
#include "kernel/base/print.h"
void turn_on_paging() {{ print_raw("{line}\\n"); for (;;) asm volatile(""); }}
"""
LINES = [
    "@process pid=zz", "@process pid=2 root=zz stack=0 program=x", "@panic check=frame-is-held", "@stack-overflow",
    "@stack-overflow sp=-1 pc=99999999999999999999999", "@fault mode=kernel", "@fault mode=kernel address=0 pc=0 access=x",
    "@exception", "@missing-in-root", "@missing-in-root va=1 root=0x8000000000000000 what=",
    "@fault mode=user address=0 pc=0\\n@killed pid=x program=/etc/passwd", "@user-exception\\n@killed pid=2 program=none signal=1",
    "@user-exception\\n@killed pid=2 program=none signal=1 pc=1", "@fault mode=user address=1\\n@killed program=intruder signal=11",
]  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_a_fact_that_no_given_file_prints(tmp_path: Path, line: str) -> None:
    cut(ROOT, 1, 1, tmp_path / "tree", ["x86_64"])
    (tmp_path / "tree/arch/x86_64/boot_map.cc").write_text(PRINTS.format(line=line), encoding="utf-8")
    [result] = run_milestones(ROOT, tmp_path / "tree", 1, ["x86_64"], ["1.2"])
    assert (result["status"], result["points"]) == ("failed", 0), result["message"]
    assert result["cause"] and len(result["message"].splitlines()) < 30


def test_what_is_malformed_is_shown() -> None:
    [fact] = parse_facts("@panic first=zz last=7\n")
    assert fact.number("last") == 7
    for name, why in (("first", "first= is no number"), ("second", "without second=")):
        with pytest.raises(MalformedFact, match=f"@panic first=zz last=7 .{why}"):
            fact.number(name)


TWINS = {
    "overload": ("\nvoid check_root(int) {}\n", "3.3"),
    "file": (ASSEMBLY.format('.file \\"frame_allocator.cc\\"\\n' + LOCAL), "3.10"),
}


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("code", TWINS)
def test_a_given_name_once_more(tmp_path: Path, isa: str, code: str) -> None:
    cut(ROOT, 3, 3, tmp_path / "tree", [isa])
    with (tmp_path / "tree" / STUDENTS).open("a", encoding="utf-8") as file:
        file.write(TWINS[code][0])
    [result] = run_milestones(ROOT, tmp_path / "tree", 3, [isa], [TWINS[code][1]])
    assert (result["status"], result["cause"]) == ("failed", "name-taken"), result["message"]
    assert "rename any that is not given" in result["message"]


class _Ended:
    """What unexpected_end asks of a guest whose QEMU has gone."""

    machine = property(lambda self: self)

    def facts(self, name: str = "") -> list[Fact]:
        return []


@pytest.mark.parametrize(
    "end",
    [
        QemuEnd(-6, "qemu: an assertion"),
        QemuEnd(-6, "Failed to allocate memory: Cannot allocate memory"),
        QemuEnd(134, ""),
        QemuEnd(1, "qemu: fatal: \x1b[2J"),
        QemuEnd(-11, "QEMU closed; QEMU ended with signal 9:"),
    ],
)
def test_a_qemu_that_gives_up(end: QemuEnd) -> None:
    with pytest.raises(Failure, match="early-exit: .* made QEMU itself give up: ") as failed:
        unexpected_end(_Ended(), _gone(end), "a stop")  # type: ignore[arg-type]
    assert "\x1b" not in str(failed.value)


@pytest.mark.parametrize(
    "end",
    [QemuEnd(-2, ""), QemuEnd(-9, ""), QemuEnd(-15, ""), QemuEnd(137, ""), QemuEnd(1, "qemu:\nqemu: Cannot allocate memory")],
)
def test_a_qemu_that_somebody_ended(end: QemuEnd) -> None:
    """That is no student's fault."""
    with pytest.raises(RuntimeError, match="QEMU has gone"):
        unexpected_end(_Ended(), _gone(end), "a stop")  # type: ignore[arg-type]


def _gone(end: QemuEnd) -> Stop:
    return Stop(StopKind.EXITED, None, str(end), from_outside=end.is_from_outside)
