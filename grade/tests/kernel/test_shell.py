"""The shell and the programs that go with it, on the whole tree's kernel, as whoever sits at the console sees them."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from grade.guest.guest import MONITOR_PROMPT, Guest
from grade.ladder.build import Kernel
from grade.ladder.trees import find_root
from grade.machine.stop import StopKind

ROOT = find_root(Path(__file__))
PROMPT = "$ "
LONGEST_LINE, MOST_WORDS = 255, 16
CTRL_C, CTRL_D, BACKSPACE, CTRL_U, ESCAPE, CTRL_BACKSLASH, DELETE = "\x03", "\x04", "\b", "\x15", "\x1b", "\x1c", "\x7f"

Boot = Callable[..., Guest]


class Console:
    """What is typed, and what appears."""

    def __init__(self, guest: Guest) -> None:
        self.guest = guest
        self._seen = 0

    def wait_for(self, text: str) -> str:
        """Lets the guest run until it prints `text`; returns all from the last such place to this one."""
        __tracebackhide__ = True
        stop = self.guest.machine.run(until=text)
        printed = self.guest.machine.serial()[self._seen :]
        assert stop.kind is StopKind.OUTPUT, f"{stop}; no {text!r} in:\n{printed}"
        end = printed.index(text) + len(text)
        self._seen += end
        return printed[:end].replace("\r", "")

    def type(self, text: str, until: str = PROMPT) -> str:
        """Types `text`, and returns what the guest prints up to `until`."""
        __tracebackhide__ = True
        self.guest.machine.send(text)
        return self.wait_for(until)

    def run(self, line: str) -> str:
        """Has the shell carry out a line; returns what comes between its echo and the next prompt."""
        __tracebackhide__ = True
        answer = self.type(line + "\r")
        assert answer.startswith(line + "\n"), answer
        return answer.removeprefix(line + "\n").removesuffix(PROMPT)


@pytest.fixture
def shell(boot: Boot) -> Console:
    """Returns the shell's first prompt. When the shell has ended, frames are counted once more."""
    console = Console(boot("frames", "run sh", "frames", "checkpoint left"))
    console.wait_for(PROMPT)
    return console


def leave(console: Console, how: str = "exit\r") -> None:
    """Ends the shell. Nothing of it or its children may be left."""
    __tracebackhide__ = True
    console.guest.machine.send(how)
    console.guest.run_to("left")
    before, after = (fact.values["used"] for fact in console.guest.facts("frames"))
    assert before == after
    assert not console.guest.facts("panic")


# --- lines ----------------------------------------------------------------------------------------------------------


def test_a_line_is_a_program_and_its_arguments(shell: Console) -> None:
    assert shell.run("echo one  two   three ") == "one two three\n"
    assert shell.run("hello").startswith("Hello\nwrite returned 5\nHello from user mode, this is process ")
    assert shell.run("") == shell.run("    ") == ""
    leave(shell)


def test_each_character_appears_as_it_is_typed(shell: Console) -> None:
    for letter in "echo typed":
        assert shell.type(letter, until=letter) == letter
    assert shell.type("\r") == "\ntyped\n$ "


def test_what_is_typed_can_be_taken_back(shell: Console) -> None:
    assert "\nright\n$ " in shell.type(f"echp{BACKSPACE}o wrong{DELETE * 5}right\r")
    assert "\nright\n$ " in shell.type(f"wrong{CTRL_U}echo right\r")
    assert "\nright\n$ " in shell.type(f"{BACKSPACE * 3}{CTRL_U}echo right\r"), "there is nothing to take back"
    assert "\nright\n$ " in shell.type(f"echo {ESCAPE}[A{ESCAPE}[1;5C{ESCAPE}OPright\r"), "keys without a character"
    assert "\na b\n$ " in shell.type("echo\ta\x01\x07 b\r")


def test_lines_that_are_too_long(shell: Console) -> None:
    just = "echo " + "x" * (LONGEST_LINE - 5)
    assert shell.run(just) == "x" * (LONGEST_LINE - 5) + "\n"
    for excess in (1, 1000):
        answer = shell.type(just + "x" * excess + "\r")
        assert answer == f"{just}\nsh: that line is longer than {LONGEST_LINE} characters\n$ "
    assert shell.run("echo $?") == "2\n"
    assert "\nshort\n$ " in shell.type("x" * 300 + DELETE * 300 + "echo short\r")
    assert "^C\n$ " in shell.type("x" * 300 + CTRL_C)
    assert shell.run("echo after") == "after\n"
    leave(shell)


def test_lines_with_too_many_words(shell: Console) -> None:
    words = [str(number) for number in range(1, MOST_WORDS + 1)]
    assert shell.run(f"echo {' '.join(words[:-1])}") == " ".join(words[:-1]) + "\n"
    assert shell.run(f"echo {' '.join(words)}") == f"sh: that is more than {MOST_WORDS} words\n"
    assert shell.run("x " * 100) == f"sh: that is more than {MOST_WORDS} words\n"
    leave(shell)


@pytest.mark.parametrize("end", ["\r", "\n"])
def test_many_lines_are_pasted_at_once(shell: Console, end: str) -> None:
    """More than the kernel keeps, while programs run that take their time."""
    lines = [f"echo line {number}" if number % 10 else "spin 1" for number in range(1, 120)]
    shell.guest.machine.send("".join(line + end for line in lines))
    printed = shell.wait_for("\nline 119\n")
    assert re.findall(r"^line (\d+)$", printed, re.MULTILINE) == [str(n) for n in range(1, 120) if n % 10]
    shell.wait_for(PROMPT)
    leave(shell)


def test_what_is_typed_while_a_program_runs_waits(shell: Console) -> None:
    shell.type("hog 1\r", until="hog: has 1 pages\n")
    shell.guest.machine.send("echo meanwhile\recho more\r")
    answer = shell.type(CTRL_C, until="\nmore\n")
    assert answer.startswith("[interrupted]\n") and "\nmeanwhile\n" in answer
    shell.wait_for(PROMPT)
    leave(shell)


# --- how programs end -----------------------------------------------------------------------------------------------


def test_how_a_program_ended(shell: Console) -> None:
    assert shell.run("child exit 3") == "[exit status 3]\n"
    assert shell.run("echo $?") == "3\n"
    assert shell.run("echo $? x$?") == "0 x$?\n"
    assert shell.run("child touch 8").endswith("\n[killed: segmentation fault]\n")
    assert shell.run("echo $?") == "139\n"
    leave(shell)


def test_a_program_that_is_not_there(shell: Console) -> None:
    assert shell.run("nothing-of-that-name 1 2") == "sh: no program called nothing-of-that-name; `ls` lists them\n"
    assert shell.run("echo $?") == "127\n"
    assert shell.run("x" * 200) == f"sh: cannot run {'x' * 200}: its name or its arguments are too long\n"
    assert shell.run("echo $?") == "126\n"
    leave(shell)


def test_ctrl_c_ends_what_runs_and_not_the_shell(boot: Boot) -> None:
    """`spin` never calls the kernel: that it runs is seen by the ticks that it meets."""
    console = Console(boot("frames", "trace ticks 1000000", "run sh", "frames", "checkpoint left"))
    console.wait_for(PROMPT)
    console.guest.machine.send("spin\r")
    console.wait_for(" mode=user pid=3\n")
    console.guest.machine.send(CTRL_C)
    assert "[interrupted]\n" in console.wait_for(PROMPT)
    console.guest.machine.send("echo $?\r")
    assert "\n130\n" in console.wait_for(PROMPT)
    leave(console)


def test_ctrl_c_drops_the_line(shell: Console) -> None:
    assert shell.type("echo wrong" + CTRL_C) == "echo wrong^C\n$ "
    assert shell.run("echo right") == "right\n"
    assert shell.type(CTRL_C * 3 + "echo again\r") == "echo again\nagain\n$ ", "where nothing is typed it does nothing"
    leave(shell)


def test_programs_in_the_background(shell: Console) -> None:
    assert (started := re.match(r"\[process (\d+): child\]\n", shell.run("child exit 5 &")))
    shell.run("wait")
    assert f"\n[process {started[1]}: exit status 5]\n" in shell.guest.machine.serial().replace("\r", "")
    assert (started := re.search(r"\n\[process (\d+): hog\]\n", shell.type("hog 1&\r", until="hog: has 1 pages\n")))
    assert f" {started[1]}      2 sleeping hog\n" in shell.run("ps")
    shell.guest.machine.send("wait\r")
    shell.wait_for("wait\n")
    answer = shell.type(CTRL_C)
    assert f"[process {started[1]}: interrupted]\n" in answer
    assert shell.run("wait") == ""
    leave(shell)


def test_a_child_of_the_background_is_reaped_without_asking(shell: Console) -> None:
    for _ in range(150):  # more than there are places for
        shell.type("nothing&\r")
    assert shell.run("wait").count("exit status") <= 2
    assert shell.guest.machine.serial().count(": exit status 0]") == 150
    assert "cannot fork" not in shell.guest.machine.serial()
    leave(shell)


def test_no_process_is_to_be_had(shell: Console) -> None:
    shell.type("deadbeat &\r", until=" children")
    shell.type("echo hello\r", until="sh: cannot fork: there are too many processes\n")
    shell.type(CTRL_C + "wait\r", until=": interrupted]\n")
    shell.type("echo good again\r", until="\ngood again\n")
    leave(shell)


def test_each_allocation_fails_once(boot: Boot) -> None:
    """From the start of the shell to the end of a program in it. What the shell does not read, the monitor does."""
    most = 100
    console = Console(boot("frames"))
    console.wait_for(MONITOR_PROMPT)
    for k in range(1, most + 1):
        console.type(f"fail {k}\rrun sh\recho hello\recho goodbye\rexit\rfail 0\rframes\r", until="beyond_free=")
        console.wait_for(MONITOR_PROMPT)
    printed = console.guest.machine.serial().replace("\r", "")
    assert [f.values["result"] for f in console.guest.facts("run")] == ["no-memory"] * len(console.guest.facts("run"))
    for failure in ("fork", "run echo"):
        assert f"\nsh: cannot {failure}: no memory is left\n$ echo goodbye\ngoodbye\n" in printed
    assert {(f.values["signal"], f.values["why"]) for f in console.guest.facts("killed")} == {("9", "no-memory")}
    assert "\nhello\n" in printed.rpartition(f"fail {most}\n")[2], "there are that many allocations"
    assert len({fact.values["free"] for fact in console.guest.facts("frames")}) == 1


# --- the way out ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "status", "signal"),
    [("exit 7\r", 7, 0), ("exit\r", 0, 0), (CTRL_D, 0, 0), (CTRL_BACKSLASH, 0, 2), ("child exit 4\rexit\r", 4, 0)],
    ids=["exit-7", "exit", "ctrl-d", "ctrl-backslash", "last-status"],
)
def test_behind_the_shell_is_the_monitor(boot: Boot, how: str, status: int, signal: int) -> None:
    console = Console(boot("run sh"))
    console.wait_for(PROMPT)
    assert f"@exit pid=2 status={status} signal={signal}\n" in console.type(how, until=MONITOR_PROMPT)
    assert "beyond_free=" in console.type("frames\r", until=MONITOR_PROMPT)
    assert "\nHello\n" in console.type("run hello\r", until=MONITOR_PROMPT)
    assert PROMPT in console.type("run sh\r")


def test_exit_wants_a_number(shell: Console) -> None:
    for line in ("exit x", "exit 1 2", "exit 1x"):
        assert shell.run(line) == "sh: exit takes one number\n"
    assert shell.type(f"x{CTRL_D}\r").startswith("x\nsh: no program called x;"), "Ctrl-D ends only an empty line"
    leave(shell)


def test_a_shell_in_a_shell(shell: Console) -> None:
    assert shell.type("sh\r").endswith("\n$ ")
    shell.type("hog 1\r", until="hog: has 1 pages\n")
    assert "[interrupted]\n" in shell.type(CTRL_C)
    assert len(re.findall(r" sh$", shell.run("ps"), re.MULTILINE)) == 2
    assert shell.type("exit 9\r") == "exit 9\n[exit status 9]\n$ "
    leave(shell)


# --- the programs that go with it -----------------------------------------------------------------------------------


def test_help_names_what_the_shell_can_do(shell: Console) -> None:
    text = shell.run("help")
    for word in ("exit", "wait", "help", "&", "$?", "Ctrl-C", "Ctrl-U", "`ls`"):
        assert word in text


def test_ls_lists_the_programs(shell: Console, kernel: Kernel) -> None:
    files = (kernel.elf.parent / "archive").iterdir()
    sizes = {file.name: file.stat().st_size for file in files if file.suffix != ".tar"}
    listed = {name: int(size) for size, name in re.findall(r"^ *(\d+) (\S+)$", shell.run("ls"), re.MULTILINE)}
    assert listed == sizes


def test_ps_lists_the_processes(shell: Console) -> None:
    lines = [line.split() for line in shell.run("ps").splitlines()]
    assert lines[0] == ["PID", "PARENT", "STATE", "PROGRAM"]
    sh = lines.pop(2)  # ready, if a tick came before it could wait
    assert sh in (["2", "0", "waiting", "sh"], ["2", "0", "ready", "sh"])
    assert lines[1:] == [["0", "0", "waiting", "kernel"], ["3", "2", "running", "ps"]]


def test_vmmap_lists_its_own_areas(shell: Console) -> None:
    pattern = r"([0-9a-f]{12})-([0-9a-f]{12}) ([r-][w-][x-]) +(\d+) of +(\d+) pages (\w+)"
    areas = [re.fullmatch(pattern, line) for line in shell.run("vmmap").splitlines()]
    assert all(areas)
    rows = [(int(a[1], 16), int(a[2], 16), a[3], int(a[4]), int(a[5]), a[6]) for a in areas if a]
    assert all(present <= pages == (end - start) // 4096 for start, end, _, present, pages, _ in rows)
    assert rows[0][0] == 0x400000 and rows[0][2] == "r-x" and rows[0][3] > 0
    assert rows[-1][1] == 0x4000_0000 and rows[-1][2:3] + rows[-1][5:] == ("rw-", "stack")
    assert [row[5] for row in rows].count("image") >= 3


@pytest.mark.parametrize("timer", [200, 10_000])
def test_forktest(boot: Boot, timer: int) -> None:
    guest = boot("frames", f"timer {timer}", "run forktest", "timer 10000", "frames", "checkpoint done")
    guest.run_to("done")
    printed = guest.machine.serial().replace("\r", "")
    assert (guest.fact("exit").values["status"], guest.fact("exit").values["signal"]) == ("0", "0"), printed
    assert "forktest: process 2 had the children 3 4 5 6 7\n" in printed
    assert sorted(re.findall(r"^child number (\d) is process (\d)$", printed, re.MULTILINE)) == [
        (str(number), str(number + 3)) for number in range(5)
    ]
    assert "forktest: a tree of 15 processes\n" in printed and "forktest: all is well\n" in printed
    assert len({fact.values["free"] for fact in guest.facts("frames")}) == 1


def test_vmatest(boot: Boot) -> None:
    """Each of its deaths is one by a fault that the kernel tells of."""
    guest = boot("frames", "run vmatest", "frames", "checkpoint done")
    guest.run_to("done")
    printed = guest.machine.serial().replace("\r", "")
    assert (guest.fact("exit").values["status"], guest.fact("exit").values["signal"]) == ("0", "0"), printed
    assert "vmatest: all is well\n" in printed
    source = (ROOT / "user/tests/vmatest.cc").read_text(encoding="utf-8")
    misdeeds = re.findall(r'^    \{"([\w-]+)"', source, re.MULTILINE)
    assert len(guest.facts("killed")) == len(misdeeds) >= 15
    assert len({fact.values["free"] for fact in guest.facts("frames")}) == 1


@pytest.mark.parametrize("seed", [1, 2])
def test_stress(boot: Boot, seed: int) -> None:
    guest = boot("frames", "timer 500", f"run stress 5 {seed}", "timer 10000", "frames", "checkpoint done")
    guest.run_to("done")
    printed = guest.machine.serial().replace("\r", "")
    assert f"stress: 5 rounds with seed {seed}, 110 children of mine, 0 times something was not to be had\n" in printed
    assert "stress: all is well\n" in printed
    assert len({fact.values["free"] for fact in guest.facts("frames")}) == 1


def test_stress_without_enough_memory(boot: Boot) -> None:
    """Little is left, so that fork and execve fail, and pages that were promised cannot be had."""
    probe = boot("frames", "checkpoint ready", ram_mib=64)
    probe.run_to("ready")
    free = int(probe.fact("frames").values["beyond_free"])
    guest = boot(
        "frames", f"start hog {free - 110}", "run sleep 1", "run stress 10 3", "kill 2", "frames", "checkpoint done",
        ram_mib=64,
    )  # fmt: skip
    guest.run_to("done")
    printed = guest.machine.serial().replace("\r", "")
    assert "hog: has " in printed and "stress: all is well\n" in printed
    misses = re.search(r"^stress: 10 rounds .* (\d+) times something was not to be had$", printed, re.MULTILINE)
    assert misses and int(misses[1]) > 20
    assert {fact.values["why"] for fact in guest.facts("killed")} <= {"no-memory"}
    assert len({fact.values["free"] for fact in guest.facts("frames")}) == 1
