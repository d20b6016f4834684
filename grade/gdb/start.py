"""GDB sources this file: it defines the commands about paging. ./pagewalk gdb has set $pagewalk_facts, a file's name."""

import os
import sys
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, os.fspath(Path(__file__).resolve().parents[2]))
sys.dont_write_bytecode = True

import gdb  # noqa: E402

from grade.gdb.break_in import BreakIn  # noqa: E402
from grade.gdb.facts import read_facts  # noqa: E402
from grade.gdb.follow import Follower  # noqa: E402
from grade.gdb.guest import GdbGuest  # noqa: E402
from grade.gdb.look import Areas, Frames, Processes, VirtualToPhysical  # noqa: E402
from grade.gdb.programs import ProgramSymbols  # noqa: E402
from grade.gdb.pt import PageTables  # noqa: E402
from grade.gdb.rewind import GoTo, ReverseContinue, ReverseStep, Timeline  # noqa: E402
from grade.gdb.trap import ShowTrapFrame, Why  # noqa: E402
from grade.gdb.who_wrote import WhoWrote  # noqa: E402


def start() -> None:
    """Defines the commands, and listens for stops and resumptions of the guest."""
    if (place := gdb.convenience_variable("pagewalk_facts")) is None:
        raise gdb.GdbError("$pagewalk_facts is not set: ./pagewalk gdb starts GDB, and sets it")
    facts = read_facts(Path(place.string()))
    guest, programs = GdbGuest(facts), ProgramSymbols(Path(facts.elf))
    tables = PageTables(guest)
    for command in (VirtualToPhysical, Areas, Processes, Frames, ShowTrapFrame, Why):
        command(guest)
    BreakIn(guest, programs)
    follower = Follower(guest, tables, programs)
    timeline = Timeline(facts.recording, follower) if facts.recording is not None else None
    WhoWrote(guest, timeline, facts.recorded)
    if timeline is not None:
        for travel in (GoTo, ReverseContinue, ReverseStep):
            travel(timeline)
    # When GDB ends it releases what it is attached to, and the guest would run on for a moment and print.
    gdb.events.gdb_exiting.connect(lambda event: _end(timeline))  # type: ignore[attr-defined]  # new in GDB 12, not in typeshed


def _end(timeline: Timeline | None) -> None:
    with suppress(gdb.error):
        gdb.execute("kill", to_string=True)
    if timeline is not None:
        timeline.close()


start()
