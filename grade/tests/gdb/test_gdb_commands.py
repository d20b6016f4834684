"""GDB's commands about paging, with a real GDB: the examples in docs/gdb.md are what it says, and nothing breaks it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from grade.boot.kernel_image import KernelImage
from grade.boot.user_image import UserImage
from grade.gdb.transcripts import alike, renewed, transcript
from grade.isa import ISAS, isa_called
from grade.ladder.build import build_kernel
from grade.ladder.trees import find_root

ROOT = find_root(Path(__file__))
ROOT_TABLE = {"x86_64": "$cr3", "aarch64": "$TTBR1_EL1"}

# A timer that expires just when a step begins makes QEMU 7.2 end the step before the instruction: it is asked for again.
_HERE = 'gdb.parse_and_eval("(unsigned long) $pc")'
_STEP = f'python at = int({_HERE}); [gdb.execute("stepi") for _ in range(8) if int({_HERE}) == at]'


def play(isa: str, script: str, *commands: str) -> dict[str, str]:
    """Returns what GDB answers to each command, by the command; to the last if it is there twice."""
    shown = "\n" + transcript(ROOT, isa, script, list(commands))
    parts = re.split(r"\n\(gdb\) ", shown)[1:]
    return {command: part.partition("\n")[2] for command, part in zip(commands, parts, strict=True)}


def play_all(isa: str, script: str, *commands: str) -> list[str]:
    """Returns what GDB answers to each command, in order."""
    shown = "\n" + transcript(ROOT, isa, script, list(commands))
    parts = re.split(r"\n\(gdb\) ", shown)[1:]
    assert len(parts) == len(commands), shown
    return [part.partition("\n")[2].strip() for part in parts]


def test_the_examples_in_the_documentation_are_what_gdb_says() -> None:
    page = (ROOT / "docs" / "gdb.md").read_text(encoding="utf-8")
    now = renewed(page, ROOT)
    assert alike(page) == alike(now), f"docs/gdb.md is not what GDB says now:\n{now}"


@pytest.mark.parametrize("isa", ISAS)
def test_before_and_after_the_kernel_turns_translation_on(isa: str) -> None:
    seen = play(isa, "", "pt", "pt -diff", "pt 0x1000", "hbreak run_monitor", "continue", "pt -lint", "pt -diff")
    assert "translation is off" in seen["pt"] or "nothing is mapped" in seen["pt"]
    assert "an access goes to the physical address that is the same number" in seen["pt 0x1000"]
    assert seen["pt -lint"].strip() == "nothing is wrong at first sight"
    assert re.search(r"^\+ ffff\w+-\w+ .* kernel r-x", seen["pt -diff"], re.MULTILINE)


@pytest.mark.parametrize("isa", ISAS)
def test_an_address_that_is_too_wide_for_the_cpu_leads_nowhere(isa: str) -> None:
    """GDB has asked QEMU how wide the CPU's physical addresses are, as the grader does."""
    first = (
        f"*(unsigned long*) ({KernelImage(isa, build_kernel(ROOT, isa).elf).offset:#x} + {isa_called(isa).paging.root_in_gdb})"
    )
    write = f"set var {first} = {1 << 45 | 0x3007:#x}"
    seen = play(isa, "checkpoint here", "hbreak checkpoint_reached", "continue", write, "vtop 0x1000")
    assert re.search(r"an address of more than (the )?4[04] bits", seen["vtop 0x1000"]), seen


@pytest.mark.parametrize("isa", ISAS)
def test_a_breakpoint_in_one_process_stops_only_there(isa: str) -> None:
    """Both processes pass the same address; the breakpoint is for the second one."""
    script = "start tag 1 4;start tag 2 4;checkpoint here;wait;wait"
    stop = ["hbreak checkpoint_reached", "continue", "break-in 3 *0x400000", "continue", "procs", "x/i $pc"]
    seen = play(isa, script, *stop)
    assert "only in process 3 (tag)" in seen["break-in 3 *0x400000"]
    assert re.search(r"^\* +3 .* tag$", seen["procs"], re.MULTILINE) and "0x400000" in seen["x/i $pc"]


@pytest.mark.parametrize("isa", ISAS)
def test_wrong_words_get_one_line_and_nothing_breaks(isa: str) -> None:
    wrong = {
        "pt -foo": "usage: pt ",
        "pt nothing_of_this_name": 'No symbol "nothing_of_this_name"',
        "pt -root 77": "no process 77 has an address space",
        "pt -diff 1": "usage: pt ",
        "pt -root 0x1234": "0x1234 is no root: ",
        "vtop 0x123456789abcdef01": "vtop: 0x123456789abcdef01: an address has 64 bits at most",
        "vtop": "usage: vtop ",
        "vmas x": "x is neither a PID nor",
        "break-in 0": "usage: break-in ",
        "why not": "usage: why",
        "break-in 0 nosuchfn": 'break-in: Function "nosuchfn" not defined.',
        "pt 'a": "pt: No closing quotation",
    }
    seen = play(isa, "", "hbreak run_monitor", "continue", *wrong, "pt -lint")
    for command, words in wrong.items():
        assert words in seen[command] and "Traceback" not in seen[command], seen[command]
        assert "\n" not in seen[command].strip()
    assert seen["pt -lint"].strip() == "nothing is wrong at first sight"


@pytest.mark.parametrize("isa", ISAS)
def test_a_root_of_garbage_breaks_nothing(isa: str) -> None:
    root = ROOT_TABLE[isa]
    garbage = [f"set $table = (unsigned long){root} & 0xfffffffff000", "maintenance packet Qqemu.PhyMemMode:1"]
    garbage += [
        f"set *(unsigned long *)($table + {8 * index}) = {value:#x}"
        for index, value in enumerate([0x7, 0xFFFF_FFFF_FFFF_FFFF, 0x1, 0x7F00_0000_0003, 0x3])
    ]
    garbage += ["maintenance packet Qqemu.PhyMemMode:0"]
    every = ["pt", "pt -lint", "pt 0", "pt 0x8000000000", "vtop 0x8000000000", "procs", "vmas", "frames", "tf", "why"]
    seen = play(isa, "", "hbreak run_monitor", "continue", *garbage, *every)
    for command in every:
        assert seen[command].strip() and "Traceback" not in seen[command] and "mistake" not in seen[command], seen
    assert "the kernel: " in seen["pt -lint"]


def test_nothing_that_must_be_installed_is_needed() -> None:
    """GDB's Python may be another one than the grader's."""
    blocked = ["click", "rich", "pytest", "elftools", "hypothesis", "junitparser", "xdist"]
    program = (
        f"import sys, types\nfor name in {blocked}: sys.modules[name] = None\n"
        "gdb = sys.modules['gdb'] = types.ModuleType('gdb')\n"
        "gdb.Command, gdb.error, gdb.GdbError = object, Exception, Exception\n"
        "import grade.gdb.pt, grade.gdb.look, grade.gdb.trap, grade.gdb.break_in, grade.gdb.guest\n"
    )
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def address_of(program: str, isa: str, symbol: str = "main") -> int:
    """Returns where a symbol of a user program is, in every process that runs it."""
    build_kernel(ROOT, isa)
    return UserImage(ROOT / "build" / isa / "user" / program).va(symbol)


@pytest.mark.parametrize("isa", ISAS)
def test_each_process_has_the_names_of_its_own_program(isa: str) -> None:
    """Of two programs whose main() is at the same address; and where the kernel runs for itself there are neither's."""
    assert address_of("spin", isa) == address_of("hello", isa)
    stop = ["hbreak checkpoint_reached", "continue", f"info symbol {address_of('spin', isa)}"]
    stop += ["break-in 2 main", "break-in 3 main"]
    look = ["continue", "bt 1", "info symbol $pc"]
    seen = play_all(isa, "start spin;start hello;checkpoint here;wait", *stop, *look, *look, *look, *look)
    assert seen[2] == f"No symbol matches {address_of('spin', isa)}."
    assert "main is 0x" in seen[3] and "in spin\n" in seen[3] and "in hello\n" in seen[4]
    met = set()
    for at in range(5, len(seen), len(look)):
        program = "spin" if "user/spin" in seen[at + 2] else "hello"
        assert seen[at + 2].endswith(f"/user/{program}") and seen[at + 2].startswith("main in section .text of ")
        assert " main (" in seen[at].splitlines()[-2] and seen[at + 1].startswith("#0  main (")
        met.add(program)
    assert met == {"spin", "hello"}


@pytest.mark.parametrize("isa", ISAS)
def test_names_follow_a_process_through_execve_and_fork(isa: str) -> None:
    begin = ["hbreak checkpoint_reached", "continue", "break-in 2 main", "continue", "info symbol $pc", "delete"]
    other = [f"hbreak *{address_of('hello', isa):#x}", "continue", "procs", "info symbol $pc"]
    seen = play_all(isa, "start become hello;checkpoint here;wait", *begin, *other)
    assert "/user/become" in seen[4] and re.search(r"^\* +2 .* hello$", seen[-2], re.MULTILINE)
    assert seen[-1].startswith("main in section .text of ") and seen[-1].endswith("/user/hello")
    child = ["hbreak live_as_child", "continue", "procs", "info symbol $pc", "bt 2"]
    seen = play_all(isa, "start offspring;checkpoint here;wait", *begin, *child)
    # Which of its children has the first turn is left to the ticks.
    assert re.search(r"^\* +[3-9] .* offspring$", seen[-3], re.MULTILINE) and seen[-2].endswith("/user/offspring"), seen[-4:]


@pytest.mark.parametrize("isa", ISAS)
def test_single_steps_go_through_the_switch_of_roots_and_into_user_code(isa: str) -> None:
    switch, leave = (f"hbreak *{at:#x}" for at in places_of_switches(isa))
    root = "p/x (unsigned long) " + {"x86_64": "$cr3", "aarch64": "$TTBR0_EL1"}[isa]
    steps = [switch, "continue", root, _STEP, root, "info symbol $pc", "bt 1", "delete"]
    steps += [leave, "continue", "info symbol $pc", _STEP, "info symbol $pc", "p/x $pc", "bt 1"]
    seen = play_all(isa, "run hello", *steps)
    before, after = (seen[at].split()[-1] for at in (2, 4))
    assert before != after and "in section .text of" in seen[5] and "kernel.elf" in seen[5] and "#0  " in seen[6]
    assert "kernel.elf" in seen[10]
    assert seen[12].endswith("/user/hello") and seen[13].endswith("0x400000") and "#0  " in seen[14]


def places_of_switches(isa: str) -> tuple[int, int]:
    """Returns the instructions that load the root of a process, and that leave the kernel for it."""
    kernel = build_kernel(ROOT, isa).elf
    run = subprocess.run([f"{isa}-linux-gnu-objdump", "-d", kernel], capture_output=True, text=True, check=True)
    root = {"x86_64": r"mov +%r\w+,%cr3", "aarch64": r"msr\s+ttbr0_el1"}[isa]
    leave = {"x86_64": "iretq", "aarch64": r"eret\b"}[isa]

    def last(pattern: str) -> int:
        return int(re.findall(rf"^([0-9a-f]+):.*\b{pattern}", run.stdout, re.MULTILINE)[-1], 16)

    return last(root), last(leave)
