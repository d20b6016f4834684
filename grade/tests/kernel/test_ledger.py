"""The ledger of frames on the whole tree's kernel: it balances at every stop, and notices whatever does not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from grade.boot.frame_records import allocator_place, frame_records, record_address
from grade.boot.kernel_image import KernelImage
from grade.boot.layout import PAGE, layout_of
from grade.boot.process_slots import has_areas, process_slots, slot_of
from grade.checks.ledger import check_frames, check_ledger
from grade.checks.process_checks import user_mappings
from grade.guest.guest import Guest
from grade.guest.trapped import run_to_system_call
from grade.ladder.build import Kernel
from grade.ladder.trees import find_root
from grade.results.failure import Failure

ROOT = find_root(Path(__file__))

Boot = Callable[..., Guest]


def test_it_balances_at_system_calls_of_parents_and_children(boot: Boot) -> None:
    guest = boot("run hello", "frames", "checkpoint before", "start spin", "run forktest", "frames", "checkpoint after")
    guest.run_to("before")
    before = check_ledger(guest)
    seen = set()
    for number in range(6):
        run_to_system_call(guest, "wait4" if number % 2 else "write", f"system call {number}")
        ledger = check_frames(guest)
        assert len(ledger.maps) == sum(slot.map is not None for slot in process_slots(guest))
        seen |= {slot.program for slot in process_slots(guest)} if len(ledger.maps) > 2 else set()
    assert seen == {"kernel", "spin", "forktest"}  # a parent and its child were there at one time
    guest.run_to("after")
    after = check_ledger(guest)
    assert len(after.maps) == 1 and before.frames < after.frames  # spin goes on
    assert "1 maps of processes" in str(after)


def test_windows_and_what_the_monitor_maps_are_not_counted(boot: Boot, kernel: Kernel) -> None:
    beyond = layout_of(KernelImage(kernel.isa, kernel.elf)).region("frames").end
    guest = boot(f"map 0x500000000000 {beyond:#x} w", "frames", f"windows {beyond:#x} 4")
    guest.run_to("windows")
    check_ledger(guest)


def wrong_share(guest: Guest, frame: int, shares: int) -> None:
    """Writes another number into the allocator's records."""
    guest.machine.write_physical(record_address(guest, frame), shares.to_bytes(4, "little"))


def fault(guest: Guest) -> Failure:
    """Returns what the ledger says."""
    with pytest.raises(Failure) as caught:
        check_frames(guest)
    return caught.value


def test_every_kind_of_mistake_is_noticed(boot: Boot) -> None:
    guest = boot("start spin", "start hello", "start spin", "kill 2", "checkpoint ready")
    guest.run_to("ready")
    assert has_areas(guest)
    ledger = check_frames(guest)
    kinds = ("the table for", "the root of", "promised", "the page 0x", "kernel stack")
    for words in kinds:
        frame = next(frame for frame, owners in ledger.owners.items() if words in owners[0][1])
        for shares, cause in ((0, "frame-freed-in-use"), (2, "frames-leaked")):
            wrong_share(guest, frame, shares)
            failure = fault(guest)
            assert failure.cause == cause and words in failure.seen and f"{frame:#x}" in str(failure), failure
            wrong_share(guest, frame, 1)
    free = next(frame for frame in range(max(ledger.frames), 0, -PAGE) if frame not in ledger.frames)  # was spin's
    wrong_share(guest, free, 1)
    assert fault(guest).cause == "frames-leaked"
    wrong_share(guest, free, 0)
    check_frames(guest)


def test_frames_that_nothing_leads_to_or_two_things_are_noticed(boot: Boot) -> None:
    guest = boot("start spin", "start hello", "checkpoint ready")
    guest.run_to("ready")
    spin, hello = slot_of(guest, 2), slot_of(guest, 3)
    page, other = (user_mappings(guest, slot.root)[0] for slot in (spin, hello))
    entry = page.entry.to_bytes(8, "little")

    guest.machine.write_physical(page.entry_address, bytes(8))
    failure = fault(guest)
    assert (failure.cause, f"{page.pa:#x}" in failure.seen) == ("frames-leaked", True)
    check_frames(guest, held=[page.pa])

    guest.machine.write_physical(page.entry_address, entry)
    guest.machine.write_physical(other.entry_address, entry)
    wrong_share(guest, other.pa, 0)
    failure = fault(guest)  # two leaves lead to a frame with one share
    assert failure.cause == "frame-freed-in-use"
    assert "process 2 (spin)" in failure.seen and "process 3 (hello)" in failure.seen
    wrong_share(guest, page.pa, 2)
    wrong_share(guest, other.pa, 1)
    check_frames(guest, held=[other.pa])

    table = spin.root
    guest.machine.write_physical(other.entry_address, (page.entry & ~(page.pa) | table).to_bytes(8, "little"))
    wrong_share(guest, page.pa, 1)
    assert "no frame has two uses" in fault(guest).expected


class Records:
    """The allocator's own numbers, to be changed by hand."""

    def __init__(self, guest: Guest) -> None:
        self.guest, self.defined, self.place = guest, guest.image.defined, allocator_place(guest)
        self.zones = [self.place + at for at in self.defined.record("FrameAllocator")["zones_"].places()]

    def field(self, record: str, name: str, at: int) -> tuple[int, int]:
        """Address and size."""
        field = self.defined.record(record)[name]
        return at + field.offset, field.size

    def write(self, place: tuple[int, int], value: int) -> None:
        self.guest.machine.write_physical(place[0], value.to_bytes(place[1], "little"))

    def says(self, place: tuple[int, int], value: int) -> str:
        """Returns what the check says with another value there, which is taken back."""
        before = self.guest.read_word(*place)
        self.write(place, value)
        failure = fault(self.guest)
        assert failure.cause == "frame-records-changed", failure
        self.write(place, before)
        check_frames(self.guest)
        return str(failure)


def test_records_that_other_code_has_changed_contradict_each_other(boot: Boot) -> None:
    guest = boot("start spin", "start spin", "start hello", "kill 2", "kill 3", "checkpoint ready")
    guest.run_to("ready")
    check_frames(guest)
    records = Records(guest)
    first, names = guest.layout.region("frames").pa, ("start", "fresh", "end", "free_list", "returned")
    for place in records.zones:
        zone = {name: records.field("FrameAllocator::ZoneState", name, place) for name in names}
        length, head = guest.read_word(*zone["returned"]), guest.read_word(*zone["free_list"])
        assert length > 1, "spin's frames are free"
        record = record_address(guest, first + head * PAGE)
        following = records.field("FrameRecord", "next_free", record)
        assert f"has {length}; seen it says {length + 1}" in records.says(zone["returned"], length + 1)
        assert "is in it twice" in records.says(following, head)
        assert "are not, first" in records.says(following, (1 << 32) - 1)
        assert "which is none that was handed out" in records.says(following, head + (1 << 20))
        handed_out = range(guest.read_word(*zone["start"]), guest.read_word(*zone["fresh"]))
        held = next(frame for frame in frame_records(guest).in_use if frame in handed_out)
        assert "which is held" in records.says(following, (held - first) // PAGE)
        for border in ("start", "end"):
            assert "a zone of frames goes from" in records.says(zone[border], guest.read_word(*zone[border]) + PAGE)
        assert "one after the other" in records.says(zone["fresh"], guest.read_word(*zone["fresh"]) + 1)
    assert "frames in all" in records.says(records.field("FrameAllocator", "total_", records.place), 5)


def test_a_lost_frame_that_its_record_calls_free_is_not_hidden(boot: Boot) -> None:
    guest = boot("start spin", "start hello", "checkpoint ready")
    guest.run_to("ready")
    page = user_mappings(guest, slot_of(guest, 2).root)[0]
    guest.machine.write_physical(page.entry_address, bytes(8))
    wrong_share(guest, page.pa, 0)
    failure = fault(guest)
    assert failure.cause == "frame-records-changed" and f"first {page.pa:#x}" in failure.seen
    assert f"{record_address(guest, page.pa):#x}" in failure.seen


def test_nothing_is_said_of_records_that_are_half_changed(boot: Boot) -> None:
    """The machine may be stopped in the middle of an allocation: the lock is held then."""
    guest = boot("checkpoint ready")
    guest.run_to("ready")
    records = Records(guest)
    guarded = guest.image.defined.record("Guarded<FrameAllocator>")
    lock = records.field("Guarded<FrameAllocator>", "lock_.held_", records.place - guarded["data_"].offset)
    length = records.field("FrameAllocator::ZoneState", "returned", records.zones[0])
    records.write(length, 7)
    assert fault(guest).cause == "frame-records-changed"
    records.write(lock, 1)
    check_frames(guest)
