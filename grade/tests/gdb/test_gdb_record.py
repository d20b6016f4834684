"""./pagewalk gdb --record with a real GDB: there and back through a recording, and who wrote an entry."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from grade.boot.sight import cpu_of
from grade.boot.user_image import UserImage
from grade.cutting.planted import plant
from grade.failed import gdb_session
from grade.failed.failing_point import is_unreachable
from grade.gdb.transcripts import transcript
from grade.guest.guest import Recipe, machine_of_kind
from grade.isa import ISAS
from grade.ladder.build import build_kernel
from grade.ladder.labs import LadderError
from grade.ladder.trees import Tree, find_root
from grade.machine.debugged import DebuggedMachine, Recording
from grade.patches.bugs import load_bugs

ROOT = find_root(Path(__file__))
BUG = "frame-filled-too-far"
USER_RAM = {"x86_64": 0x200_0000, "aarch64": 0x4200_0000}
"""Where the frames begin that the kernel reaches through windows only: the first has the first program's stack."""


def play(isa: str, script: str, *commands: str) -> list[str]:
    """Returns what GDB answers to each command about a recording of the script."""
    shown = "\n" + transcript(ROOT, isa, script, list(commands), record=True)
    parts = re.split(r"\n\(gdb\) ", shown)[1:]
    assert len(parts) == len(commands), shown
    return [part.partition("\n")[2].strip() for part in parts]


@pytest.mark.parametrize("isa", ISAS)
def test_the_writers_of_an_entry_are_found_one_after_the_other(isa: str) -> None:
    """The leaf of the kernel's first page of code was written before the move, at low addresses."""
    seen = play(isa, "", "who-wrote &kernel_main", "print/x $pc", "who-wrote", "who-wrote", "go-to", "info symbol $pc")
    first, low, second, none, _, end = seen
    assert re.search(r"^  from  0x0{16}  empty\n  to    0x\w+  leaf ", first, re.MULTILINE), first
    assert "\nby WindowTables" in first and "::map at kernel/paging/page_table_map.h:" in first
    assert int(low.split()[-1], 16) < 1 << 32
    assert "\nby " in second and "memset at " in second and "OwnedFrame::allocate_zeroed" in second
    assert "nobody has written it before" in none
    assert end.startswith("checkpoint_reached in section .text")


@pytest.mark.parametrize("isa", ISAS)
def test_a_write_through_a_window_is_found_too(isa: str) -> None:
    """What the kernel writes to a program's stack, by an address that leads elsewhere a moment later."""
    seen = play(isa, "start hello", f"who-wrote -pa {USER_RAM[isa] + 0xFF8:#x}", f"who-wrote -pa {USER_RAM[isa] + 8:#x}")
    assert "put at kernel/space/user_copy.cc" in seen[0] and "memcpy" in seen[0]
    assert "memset" in seen[1] and "allocate_user_frame" in seen[1]


@pytest.mark.parametrize("isa", ISAS)
def test_a_physical_address_has_every_writer_that_its_virtual_one_has(isa: str) -> None:
    """A program's stack and a kernel stack are written where they are mapped, the program's by a call just now (x86_64)."""
    build_kernel(ROOT, isa)
    main = UserImage(ROOT / "build" / isa / "user" / "hello").va("main")
    to_trap = ["delete", "hbreak handle_user_fault", "go-to 0", "continue", "info symbol $pc"]
    users = ["go-to 0", f"hbreak *{main:#x}", "continue", "continue"]  # the page of main() comes with a fault
    users += ["info symbol $pc", f"who-wrote -pa {USER_RAM[isa]:#x} + ((unsigned long)$sp & 0xff8)"]
    seen = play(isa, "run hello", *users, *to_trap, "who-wrote -page $sp")
    assert seen[4].startswith("main in section"), seen
    assert "\nby start_program at user/lib/start.cc" in seen[5] and "  now " not in seen[5], seen[5]
    writer = re.search(r"^the 8 bytes at (0x\w+).*?^by (.*?)$", seen[-1], re.MULTILINE | re.DOTALL)
    seen = play(isa, "run hello", *to_trap, f"who-wrote -pa {writer[1]}")
    assert f"\nby {writer[2]}\n" in seen[-1] and "at arch/" in writer[2] and "  now " not in seen[-1], (writer, seen[-1])


@pytest.mark.parametrize("isa", ISAS)
def test_there_and_back(isa: str) -> None:
    commands = ["hbreak run_monitor", "hbreak kernel_main", "reverse-continue", "print/x $pc", "stepi 3", "reverse-stepi 3"]
    commands += ["print/x $pc", "reverse-stepi", "stepi", "print/x $pc", "reverse-continue", "reverse-continue", "go-to -1"]
    commands += ["go-to nowhere", "reverse-stepi nothing"]
    seen = play(isa, "", *commands)
    assert seen[2].startswith("#0  run_monitor ()")
    assert seen[3].split()[-1] == seen[6].split()[-1] == seen[9].split()[-1]
    assert seen[7].startswith("#0  ") and "kernel_main ()" in seen[7] and seen[10].startswith("#0  kernel_main ()")
    assert "No breakpoint stopped the machine before" in seen[11]
    assert "go-to: the recording has the instructions 0 to " in seen[12]
    assert 'go-to: No symbol "nowhere" in current context.' in seen[13]
    assert 'reverse-stepi: No symbol "nothing" in current context.' in seen[14]


@pytest.mark.parametrize("isa", ISAS)
def test_without_a_recording_it_says_how_to_get_one(isa: str) -> None:
    shown = transcript(ROOT, isa, "start spin;wait", ["who-wrote 0"])
    command = f"./pagewalk gdb --isa {isa} --script 'start spin;wait' --record"
    assert shown.splitlines()[1:] == [f"who-wrote: it needs a recording, so start with: {command}"]


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a tree of lab 3 whose kernel overwrites an entry by the way."""
    bug = next(bug for bug in load_bugs(ROOT) if bug.name == BUG)
    return plant(ROOT, bug, tmp_path_factory.mktemp("planted") / "tree")


@pytest.mark.parametrize("isa", ISAS)
def test_the_store_that_overwrote_an_entry_is_found(isa: str, planted: Path) -> None:
    """The milestone fails, far away, because a fault has no handler any more. One command leads to the store."""
    grade = ["grade", "3", "--isa", isa, "--milestone", "3.2", "--tree", str(planted)]
    failed = subprocess.run([sys.executable, "-m", "grade", *grade], cwd=ROOT, capture_output=True, text=True, check=False)
    assert failed.returncode == 1 and f"try        ./pagewalk gdb 3.2 --isa {isa}" in failed.stdout, failed.stdout
    run = subprocess.run(
        [sys.executable, "-m", "grade", "gdb", "3.2", "--isa", isa, "--record"], cwd=ROOT,
        input="who-wrote $pc\nquit\n", capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"Where milestone 3.2 failed on {isa}: right before the CPU dies" in run.stdout
    assert "cause: " + next(bug for bug in load_bugs(ROOT) if bug.name == BUG).causes[isa] in run.stdout
    assert "which ends the walk of 0x" in run.stdout
    assert "  empty\nby (anonymous namespace)::fill at kernel/frames/frame.cc:15" in run.stdout


@pytest.mark.parametrize("isa", ISAS)
def test_a_program_at_work_is_no_death(isa: str) -> None:
    """The kernel itself could not execute what the CPU executes there, and need not."""
    kernel = build_kernel(ROOT, isa)
    main = UserImage(ROOT / "build" / isa / "user" / "hello").va("main")
    with machine_of_kind(DebuggedMachine, Recipe(isa, str(kernel.elf), "run hello", 0), 3.0, 2.0) as machine:
        machine.insert_breakpoint(main)
        assert machine.run().pc == main
        assert cpu_of(machine).is_user and not is_unreachable(machine)


def test_no_room_for_the_recording(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """One line says so, and nothing is left: neither a file nor a QEMU."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr(gdb_session, "Recording", lambda log, mode: Recording(Path("/dev/full"), mode))
    with pytest.raises(LadderError, match=r"the recording could not be written: .* has no room") as raised:
        gdb_session.run_under_gdb(Tree(ROOT), "", ISAS[0], None, "", record=True)
    assert "\n" not in str(raised.value) and not list(tmp_path.iterdir())
    assert "GNU gdb" not in capfd.readouterr().out
