"""Too much of everything, against the whole tree's kernel: time, memory, processes; it lives, and no frame is lost."""

import time
from collections import Counter
from collections.abc import Callable
from errno import EAGAIN, ENOMEM
from signal import SIGINT, SIGKILL

import pytest

from grade.guest.guest import Guest
from grade.machine.stop import StopKind
from grade.tests.kernel.hostile_runs import Attack, attack, check_alive, check_nothing_is_left, killed, said

_ = attack  # the fixture
_TYPED = 0.2  # seconds in which what was sent is in the serial port of a machine that stands still


def test_endless_loops(attack: Attack) -> None:
    guest = attack("start spin", "start spin", "run hello", "run keeper 5 3", "ps", "kill 2", "kill 3")
    assert [f.values["state"] for f in guest.facts("process") if f.values["program"] == "spin"][2:] == ["ready"] * 2
    assert said(guest, r"keeper: (.*)") == [("kept its registers for 3 rounds",)]


def test_a_call_that_would_print_for_ever(boot: Callable[..., Guest]) -> None:
    """While the kernel prints, it hears no Ctrl-C: so a call must not print as much as a program likes."""
    guest = boot("frames", "run chatter", "frames", "run hello", "frames", "checkpoint survived")
    assert guest.machine.run(until="chatter: begins").kind is StopKind.OUTPUT, guest.machine.serial()
    guest.machine.send("\x03")
    guest.run_to("survived")
    assert guest.facts("exit")[0].values["signal"] == str(SIGINT)
    check_alive(guest)
    check_nothing_is_left(guest)


@pytest.mark.parametrize(("ram_mib", "error"), [(64, ENOMEM), (256, EAGAIN)])
def test_memory_and_processes_run_out(attack: Attack, ram_mib: int, error: int) -> None:
    """With little memory that is what there is no more of; else the numbers of processes are."""
    guest = attack("run glutton", "run glutton", ram_mib=ram_mib)
    assert said(guest, r"glutton: the last one got error (\d+)") == [(str(error),)] * 2
    assert set(killed(guest)) <= {("glutton", SIGKILL)} and {f.values["why"] for f in guest.facts("killed")} <= {"no-memory"}


def test_a_fork_bomb(attack: Attack) -> None:
    """Nobody waits for anybody: all are orphans in the end, and process 0 takes note of them."""
    guest = attack("run rabbits 2", "wait")
    litters = [(int(young), int(error)) for young, error in said(guest, r"rabbits: (\d+) young, then error (\d+)")]
    assert litters and {error for _, error in litters} == {EAGAIN}
    assert sum(young for young, _ in litters) >= 126
    assert len(guest.facts("exit")) == sum(young for young, _ in litters) + 2  # and the first one, and hello


def test_an_endless_fork_bomb_and_the_monitor(attack: Attack) -> None:
    """Everybody tries to fork, and takes each place that becomes free. The monitor is quicker with a program of its own,
    and can end them one after the other: while it has the CPU, nobody forks."""
    kills = [f"kill {pid}" for pid in range(2, 140)]  # 127 processes, sleep, hello, and some
    guest = attack("start forkbomb", "run sleep 1", "run hello", "ps", *kills, "ps")
    assert said(guest, r"forkbomb: fork fails with error (\d+)") == [(str(EAGAIN),)]
    assert len(said(guest, r"(Hello from user mode), this is process \d+")) == 2
    told = [f.values["program"] for f in guest.facts("process")]
    first = told.index("kernel")
    assert set(told[first:-2]) == {"kernel", "forkbomb"} and told[first:].count("forkbomb") >= 126
    assert told[-2:] == ["kernel", "hello"]
    assert Counter(f.values["signal"] for f in guest.facts("exit")).keys() == {"0", str(SIGKILL)}


def test_an_endless_fork_bomb_and_ctrl_c(boot: Callable[..., Guest]) -> None:
    """The shell that started it is still there, and its prompt comes back."""
    guest = boot("frames", "run sh", "frames", "checkpoint survived")

    def wait_for(text: str) -> None:
        assert guest.machine.run(until=text).kind is StopKind.OUTPUT, guest.machine.serial()[-2000:]

    wait_for("$ ")
    guest.machine.send("forkbomb\r")
    wait_for("forkbomb: fork fails")
    guest.machine.send("\x03")
    wait_for("[interrupted]")
    wait_for("$ ")
    guest.machine.send("ps\r")
    wait_for("running ps\n")
    assert "forkbomb\n" not in guest.machine.serial().replace("\r", "").rpartition("PID PARENT")[2]
    guest.machine.send("forkbomb &\r")
    wait_for("forkbomb: fork fails")
    guest.machine.send("nobody\r")
    wait_for("sh: cannot fork: there are too many processes\n")
    # What is pasted after Ctrl-C must not overtake it: here the shell itself is the first to see both, before any tick.
    guest.run_to_address(guest.image.function("console_read"), "the shell's read")
    guest.machine.send("\x03hello\rexit\r")
    time.sleep(_TYPED)
    guest.run_to("survived")
    assert "Hello from user mode" in guest.machine.serial().rpartition("cannot fork")[2]
    check_nothing_is_left(guest)


def test_zombies_that_nobody_wants(attack: Attack) -> None:
    """They take all the places there are until their parent ends."""
    # The second sleep takes the place that spin had, and hello finds none. Nobody can kill the dead.
    lines = ("start sleep 3600", "run hello", "ps", "kill 4", "kill 129", "kill 2")
    guest = attack("start deadbeat", "run spin 100", *lines)
    ((children,),) = said(guest, r"deadbeat: (\d+) children")
    assert guest.fact("run").values["result"] == "no-process-slot"
    assert [f.values["reason"] for f in guest.facts("misuse")] == ["no-such-process"]
    states = Counter(f.values["state"] for f in guest.facts("process"))
    assert states["zombie"] == int(children) == 125
    assert len(guest.facts("exit")) == int(children) + 4  # spin, sleep, deadbeat, and the last hello


def test_numbers_of_processes_begin_again(attack: Attack) -> None:
    guest = attack("run generations 1200", "ps", "kill 3")
    assert said(guest, r"generations: (.*)") == [("highest 999, restarts 1, elder lives",)]
    assert guest.facts("process")[-2].values["pid"] == "3"


def test_kill_in_every_state(attack: Attack) -> None:
    guest = attack(
        "start sleep 3600", "start launch sleep 3600", "start spin", "run spin 20", "ps",
        "kill 2", "kill 3", "kill 4", "ps", "kill 6", "kill 6", "kill 0", "ps",
    )  # fmt: skip
    told = [(f.values["pid"], f.values["program"], f.values["state"]) for f in guest.facts("process")]
    first = told.index(("0", "kernel", "running"))
    assert told[first : first + 5] == [
        ("0", "kernel", "running"), ("2", "sleep", "sleeping"), ("3", "launch", "waiting"), ("4", "spin", "ready"),
        ("6", "sleep", "sleeping"),
    ]  # fmt: skip
    assert told[first + 5 :][:3] == [("0", "kernel", "running"), ("6", "sleep", "sleeping"), ("0", "kernel", "running")]
    assert [f.values["reason"] for f in guest.facts("misuse")] == ["no-such-process"] * 2
    ends = {f.values["pid"]: f.values["signal"] for f in guest.facts("exit")}
    assert {pid: ends[pid] for pid in ("2", "3", "4", "6")} == dict.fromkeys(("2", "3", "4", "6"), str(SIGKILL))


def test_each_allocation_fails_once(attack: Attack) -> None:
    """Those for a program of the monitor's, those for its child, which a system call asks for, and those in faults of
    either: for want of a page a program is killed."""
    most = 60
    lines = [line for k in range(1, most) for line in (f"fail {k}", "run launch nothing", "fail 0", "frames")]
    guest = attack(*lines)
    by_monitor = [fact.values["result"] for fact in guest.facts("run")]
    by_program = [status for (status,) in said(guest, r"launch: spawn returned (.*)")]
    fine = said(guest, r"launch: (ended with status 0 signal 0)")
    assert set(by_monitor) == {"no-memory"} and set(by_program) == {str(-ENOMEM)} and len(fine) > 0
    assert len(by_monitor) >= 10 and len(by_program) >= 10
    assert len(by_monitor) + len(by_program) + killed(guest).total() + len(fine) == most - 1
    assert set(killed(guest)) == {("launch", SIGKILL), ("nothing", SIGKILL)}
    assert said(guest, r"launch: (ended with status 0 signal 9)")
    assert len({fact.values["free"] for fact in guest.facts("frames")}) == 1
