"""The picture of an address space says what the walker and the records say, whatever state the guest is in."""

import random
import re
from collections.abc import Callable
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from grade.boot.frame_records import frame_records, record_address
from grade.boot.layout import PAGE
from grade.boot.process_slots import memory_map, slot_of
from grade.guest.guest import Guest
from grade.guest.snapshot import load_snapshot, save_snapshot
from grade.guest.trapped import run_to_system_call
from grade.inspect.frames import uses_of
from grade.inspect.lint import lint
from grade.inspect.map_text import map_of
from grade.inspect.spaces import spaces, walker_of
from grade.results.failure import Failure
from grade.view.page import page_text, write_page
from grade.view.picture import Picture, Subject, first_walk, picture_of
from grade.view.ram import DANGLING, FREE, IMAGE, LOST, STACK, TABLE, TWICE, USER, RamMap
from grade.view.tables import Tables
from grade.view.text import frame_lines, print_picture
from grade.walker import RadixWalker

TEXT, STACK_PAGE = 0x400000, (1 << 30) - PAGE  # of a user program
MOST_BYTES = 2 << 20
SUBJECT = Subject("a test")

Boot = Callable[..., Guest]


@pytest.fixture
def living(boot: Boot) -> Guest:
    """Returns a process that is about to write."""
    guest = boot("run hello")
    guest.run_to_address(guest.image.function("run_monitor"), "the monitor")
    run_to_system_call(guest, "write", "hello's first write")
    return guest


def entry_address(guest: Guest, va: int, level: int = 0) -> int:
    return next(step.entry_address for step in guest.walk(va).steps if step.level == level)


# --- what it says ----------------------------------------------------------------------------------------------------


def walked(tables: Tables, walker: RadixWalker, va: int) -> int | None:
    """Returns where `va` leads by the picture's tables alone."""
    window = next(window for window in walker.windows if window.low <= va < window.high)
    table = f"{window.root:x}"
    for level in range(window.top, -1, -1):
        count = window.entries if level == window.top else 512
        index = va >> walker.shift(level) & count - 1
        runs = tables.runs[f"{table}.{level}"]
        run = next((run for run in runs if run[0] <= index < run[0] + run[1]), None)
        if run is None or run[4] not in ("table", "leaf"):
            return None
        to = int(run[5], 16) + (index - run[0]) * run[3]
        if run[4] == "leaf":
            return to + (va & (1 << walker.shift(level)) - 1)
        table = f"{to:x}"
    raise AssertionError("a table below the table of pages")


def test_every_page_of_every_root_can_be_walked_in_it(living: Guest) -> None:
    picture, compared = picture_of(living, SUBJECT), 0
    for space in spaces(living):
        walker = walker_of(living, space)
        for page in walker.mappings():
            assert walked(picture.tables, walker, page.va + 5) == page.pa + 5
            assert walked(picture.tables, walker, page.end - 1) == page.pa + page.size - 1
            compared += 1
        for va in (0, 0x500000, living.offset + (3 << 39)):
            assert walked(picture.tables, walker, va) is None
    assert compared > 500 and not picture.tables.left_out


def test_every_entry_has_its_value_and_its_kind(living: Guest) -> None:
    picture, walker = picture_of(living, SUBJECT), living.walker()
    for key, runs in picture.tables.runs.items():
        table, level = int(key.partition(".")[0], 16), int(key.partition(".")[2])
        entries = {run[0] + at: (int(run[2], 16) + at * run[3], run[4]) for run in runs for at in range(run[1])}
        wanted = walker.read_table(table, 512)
        assert {index: entry for index, (entry, _) in entries.items()} == {i: entry for i, entry in enumerate(wanted) if entry}
        assert all(kind == walker.decode(level, entry).kind for entry, kind in entries.values())


def test_the_ranges_are_those_of_the_map(living: Guest) -> None:
    picture = picture_of(living, SUBJECT)
    assert [space.label for space in picture.spaces] == [space.label for space in spaces(living)] + [
        "what the kernel's image asks for"
    ]
    for space, drawn in zip(spaces(living), picture.spaces):
        wanted = [
            (entry.range.va, entry.range.end, entry.range.pa, entry.name, entry.accessed)
            for entry in map_of(living, space).ranges
        ]
        found = (picture.ranges.all[number] for number in drawn.ranges)
        assert [(int(one.va, 16), int(one.end, 16), int(one.pa, 16), one.name, one.accessed) for one in found] == wanted
    kernel, expected = picture.spaces[0], picture.spaces[picture.expected]
    mapped = {(one.va, one.kernel) for one in (picture.ranges.all[number] for number in kernel.ranges)}
    for region in (picture.ranges.all[number] for number in expected.ranges):
        assert (region.va, region.kernel) in mapped


def test_areas_stand_beside_the_pages_that_are_there(living: Guest) -> None:
    slot = slot_of(living, 2)
    (process,) = picture_of(living, SUBJECT).processes
    areas = memory_map(living, slot).areas
    assert [(int(band.start, 16), int(band.end, 16), band.rights, band.kind) for band in process.bands] == [
        (area.start, area.end, area.protection, area.kind) for area in areas
    ]
    for area, band in zip(areas, process.bands):
        there = [living.walk(va).mapping is not None for va in range(area.start, area.end, PAGE)]
        assert band.strip == "".join("■" if one else "□" for one in there)
        assert (band.resident, band.pages, band.findings) == (sum(there), len(there), ())


def test_a_page_in_no_area_is_flagged(living: Guest) -> None:
    stray = 0x500000
    at = entry_address(living, TEXT) + (stray - TEXT) // PAGE * 8
    living.machine.write_physical(at, living.read_physical(entry_address(living, TEXT), 8))
    picture = picture_of(living, SUBJECT)
    flagged = [band for band in picture.processes[0].bands if band.findings]
    assert [(band.start, band.kind, band.strip) for band in flagged] == [(f"{stray:#x}", "", "▲")]
    assert picture.findings == lint(living) and any(f"{stray:#x}" in line for line in picture.findings)


def letters(ram: RamMap) -> str:
    return "".join(run.letter * run.count for run in ram.runs)


def test_every_frame_has_the_letter_of_its_use(living: Guest) -> None:
    ram = picture_of(living, SUBJECT).ram
    drawn, ledger, records = letters(ram), uses_of(living), frame_records(living)
    assert len(drawn) == ram.frames == (128 << 20) // PAGE

    def frames(letter: str) -> set[int]:
        return {ram.base + at * PAGE for at, one in enumerate(drawn) if one == letter}

    assert frames(TABLE) == ledger.tables and frames(USER) == ledger.user_pages and frames(STACK) == ledger.stack_pages
    assert len(frames(FREE)) == sum(records.free)
    assert living.layout.region("text").pa in frames(IMAGE)
    assert not frames(LOST) and not frames(DANGLING)
    assert sum(ram.counts.values()) == ram.frames
    page = living.walk(TEXT).pa
    run = next(run for run in ram.runs if run.first <= (page - ram.base) // PAGE < run.first + run.count)
    assert ram.owners[run.owner] == f"the page {TEXT:#x} of process 2 (hello)" and run.shares == 1
    assert spaces(living)[ram.whose[run.owner]].slot.pid == 2


def test_lost_dangling_and_shared_frames_have_letters_of_their_own(living: Guest) -> None:
    text, stack = living.walk(TEXT).pa, living.walk(STACK_PAGE).pa
    root = slot_of(living, 2).root

    def letter(frame: int) -> str:
        ram = picture_of(living, SUBJECT).ram
        return letters(ram)[(frame - ram.base) // PAGE]

    assert (letter(text), letter(stack), letter(root)) == (USER, USER, TABLE)
    living.machine.write_physical(record_address(living, text), (3).to_bytes(4, "little"))
    assert letter(text) == "3"
    living.machine.write_physical(record_address(living, text), bytes(4))
    assert letter(text) == DANGLING
    at = entry_address(living, STACK_PAGE)
    entry = living.read_word(at)
    living.machine.write_physical(at, (entry - stack + root).to_bytes(8, "little"))
    assert letter(root) == TWICE
    living.machine.write_physical(record_address(living, root), bytes(4))
    assert letter(root) == DANGLING, "that it is free is worse than that it has two uses"
    living.machine.write_physical(entry_address(living, STACK_PAGE), bytes(8))
    assert letter(stack) == LOST


def test_it_begins_with_the_address_that_failed(living: Guest) -> None:
    walk = living.walk(0x500000)
    failure = Failure("process-killed", "a page", "none", walk)
    picture = picture_of(living, Subject("Milestone 3.1", failure))
    assert (picture.picks[0].name, picture.picks[0].va) == ("where it failed", "0x500000")
    assert dict(picture.facts)["cause"].startswith("process-killed: ") and dict(picture.facts)["seen"] == "none"
    kernel = walker_of(living, spaces(living)[0]).walk(0x500000)
    of_kernel = picture_of(living, Subject("Milestone 3.1", Failure("process-killed", "a page", "none", kernel)))
    assert (of_kernel.space, picture.space) == (0, 1), "the root is the one that the failure's walk began with"
    plain = {pick.name: int(pick.va, 16) for pick in picture_of(living, SUBJECT).picks}
    assert plain["pc"] == living.cpu().pc and plain["sp"] == living.cpu().sp
    assert picture_of(living, Subject("", failure, va=0x1234)).picks[0].va == "0x1234"


def test_a_saved_guest_is_drawn_as_the_guest_was(living: Guest, tmp_path: Path) -> None:
    save_snapshot(living, tmp_path)
    assert page_text(picture_of(load_snapshot(tmp_path), SUBJECT), SUBJECT) == page_text(picture_of(living, SUBJECT), SUBJECT)


# --- the file --------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """The elements of a page, and whatever refers to something else."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links |= {value for name, value in attributes if name in ("src", "href", "action", "data", "srcset", "poster")}


def test_the_file_needs_nothing_but_itself(living: Guest, tmp_path: Path) -> None:
    path = tmp_path / "new" / "view.html"
    path.parent.mkdir()
    write_page(living, SUBJECT, path)
    text = path.read_text(encoding="utf-8")
    assert all(link.startswith("#") or link == "data:," for link in Page(text).links)
    assert not re.search(r"https?:|@import|url\(|fetch\(|XMLHttpRequest|import\(", text)
    assert len(text.encode()) < MOST_BYTES and [entry.name for entry in path.parent.iterdir()] == ["view.html"]


def test_what_the_guest_says_stays_text(living: Guest, tmp_path: Path) -> None:
    """The name of the program, which is the last of a slot's members, would end the script and steer the terminal."""
    hostile = b"</script><b>\x1b[7"
    slots = living.image.pa("_ZN12_GLOBAL__N_17g_slotsE")
    size = living.image.size("_ZN12_GLOBAL__N_17g_slotsE") // 128
    living.machine.write_physical(slots + (slot_of(living, 2).number + 1) * size - 16, hostile.ljust(16, b"\0"))
    write_page(
        living, Subject("<img src=x onerror=alert(1)>", Failure("wrong-answer", "<i>", "</dd>\x1b[2J")), tmp_path / "view.html"
    )
    text = (tmp_path / "view.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.tags.count("script") == 2 and not {"img", "b", "i"} & set(page.tags)
    facts = text.partition('<script type="application/json" id="facts">')[2].partition("</script>")[0]
    assert len(facts) > 10_000 and "<" not in facts and "\\u003c/script" in facts
    assert text.count("</script>") == 2 and "\x1b" not in text and "&lt;/script&gt;&lt;b&gt;\\x1b[7" in text
    assert "\x1b" not in printed(living, picture_of(living, SUBJECT), 100)


def tables_of_noise(guest: Guest) -> None:
    """Fills a root with entries that lead to frames full of entries: none of it makes sense."""
    noise = random.Random(6)
    base, some = guest.layout.ram_base + (48 << 20), 120
    root = slot_of(guest, 2).root
    bits = guest.read_word(entry_address(guest, TEXT, level=3)) & 0xFFF
    for at in range(some):
        entries = (
            noise.getrandbits(64) | 1 if noise.random() < 0.3 else (base + noise.randrange(some) * PAGE) | bits
            for _ in range(512)
        )
        guest.machine.write_physical(base + at * PAGE, b"".join(entry.to_bytes(8, "little") for entry in entries))
    guest.machine.write_physical(root, guest.read_physical(base, PAGE // 2))


def loops(guest: Guest) -> None:
    root = slot_of(guest, 2).root
    loop = guest.read_word(entry_address(guest, TEXT, level=3)) & 0xFFF | root
    guest.machine.write_physical(root, loop.to_bytes(8, "little") * 512)


def processes_of_noise(guest: Guest) -> None:
    slots = "_ZN12_GLOBAL__N_17g_slotsE"
    guest.machine.write_physical(guest.image.pa(slots), random.Random(6).randbytes(guest.image.size(slots)))


def allocator_of_noise(guest: Guest) -> None:
    guest.machine.write_physical(guest.image.pa("_ZN12_GLOBAL__N_18g_framesE"), random.Random(6).randbytes(120))


def areas_of_noise(guest: Guest) -> None:
    guest.machine.write_physical(slot_of(guest, 2).map, b"\xff" * PAGE)


@pytest.mark.parametrize("spoil", [tables_of_noise, loops, processes_of_noise, allocator_of_noise, areas_of_noise])
def test_it_is_drawn_from_memory_that_makes_no_sense(living: Guest, tmp_path: Path, spoil: Callable[[Guest], None]) -> None:
    spoil(living)
    picture = write_page(living, SUBJECT, tmp_path / "view.html")
    assert (tmp_path / "view.html").stat().st_size < MOST_BYTES
    assert picture.problems or any(space.problem for space in picture.spaces) or picture.findings
    assert picture.ram is not None or spoil is allocator_of_noise
    if spoil is tables_of_noise:
        assert picture.tables.left_out > 0 and any("left out" in line for line in picture.problems)
    assert printed(living, picture, 80)


def test_it_is_drawn_before_translation_is_on(boot: Boot, tmp_path: Path) -> None:
    guest = boot("")
    picture = write_page(guest, SUBJECT, tmp_path / "view.html")
    assert not picture.translation and not picture.tables.runs and "translation is off" in picture.spaces[0].problem
    assert "translation is off" in printed(guest, picture, 80)


# --- in the terminal -------------------------------------------------------------------------------------------------


def printed(guest: Guest, picture: Picture, width: int, **console: object) -> str:
    out = StringIO()
    print_picture(Console(file=out, width=width, highlight=False, **console), picture, first_walk(guest, picture))
    return out.getvalue()


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_letter_for_each_frame_fits_the_width(living: Guest, width: int) -> None:
    ram = picture_of(living, SUBJECT).ram
    lines = [line.plain for line in frame_lines(ram, width)]
    columns = max(len(line) - 13 for line in lines if "×" not in line)
    assert columns == {40: 16, 80: 64, 200: 128}[width] and max(map(len, lines)) <= width
    drawn, at = letters(ram), 0
    for line in lines:
        address, text = int(line[:11], 16), line[13:]
        assert address == ram.base + at * PAGE
        folded = re.fullmatch(r"(.) × (\d+), \d+ \w+", text)
        text = folded[1] * int(folded[2]) if folded else text
        assert text == drawn[at : at + len(text)]
        at += len(text)
    assert at == ram.frames


def test_the_text_has_what_the_page_has(living: Guest) -> None:
    picture = picture_of(living, SUBJECT)
    text = printed(living, picture, 100)
    for number in picture.spaces[picture.space].ranges:
        one = picture.ranges.all[number]
        assert re.search(
            rf"^{int(one.va, 16):016x}-{int(one.end, 16) - 1:016x} .*{one.kernel} {one.user} {re.escape(one.name)}$", text, re.M
        )
    for band in picture.processes[0].bands:
        assert f"{band.rights} {band.kind:9} {band.strip} {band.resident} of {band.pages}" in text
    assert "a page of a kernel stack" in text and "none at one look" in text
    assert max(map(len, printed(living, picture, 80).splitlines())) <= 80


def test_colour_is_for_terminals_that_want_it(living: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = picture_of(living, SUBJECT)
    assert "\x1b[" not in printed(living, picture, 80)
    assert "\x1b[32m" in printed(living, picture, 80, force_terminal=True, color_system="standard")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[32m" not in printed(living, picture, 80, force_terminal=True, color_system="standard")
