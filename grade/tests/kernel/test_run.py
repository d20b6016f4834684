"""./pagewalk run PROGRAM: what the kernel is told, what the terminal shows, the exit status, and how it is ended."""

import os
import shlex
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grade.isa import ISAS
from grade.ladder.trees import find_root
from grade.machine.boot_parameters import MAGIC
from grade.program_run import BadProgram, ProgramWatch, script_line
from grade.tests.terminals import pseudo_terminal

ROOT = find_root(Path(__file__))
RUN = [sys.executable, "-m", "grade", "run"]
FOREVER = "ticks 4000000000"
PATIENCE = 30.0

FAKE = """\
#!/bin/sh
[ "$1" = --version ] && echo 'QEMU emulator version 7.2.0' && exit
for word; do case $word in loader,file=*) file=${word#*=} && cat "${file%%,*}" >HERE/parameters; break ;; esac; done
printf '%s\\n' "$@" >HERE/words
cat HERE/output
"""


class FakeQemu:
    """A QEMU that notes what it is told, and prints what it is told to print."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        program = folder / "qemu-system-x86_64"
        program.write_text(FAKE.replace("HERE", shlex.quote(str(folder))))
        program.chmod(0o755)

    def run(self, output: bytes, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """Runs `./pagewalk run ARGUMENTS` on a machine that prints `output`."""
        (self.folder / "output").write_bytes(output)
        environment = {**os.environ, "PATH": f"{self.folder}:{os.environ['PATH']}"}
        return subprocess.run([*RUN, *arguments], cwd=ROOT, env=environment, capture_output=True, check=False)

    def script(self) -> str:
        """Returns the monitor's script that the last machine got."""
        data = (self.folder / "parameters").read_bytes()
        assert int.from_bytes(data[:8], "little") == MAGIC
        return data[40:].decode()


@pytest.fixture
def fake(tmp_path: Path) -> FakeQemu:
    return FakeQemu(tmp_path)


STARTED = "@process pid=2 parent=1 state=ready root=0x1000 stack=0xffff800000000000 program=hello"
DONE = "@exit pid=2 status=0 signal=0"


def said(*lines: str) -> bytes:
    """Returns what the kernel prints from the command on that runs `hello`."""
    return "".join(line + "\r\n" for line in ("> run hello", *lines, "> poweroff", "@poweroff")).encode()


@pytest.mark.parametrize(
    ("output", "succeeded"),
    [
        (said(STARTED, "Hello", DONE), True),
        (said(STARTED, "Hello", DONE).replace(b"\r", b""), True),
        (said(STARTED, "@exit pid=2 status=3 signal=0"), False),
        (said(STARTED, "@fault mode=user", "@killed pid=2 signal=11", "@exit pid=2 status=0 signal=11"), False),
        (said("@run program=hello result=no-such-program"), False),
        (said("@run program=hello result=not-executable why=wrong-machine"), False),
        (said("@misuse command=run reason=unknown-command"), False),
        (said(STARTED, "Hello"), False),
        (said("Hello", DONE), False),
        (said(STARTED, "@killed pid=10 signal=9", DONE), True),
        (said(STARTED, "@exit pid=1 status=7 signal=0", DONE), True),  # of a program that was there before
        (said(STARTED, "@exit pid=1 status=0 signal=0"), False),
        (said(STARTED, "@exit status=0 signal=0", "@exit pid=x status=0 signal=0"), False),
        (said(STARTED, "I say " + DONE), False),
        (said(STARTED, DONE, "@exit pid=2 status=1 signal=0"), False),  # the first was the program's own invention
        (b"> run other\n" + STARTED.encode() + b"\n" + said(DONE), False),
        (said(STARTED, "@exit pid=2 status=1 signal=0") + said(STARTED, DONE), True),
        (said(STARTED, DONE) + said(STARTED, "@exit pid=2 status=1 signal=0"), False),
        (f"> run hello\n{STARTED}\nx\n{DONE}".encode(), False),  # the machine ended in the middle of a line
        (b"", False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_the_facts_say_how_a_program_ended(output: bytes, succeeded: bool, size: int) -> None:
    watch = ProgramWatch(script_line(["hello"]))
    for start in range(0, len(output), size):
        watch.take(output[start : start + size])
    assert watch.succeeded == succeeded


def test_a_program_that_never_ends_its_line_does_not_fill_our_memory() -> None:
    watch = ProgramWatch("run hello")
    watch.take(b"> run hello\n")
    for _ in range(100):
        watch.take(b"x" * 65536)
    assert len(watch._unfinished) < 65536
    watch.take(said(STARTED, DONE))
    assert watch.succeeded


@pytest.mark.parametrize("word", ["", "a;b", "a b", "a\nb", "a\rb", "a\tb", "a\0b", "a\x1b[0m"])
@pytest.mark.parametrize("place", [0, 1])
def test_a_word_that_would_break_the_script_is_refused(word: str, place: int) -> None:
    words = ["hello", "hello"]
    words[place] = word
    with pytest.raises(BadProgram, match="cannot be a word of the monitor's script") as caught:
        script_line(words)
    assert repr(word) in str(caught.value)


def test_the_command_line_refuses_it_too(fake: FakeQemu) -> None:
    run = fake.run(b"", "hello", "a;poweroff")
    assert run.returncode == 2
    assert run.stderr == b"Error: 'a;poweroff' cannot be a word of the monitor's script: ';' has a meaning there\n"
    assert not (fake.folder / "words").exists()


def test_the_kernel_is_told_to_run_the_program_and_stop(fake: FakeQemu) -> None:
    assert fake.run(said(STARTED, DONE), "hello").returncode == 0
    assert fake.script() == "run hello\npoweroff"
    fake.run(b"", "--script", "timer 100;frames", "echo", "--", "-n", "--isa", "\u00e9")
    assert fake.script() == "timer 100\nframes\nrun echo -n --isa \u00e9\npoweroff"


def test_without_a_program_it_is_the_shell(fake: FakeQemu) -> None:
    run = fake.run(b"$ ", "--script", "frames;ps")
    assert (run.returncode, run.stdout) == (0, b"Ctrl-A X ends the machine.\n$ ")
    assert fake.script() == "frames\nps\nrun sh"
    assert "mon:stdio" in (fake.folder / "words").read_text().splitlines()
    fake.run(b"$ ")
    assert fake.script() == "run sh"


@pytest.mark.parametrize("option", [["--monitor"], ["--lab", "4"]], ids=["asked-for", "lab-without-a-shell"])
def test_there_is_a_way_to_the_monitor(fake: FakeQemu, option: list[str]) -> None:
    run = fake.run(b"pagewalk> ", *option, "--script", "frames")
    assert (run.returncode, run.stdout) == (0, b"Ctrl-A X ends the machine.\npagewalk> ")
    assert fake.script() == "frames"


def test_a_program_and_the_monitor_are_not_asked_for_at_once(fake: FakeQemu) -> None:
    run = fake.run(b"", "--monitor", "hello")
    assert run.returncode == 2
    assert b"--monitor goes without PROGRAM" in run.stderr
    assert not (fake.folder / "words").exists()


@pytest.mark.parametrize(("fact", "status"), [(DONE, 0), ("@exit pid=2 status=1 signal=0", 1)])
def test_the_terminal_shows_every_byte_of_the_guest(fake: FakeQemu, fact: str, status: int) -> None:
    output = said(STARTED, fact) + bytes(range(256)) * 1000 + b"no end of line"
    run = fake.run(output, "hello")
    assert run.stdout == output
    assert (run.returncode, run.stderr) == (status, b"")


def test_nobody_listening_ends_the_machine(fake: FakeQemu) -> None:
    (fake.folder / "output").write_bytes(b"y\n" * 1_000_000)
    environment = {**os.environ, "PATH": f"{fake.folder}:{os.environ['PATH']}"}
    command = f"{shlex.join([*RUN, 'hello'])} | head -n 1"
    run = subprocess.run(["sh", "-c", command], cwd=ROOT, env=environment, capture_output=True, timeout=60, check=False)
    assert (run.stdout, run.stderr) == (b"y\n", b"")


# --- with a machine ------------------------------------------------------------------------------------------


def run_program(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*RUN, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(
    ("words", "status", "output"),
    [
        (["hello"], 0, "Hello"),
        (["echo", "--", "-n", "a", "--isa"], 0, "-n a --isa\n"),
        (["bench", "no-such-operation", "1"], 1, "@exit pid=2 status=1 signal=0"),
        (["nothing-of-that-name"], 1, "@run program=nothing-of-that-name result=no-such-program"),
        (["child", "touch", "8"], 1, "@killed pid=2 program=child signal=11"),
        (["family"], 0, "program=child signal=11"),
    ],
    ids=["hello", "arguments", "status-1", "no-such-program", "killed", "killed-child"],
)
def test_programs(isa: str, words: list[str], status: int, output: str) -> None:
    run = run_program("--isa", isa, *words)
    assert run.returncode == status, run.stdout + run.stderr
    assert output in run.stdout and run.stdout.endswith("@poweroff\n")


def test_a_program_is_told_from_one_that_runs_beside_it() -> None:
    run = run_program("--script", "start spin 1", "child", "exit", "3")
    assert run.returncode == 1, run.stdout
    run = run_program("--script", "start child exit 3", "spin", "30")
    assert run.returncode == 0, run.stdout
    assert "@exit pid=2 status=3" in run.stdout


def children(pid: int) -> list[int]:
    """Returns the processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def gone(pid: int) -> bool:
    """Returns whether the process has ended; a zombie has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


class Session:
    """`./pagewalk run`, as somebody sees it who sits at a terminal of its own."""

    def __init__(self, folder: Path, arguments: list[str]) -> None:
        self.keyboard, self.terminal = pseudo_terminal()
        self.attributes = termios.tcgetattr(self.terminal)
        self.screen = b""
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *RUN, *arguments],
            cwd=ROOT, env={**os.environ, "TMPDIR": str(folder)},
            stdin=self.terminal, stdout=self.terminal, stderr=self.terminal,
        )  # fmt: skip
        os.set_blocking(self.keyboard, False)

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Reads the screen until the condition holds."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, self.screen
            try:
                self.screen += os.read(self.keyboard, 65536)
            except BlockingIOError:
                time.sleep(0.01)

    def children(self) -> list[int]:
        """Returns QEMU."""
        return children(self.process.pid)

    def close(self) -> None:
        """Ends what may be left."""
        self.process.kill()
        self.process.wait()
        os.close(self.keyboard)
        os.close(self.terminal)


Start = Callable[..., Session]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    sessions: list[Session] = []

    def begin(*arguments: str) -> Session:
        sessions.append(session := Session(tmp_path, list(arguments)))
        session.wait_for(lambda: f"> {FOREVER}".encode() in session.screen)
        return session

    yield begin
    for session in sessions:
        session.close()


@pytest.mark.parametrize(
    ("keys", "arguments", "status"),
    [(b"\x03", ["hello"], 130), (b"\x01x", ["hello"], 1), (b"\x01x", [], 0)],
    ids=["ctrl-c", "ctrl-a-x", "monitor"],
)
def test_the_keys_that_end_it_leave_nothing_behind(
    start: Start, tmp_path: Path, keys: bytes, arguments: list[str], status: int
) -> None:
    session = start("--script", FOREVER, *arguments)
    (qemu,) = session.children()
    os.write(session.keyboard, keys)
    session.wait_for(lambda: session.process.poll() is not None)
    assert session.process.returncode == status
    assert gone(qemu)
    assert b"Traceback" not in session.screen
    assert termios.tcgetattr(session.terminal) == session.attributes
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("isa", ISAS)
def test_the_shell_on_a_terminal(tmp_path: Path, isa: str) -> None:
    """Ctrl-C is the guest's, and after the shell comes the monitor."""
    session = Session(tmp_path, ["--isa", isa])
    try:
        for keys, answer in [
            (b"", b"\n$ "),
            (b"echp\x7fo hello\r", b"\nhello"),
            (b"hog 1\r", b"hog: has 1 pages"),
            (b"\x03", b"[interrupted]"),
            (b"exit\r", b"pagewalk> "),
            (b"poweroff\r", b"@poweroff"),
        ]:
            os.write(session.keyboard, keys)
            session.wait_for(lambda answer=answer: answer in session.screen)
        session.wait_for(lambda: session.process.poll() is not None)
        assert session.process.returncode == 0
    finally:
        session.close()


def test_a_qemu_that_dies_does_not_spoil_the_terminal(start: Start) -> None:
    session = start("--script", FOREVER, "hello")
    (qemu,) = session.children()
    assert termios.tcgetattr(session.terminal) != session.attributes
    os.kill(qemu, signal.SIGKILL)
    session.wait_for(lambda: session.process.poll() is not None)
    assert session.process.returncode == 1
    assert termios.tcgetattr(session.terminal) == session.attributes


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_killed_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    """Without a terminal, whose end would end QEMU as well."""
    with subprocess.Popen(
        [*RUN, "--script", FOREVER, "hello"],
        cwd=ROOT, env={**os.environ, "TMPDIR": str(tmp_path)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        while f"> {FOREVER}" not in process.stdout.readline().decode():
            assert process.poll() is None
        (qemu,) = children(process.pid)
        process.send_signal(number)
    deadline = time.monotonic() + PATIENCE
    while not gone(qemu):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert not list(tmp_path.iterdir())
