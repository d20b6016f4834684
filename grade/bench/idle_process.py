"""How many frames a sleeping process takes."""

from grade.bench.figure import Figure, NotMeasured
from grade.boot.frame_records import frame_records
from grade.boot.processes import Process, processes
from grade.checks.process_checks import user_mappings, user_tables
from grade.guest.guest import Guest
from grade.ladder.build import Kernel
from grade.results.failure import Failure

# Programs run while the monitor waits for one of them. Before lab 5 there is no command vmas, and nothing to report.
_SCRIPT = """run nothing
checkpoint before
start sleep 3600
run nothing
vmas 3
checkpoint asleep"""


def idle_process(kernel: Kernel) -> list[Figure]:
    """Returns all its frames by the allocator's records; then its parts as seen from outside, which must be the same frames."""
    with Guest(kernel, _SCRIPT) as guest:
        try:
            guest.run_to("before")
            before = frame_records(guest).in_use
            guest.run_to("asleep")
            taken = frame_records(guest).in_use - before
            parts = _parts(guest, _sleeper(guest))
        except Failure as failure:
            raise NotMeasured(f"a process that sleeps: {failure}") from failure
    if sorted(taken) != sorted(frame for frames in parts.values() for frame in frames):
        named = ", ".join(f"{part} {len(frames)}" for part, frames in parts.items())
        raise NotMeasured(f"the {len(taken)} frames of a process are not those that it is made of: {named}")
    counts = {"idle_process_frames": len(taken)}
    counts |= {f"idle_process_{part}_frames": len(frames) for part, frames in parts.items()}
    return [Figure(name, kernel.isa, count, "frames") for name, count in counts.items()]


def _sleeper(guest: Guest) -> Process:
    found = [process for process in processes(guest) if process.program == "sleep"]
    if len(found) != 1:
        raise NotMeasured("no process sleeps")
    return found[0]


def _parts(guest: Guest, process: Process) -> dict[str, set[int]]:
    """Returns its root and tables, its kernel stack, its memory, and from lab 5 on where its areas are kept."""
    walker = guest.walker()
    parts = {
        "table": user_tables(guest, process.root),
        "stack": {pa for va in process.stack_pages if (pa := walker.walk(va).pa) is not None},
        "page": {mapping.pa for mapping in user_mappings(guest, process.root)},
    }
    if areas := guest.facts("areas"):
        parts["map"] = {int(areas[-1].values["map"], 0)}
    return parts
