"""The ledger of frames: the frames in use, by the allocator's records, are those that something leads to, share for share."""

from collections.abc import Iterable

from grade.boot.frame_records import frame_records
from grade.checks.free_frames import check_free_frames, check_zones
from grade.guest.guest import Guest
from grade.inspect.ledger import Ledger, ledger_of
from grade.results.failure import expect

_SHOWN = 4  # of the frames that a report speaks of


def check_ledger(guest: Guest, roots: Iterable[int] = ()) -> Ledger:
    """Checks that the frames in use, by the allocator's records, are those reachable, none of them used for two things.

    Stop where the monitor runs, right after its command `frames`. `roots` are those of all processes; from lab 5 on
    they are read from the process table and need not be given.
    """
    __tracebackhide__ = True
    ledger = check_frames(guest, roots)
    used, counted = guest.fact("frames").number("used"), len(frame_records(guest).shares)
    expect(used == counted, "wrong-answer", f"the kernel counts {counted} frames in use", f"{used}")
    return ledger


def check_frames(guest: Guest, roots: Iterable[int] = (), held: Iterable[int] = ()) -> Ledger:
    """Checks the same at any stop, without the kernel's own report.

    `held` are frames that only the kernel's code owns just now, such as a half-made address space: none in user mode, at
    the entrance of a system call, or where the monitor runs. Before lab 5 stop where the monitor runs.
    """
    __tracebackhide__ = True
    zones = check_zones(guest)
    ledger = ledger_of(guest, roots, held)
    for frame, owners in ledger.owners.items():
        seen = " and ".join(words for _, words in owners[:2])
        alone = len({kind for kind, _ in owners}) == 1
        expect(alone, "frame-freed-in-use", "no frame has two uses", f"{frame:#x} is {seen}")
    shares = frame_records(guest).shares
    leaked, freed = shares.keys() - ledger.frames, ledger.frames - shares.keys()
    wanted = f"the frames in use are those that can be reached: {ledger}"
    seen = f"these can be reached, and are free: {_some(freed, ledger)}"
    expect(not freed, "frame-freed-in-use", wanted, seen)
    expect(not leaked, "frames-leaked", wanted, f"nothing leads to these, and they are in use: {_some(leaked)}")
    for frame, owners in ledger.owners.items():
        seen = f"{shares[frame]}; what leads to it: {', '.join(words for _, words in owners[:_SHOWN])}"
        cause = "frames-leaked" if shares[frame] > len(owners) else "frame-freed-in-use"
        expect(shares[frame] == len(owners), cause, f"{len(owners)} shares of the frame {frame:#x} are held", seen)
    check_free_frames(guest, zones)
    return ledger


def _some(frames: Iterable[int], ledger: Ledger | None = None) -> str:
    """Returns the first few frames in words, what they are if the ledger has them, and how many there are."""
    found = sorted(frames)
    words = [f"{frame:#x}" + (f", {ledger.owners[frame][0][1]}" if ledger else "") for frame in found[:_SHOWN]]
    return ("; " if ledger else ", ").join(words) + f" ({len(found)} frames)"
