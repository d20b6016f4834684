"""./pagewalk view: the picture of a milestone that failed, or of a kernel that a script has brought somewhere."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from grade.boot.sight import Sight
from grade.diagnosis import diagnose
from grade.failed.choice import check_unchanged, choose_failed
from grade.failed.failed_run import FailedRun, command_for
from grade.failed.kill_point import at_kill, end_of_a_process
from grade.guest.guest import CHECKPOINT, Guest
from grade.interactive import Setting
from grade.ladder.files import need_folder_of
from grade.ladder.labs import LadderError
from grade.ladder.trees import Tree
from grade.machine.stop import StopKind
from grade.results.failure import Failure, NotWritten
from grade.run_plan import Target
from grade.view.page import write_page
from grade.view.picture import Subject, first_walk, picture_of
from grade.view.text import print_picture
from grade.visible import visible

PAGE_FILE = "view.html"
_CHECKPOINT = "checkpoint"
_CPU_SECONDS = 30.0
_RAM_MIB = 128


@dataclass(frozen=True)
class ViewOptions:
    """The options of ./pagewalk view. `milestone` '' is the one that failed last; `script` '' boots nothing."""

    milestone: str
    isa: str
    lab: int | None
    va: str | None
    script: str
    output: Path | None
    as_text: bool


def view(tree: Tree, console: Console, options: ViewOptions) -> None:
    """Shows the picture, or writes it and says where it is. LadderError if there is none to show."""
    va = _address(options.va) if options.va is not None else None
    if options.output is not None:
        need_folder_of(options.output)
    if options.script:
        return _view_script(tree, console, options, va)
    failed = _failed_run(tree, options)
    guest = failed.guest()
    if guest is None:
        raise LadderError(f"of milestone {failed.milestone} there is no machine to look at: QEMU had gone")
    subject = subject_of(failed.milestone, failed, failed.failure, va)
    with at_kill(failed) as killing:
        _show(killing or guest, subject, options, console, failed.folder / PAGE_FILE)


def subject_of(milestone: str, target: Target | FailedRun, failure: Failure, va: int | None = None) -> Subject:
    """Returns what the picture of a failed milestone says about itself."""
    on = "" if milestone.startswith(f"{target.lab}.") else f" on lab {target.lab}"
    return Subject(f"Milestone {milestone}{on}", failure, va, command_for("gdb", target, milestone))


def _address(text: str) -> int:
    try:
        address = int(text, 16)
    except ValueError:
        raise LadderError(f"--va {text}: that is no number in hexadecimal, such as 0x400000") from None
    if not 0 <= address < 1 << 64:
        raise LadderError(f"--va {text}: an address has 64 bits at most")
    return address


def _failed_run(tree: Tree, options: ViewOptions) -> FailedRun:
    failed = choose_failed(tree, options.milestone, options.isa, options.lab)
    kept = failed.folder / PAGE_FILE
    check_unchanged(failed, f"; the picture from then: {shown(kept)}" if kept.exists() else "")
    return failed


def _view_script(tree: Tree, console: Console, options: ViewOptions, va: int | None) -> None:
    kernel = Setting(tree, options.isa, options.lab, _RAM_MIB, "").kernel()
    lines = [line.strip() for line in options.script.replace(";", "\n").splitlines() if line.strip()]
    script = "\n".join([*lines, f"{_CHECKPOINT} view"])
    with Guest(kernel, script, ram_mib=_RAM_MIB, cpu_budget=_CPU_SECONDS, idle_backstop=_CPU_SECONDS) as guest:
        subject = _run(guest, lines, va)
        _show(guest, subject, options, console, tree.root / "build" / f"view-{options.isa}.html")


def _run(guest: Guest, lines: list[str], va: int | None) -> Subject:
    """Runs to the script's last checkpoint; without one, to the end of the first process, or of the script.

    At the end of a process all that it has is still there. An unexpected end is shown as well.
    """
    title, checkpoint = "; ".join(lines), guest.image.va(CHECKPOINT)
    left = sum(line.split()[0] == _CHECKPOINT for line in lines)
    end = end_of_a_process(guest.image)
    stops = {checkpoint} if left or end is None else {checkpoint, end}
    for stop_at in stops:
        guest.machine.insert_breakpoint(stop_at)
    while True:
        stop = guest.last_stop = guest.machine.run()
        left -= 1
        if stop.kind is not StopKind.BREAKPOINT or stop.pc not in stops:
            break
        if left <= 0:
            return Subject(title, None, va)
    if stop.kind is StopKind.EXITED:
        raise LadderError(f"QEMU has gone: {stop.detail}")
    try:
        diagnose.unexpected_end(guest, stop, "the end of the script")
    except Failure as failure:
        return Subject(title, failure, va)
    except NotWritten as error:
        return Subject(title, None, va, note=str(error))


def _show(guest: Sight, subject: Subject, options: ViewOptions, console: Console, path: Path) -> None:
    if options.as_text:
        picture = picture_of(guest, subject)
        print_picture(console, picture, first_walk(guest, picture))
        return
    output = options.output or path
    write_page(guest, subject, output)
    console.print(f"picture    {shown(output)}", markup=False, soft_wrap=True)


def shown(path: Path) -> str:
    """Returns the path, relative if it is below this folder: short enough to read, and right to type."""
    here = Path.cwd()
    return visible(str(path.resolve().relative_to(here) if path.resolve().is_relative_to(here) else path))
