"""The settings for editors: what they name is there, debugging works as the editor does it, students get their share."""

import json
import os
import re
import select
import signal
import subprocess
from collections.abc import Iterator
from configparser import ConfigParser
from fnmatch import fnmatch
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

import pytest

from grade.cutting.cutter import render
from grade.guest.guest import MONITOR_PROMPT
from grade.isa import ISAS
from grade.ladder.build import build_kernel
from grade.ladder.trees import find_root
from grade.tests.documents.doc_commands import Shown, problem
from grade.tests.documents.test_doc_commands import main
from grade.tests.terminals import pseudo_terminal

ROOT = find_root(Path(__file__))
FOLDER = "${workspaceFolder}/"
_BACKSTOP = 60.0  # seconds, for what ought to come at once


def settings(name: str) -> dict:
    return json.loads((ROOT / name).read_text(encoding="utf-8"))


CONFIGURATIONS = settings(".vscode/launch.json")["configurations"]
TASKS = settings(".vscode/tasks.json")["tasks"]


@pytest.mark.parametrize(
    "name", [".vscode/launch.json", ".vscode/tasks.json", ".vscode/extensions.json", ".devcontainer/devcontainer.json"]
)
def test_settings_are_plain_json_in_the_form_in_which_they_are_handed_out(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == json.dumps(settings(name), indent=2) + "\n"


def test_every_task_can_be_run() -> None:
    for task in TASKS:
        command = " ".join([task["command"], *task["args"]])
        assert problem(Shown(0, command), main()) is None, command
    assert problem(Shown(0, settings(".devcontainer/devcontainer.json")["onCreateCommand"]), main()) is None


def test_there_is_a_task_and_a_way_to_debug_for_each_isa() -> None:
    labels = [task["label"] for task in TASKS]
    assert len(set(labels)) == len(labels)
    for isa in ISAS:
        assert {f"grade ({isa})", f"run ({isa})"} <= set(labels)
        (configuration,) = [one for one in CONFIGURATIONS if isa in one["name"]]
        assert configuration["program"] == f"{FOLDER}build/{isa}/kernel.elf"
        assert "preLaunchTask" not in configuration  # the debugger builds by itself, and boots nothing that could hang
        assert os.access(ROOT / configuration["miDebuggerPath"].removeprefix(FOLDER), os.X_OK)


@pytest.mark.parametrize("isas", [("x86_64",), ("aarch64",), ISAS])
def test_students_get_what_is_about_their_isas(isas: tuple[str, ...]) -> None:
    files = {path: content for path, (content, _) in render(ROOT, 3, 0, isas, with_grader=True).items()}
    others = [isa for isa in ISAS if isa not in isas]
    for name, key in ((".vscode/launch.json", "configurations"), (".vscode/tasks.json", "tasks")):
        text = files[name].decode()
        assert not [isa for isa in others if isa in text] and all(isa in text for isa in isas)
        assert len(json.loads(text)[key]) > len(isas) - 1 and '"test"\n' not in text
    mode = render(ROOT, 3, 0, isas)[".vscode/pagewalk-gdb"][1]
    assert mode & 0o111 and ".editorconfig" in files and ".devcontainer/devcontainer.json" in files


class Debugger:
    """The debugger of a configuration, started and spoken to as the editor does it: with a terminal for the guest."""

    def __init__(self, configuration: dict) -> None:
        self.configuration = configuration
        self.screen, terminal = pseudo_terminal()
        program = configuration["miDebuggerPath"].replace(FOLDER, f"{ROOT}/")
        arguments = ["--interpreter=mi", f"--tty={os.ttyname(terminal)}", *configuration["miDebuggerArgs"].split()]
        self.process = subprocess.Popen(
            [program, *arguments], cwd=ROOT, text=True, bufsize=1, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
        self._answers: SimpleQueue[str] = SimpleQueue()
        self._reader = Thread(target=lambda: [self._answers.put(line) for line in self.process.stdout])
        self._reader.start()
        self._terminal = terminal

    def say(self, line: str, until: str) -> str:
        """Sends a line; what comes back, to the first line that begins with `until`."""
        self.process.stdin.write(f"{line}\n")
        return self._listen(until, _BACKSTOP)

    def pause(self) -> str:
        """Interrupts, as the editor does: GDB overlooks that while it is about to let the guest run."""
        for _ in range(round(_BACKSTOP)):
            self.process.send_signal(signal.SIGINT)
            try:
                return self._listen("*stopped", 1)
            except Empty:
                continue
        raise AssertionError("it cannot be interrupted")

    def _listen(self, until: str, seconds: float) -> str:
        seen = []
        while not seen or not seen[-1].startswith(until):
            seen.append(self._answers.get(timeout=seconds))
            assert not seen[-1].startswith("^error"), "".join(seen)
        return "".join(seen)

    def wait_for_guest(self, text: str) -> None:
        """Waits until the guest has printed this."""
        printed = ""
        while text not in printed:
            assert select.select([self.screen], [], [], _BACKSTOP)[0], printed
            printed += os.read(self.screen, 4096).decode()

    def close(self) -> None:
        """Ends it."""
        self.process.stdin.close()
        try:
            self.process.wait(_BACKSTOP)
        except subprocess.TimeoutExpired:  # it failed while the guest ran
            os.killpg(self.process.pid, signal.SIGKILL)
        self._reader.join()
        self.process.stdout.close()
        os.close(self.screen)
        os.close(self._terminal)


@pytest.fixture(params=CONFIGURATIONS, ids=lambda one: one["name"])
def debugger(request: pytest.FixtureRequest) -> Iterator[Debugger]:
    build_kernel(ROOT, request.param["program"].split("/")[-2])
    started = Debugger(request.param)
    yield started
    started.close()


def test_an_editor_debugs_the_kernel(debugger: Debugger) -> None:
    """It connects, comes to kernel_main with the source, interrupts the guest that runs on, and leaves nothing behind."""
    for command in debugger.configuration["customLaunchSetupCommands"]:
        debugger.say(f'-interpreter-exec console "{command["text"]}"', "^done")
    assert debugger.configuration["launchCompleteCommand"] == "exec-continue"
    stop = debugger.say("-exec-continue", "*stopped")
    assert 'reason="breakpoint-hit"' in stop and 'func="kernel_main"' in stop
    assert f'fullname="{ROOT}/kernel/main.cc"' in stop
    assert "level 0" in debugger.say('-interpreter-exec console "pt $pc"', "^done")  # the commands about paging are there
    debugger.say("-exec-continue", "*running")
    debugger.wait_for_guest(MONITOR_PROMPT)
    assert 'signal-name="SIGINT"' in debugger.pause()
    debugger.say("-gdb-exit", "^exit")
    assert debugger.process.wait() == 0


def test_the_editorconfig_is_the_style_that_is_kept() -> None:
    parser = ConfigParser()
    parser.read_string("[top]\n" + (ROOT / ".editorconfig").read_text(encoding="utf-8"))
    column = re.search(r"ColumnLimit: (\d+)", (ROOT / ".clang-format").read_text(encoding="utf-8"))[1]
    assert parser["*"]["max_line_length"] == column
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    wrong = []
    for name in listing:
        size, trims = None, True
        for section in parser.sections()[1:]:
            suffixes = re.sub(r"\*\.\{(.*)\}", r"\1", section).split(",")
            if fnmatch(name, section) or Path(name).suffix.removeprefix(".") in suffixes:
                size = parser[section].get("indent_size", size)
                trims = parser[section].getboolean("trim_trailing_whitespace", trims)
        text = (ROOT / name).read_bytes().decode("utf-8")
        if trims and (re.search(r"[ \t\r]$", text, re.MULTILINE) or (text and not text.endswith("\n"))):
            wrong.append(name)
        if size == "4" and name.endswith(".py") and re.search(r"^(?: {4})* {1,3}def ", text, re.MULTILINE):
            wrong.append(name)
    assert not wrong
