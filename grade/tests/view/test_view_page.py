"""The picture in a real browser, on both ISAs: it walks as the walker does, needs no mouse, and fits a telephone."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from grade.boot.layout import PAGE
from grade.classroom import report
from grade.classroom.report import Entry
from grade.classroom.store import Outcome, Store
from grade.guest.guest import Guest
from grade.guest.trapped import run_to_system_call
from grade.inspect.diff import diff_lines
from grade.inspect.frames import frame_use
from grade.inspect.map_text import map_of
from grade.inspect.spaces import live_space, spaces, walker_of
from grade.ladder.build import Kernel
from grade.tests.browser import browser, set_width
from grade.view.page import write_page
from grade.view.picture import Subject
from grade.walker.explain import size_text

_ = browser  # the fixture
TEXT, STACK = 0x400000, (1 << 30) - PAGE  # of a user program
_MOST_TABS = 60


@pytest.fixture(scope="module")
def stopped(kernel: Kernel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Guest, Path]]:
    """Yields a guest whose process is about to write, and its picture; all tests of an ISA look at the same."""
    path = tmp_path_factory.mktemp("view") / "view.html"
    with Guest(kernel, "run hello", cpu_budget=30.0, idle_backstop=10.0) as guest:
        guest.run_to_address(guest.image.function("run_monitor"), "the monitor")
        run_to_system_call(guest, "write", "hello's first write")
        write_page(guest, Subject("A test"), path)
        yield guest, path


@pytest.fixture
def guest(stopped: tuple[Guest, Path]) -> Guest:
    return stopped[0]


@pytest.fixture
def page(stopped: tuple[Guest, Path], browser: webdriver.Chrome) -> Iterator[webdriver.Chrome]:
    """Yields its picture, opened from the file. Afterwards nothing may stand in the console."""
    set_width(browser, 1280)
    browser.get("about:blank")
    browser.get(stopped[1].as_uri())
    yield browser
    assert browser.get_log("browser") == []


def press(browser: webdriver.Chrome, *keys: str) -> None:
    ActionChains(browser).send_keys(*keys).perform()


def tab_to(browser: webdriver.Chrome, arrived: Callable[[], bool]) -> None:
    """Presses Tab until it is there, as somebody without a mouse would."""
    for _ in range(_MOST_TABS):
        press(browser, Keys.TAB)
        if arrived():
            return
    raise AssertionError("Tab does not lead there")


def focused(browser: webdriver.Chrome, attribute: str) -> str | None:
    return browser.switch_to.active_element.get_attribute(attribute)


def text_of(browser: webdriver.Chrome, selector: str) -> str:
    return browser.find_element(By.CSS_SELECTOR, selector).text


def test_it_walks_as_the_walker_does(page: webdriver.Chrome, guest: Guest) -> None:
    """Each first and last address of what is mapped, and some that nothing maps, from every root."""
    for number, space in enumerate(spaces(guest)):
        walker = walker_of(guest, space)
        mapped = [va for entry in map_of(guest, space).ranges for va in (entry.range.va, entry.range.end - 1)]
        wanted = mapped + [
            0,
            0x7FFF_FFFF_F000,
            1 << 47,
            guest.offset + (3 << 39),
            guest.image.va("boot_stack") - 1,
            (1 << 64) - 1,
        ]
        script = "return arguments[1].map((va) => { const found = walk(spaces[arguments[0]], BigInt(va));"
        script += "return [found.page && !found.fault ? hex(found.page.pa) : null, found.fault, found.steps.length]; })"
        seen = page.execute_script(script, number, [hex(va) for va in wanted])
        for va, (pa, fault, steps) in zip(wanted, seen, strict=True):
            walk = walker.walk(va)
            assert (pa, steps) == (hex(walk.pa) if walk.fault is None else None, len(walk.steps)), hex(va)
            assert walk.fault is None or walk.fault in fault
        assert len(mapped) > 20


def test_a_typed_address_is_walked_with_the_keyboard_alone(page: webdriver.Chrome, guest: Guest) -> None:
    tab_to(page, lambda: focused(page, "id") == "va")
    press(page, hex(STACK + 8), Keys.ENTER)
    walk = guest.walk(STACK + 8)
    assert text_of(page, "#end").startswith(
        f"{STACK + 8:#x} is {walk.pa:#x}, in a 4 KiB page at {walk.mapping.pa:#x}, normal memory."
    )
    assert "A user: read: yes, write: yes, execute: would fault" in text_of(page, "#end")
    rungs = page.find_elements(By.CSS_SELECTOR, "#ladder > li")
    assert len(rungs) == len(walk.steps)
    for rung, step in zip(rungs, walk.steps):
        assert f"at {step.table:#x}" in rung.text and f"index {step.index}, by bits" in rung.text
        assert f"{step.entry:#018x}" in rung.find_element(By.CSS_SELECTOR, "tr.used").text
        bits = {
            row.find_element(By.TAG_NAME, "th").text: row.text
            for row in rung.find_elements(By.CSS_SELECTOR, ".bitlist tbody tr")
        }
        assert {bit.name for bit in step.bits} == set(bits)
        assert all(bits[bit.name].endswith(bit.meaning) for bit in step.bits)
    assert text_of(page, "#split").count("index, level") == 4


def test_what_is_no_address_is_refused_and_said(page: webdriver.Chrome) -> None:
    before = text_of(page, "#end")
    tab_to(page, lambda: focused(page, "id") == "va")
    press(page, "0x12345678901234567", Keys.ENTER)
    assert "up to 16 hexadecimal digits" in text_of(page, "#va-wrong") and focused(page, "aria-invalid") == "true"
    assert text_of(page, "#end") == before


def test_an_entry_leads_down_with_enter(page: webdriver.Chrome, guest: Guest) -> None:
    """From an address that nothing maps, by a neighbour in the last table, to the first page of the program."""
    page.execute_script("show(0x408000n)")
    assert "Any access would fault: not-present, at level 0." in text_of(page, "#end")
    wanted = guest.walk(TEXT).steps[-1].index
    tab_to(page, lambda: focused(page, "data-entry") == f"0.{wanted}")
    press(page, Keys.ENTER)
    assert text_of(page, "#end").startswith(f"{TEXT:#x} is {guest.walk(TEXT).pa:#x},")
    assert focused(page, "data-entry") == f"0.{wanted}", "the keyboard stays where it was"
    assert page.find_element(By.ID, "va").get_attribute("value") == hex(TEXT)


def test_frames_are_gone_through_with_the_arrow_keys(page: webdriver.Chrome, guest: Guest) -> None:
    page.execute_script("showFrame(BigInt(arguments[0]))", hex(guest.walk(TEXT).pa))
    for key, step in (("", 0), (Keys.ARROW_RIGHT, 1), (Keys.ARROW_LEFT, -1), (Keys.ARROW_LEFT, -1)):
        before = int(focused(page, "data-frame"))
        if key:
            press(page, key)
        assert int(focused(page, "data-frame")) == before + step
        frame = guest.layout.ram_base + (before + step) * PAGE
        said, use = text_of(page, "#frame-says"), frame_use(guest, frame)
        assert f"frame {frame:#x}: " in said and all(owner in said for owner in use.owners)
    press(page, Keys.HOME)
    assert focused(page, "data-frame") == "0"
    press(page, Keys.END)
    assert "free" in text_of(page, "#frame-says")
    tabbable = page.find_elements(By.CSS_SELECTOR, "#frame-grid button[tabindex='0']")
    assert len(tabbable) == 1, "Tab goes past the frames, not through them"


def test_two_roots_differ_as_the_terminal_says(page: webdriver.Chrome, guest: Guest) -> None:
    kernel, live = spaces(guest)[0], live_space(guest)
    lines = diff_lines(map_of(guest, live), map_of(guest, kernel))
    seen = page.execute_script(
        "return compare(spaces[arguments[0]], spaces[0]).filter((one) => one.sign !== '=')"
        ".map((one) => [one.sign, hex(one.va), sizeText(one.end - one.va)])",
        spaces(guest).index(live),
    )
    wanted = [(line[0], f"{int(line[2:18], 16):#x}") for line in lines]
    assert [(sign, va) for sign, va, _ in seen] == wanted and len(wanted) > 1
    assert all(size in line for (_, _, size), line in zip(seen, lines))
    for change in ("pa: one.pa + 4096n", "user: 'rwx'", "memory: 'unknown'"):
        script = f"const other = spaces[0].ranges.map((one, at) => at === 2 ? {{ ...one, {change} }} : one);"
        script += "return compare(spaces[0], { ranges: other }).map((one) => one.sign).join('')"
        assert page.execute_script(script) == "==~" + "=" * (len(map_of(guest, kernel).ranges) - 3)
    assert text_of(page, "#comparison-says").startswith(f"{len(lines)} differences")
    rows = page.find_elements(By.CSS_SELECTOR, "#comparison tbody tr")
    assert len(rows) == len(lines) and all("only left" in row.text for row in rows)


def test_the_ranges_follow_the_root_that_is_chosen(page: webdriver.Chrome, guest: Guest) -> None:
    for number, space in enumerate(spaces(guest)):
        page.execute_script("show(shown.va, arguments[0])", number)
        rows = page.find_elements(By.CSS_SELECTOR, "#map-here tbody tr:not(.gap)")
        ranges = map_of(guest, space).ranges
        assert [row.find_element(By.TAG_NAME, "button").text for row in rows] == [hex(entry.range.va) for entry in ranges]
        for row, entry in list(zip(rows, ranges))[:8]:
            assert entry.name in row.text and hex(entry.range.pa) in row.text
            assert size_text(entry.range.size) in row.text or entry.range.size >= 1 << 20


@pytest.mark.parametrize("width", [360, 768, 1920])
def test_the_page_is_as_wide_as_the_window(page: webdriver.Chrome, width: int) -> None:
    set_width(page, width)
    page.execute_script(
        "document.querySelectorAll('.more').forEach((one) => one.click()); show(BigInt(arguments[0]))", hex(STACK)
    )
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    assert page.find_element(By.ID, "va").is_displayed()


# What a page must have for those who hear it: names for what can be used, one heading of the first order, scopes.
_NAMELESS = """
return [...document.querySelectorAll("button, input, select, a, summary")].filter((one) =>
  !(one.getAttribute("aria-label") || one.textContent.trim() || (one.labels && one.labels.length))).map((one) => one.outerHTML)
"""


def test_it_can_be_heard(page: webdriver.Chrome) -> None:
    assert page.execute_script(_NAMELESS) == []
    assert page.execute_script("return [...document.querySelectorAll('thead th:not([scope])')].length") == 0
    levels = page.execute_script("return [...document.querySelectorAll('h1, h2, h3')].map((one) => Number(one.tagName[1]))")
    assert levels.count(1) == 1 and levels[0] == 1 and all(below - above <= 1 for above, below in zip(levels, levels[1:]))
    for landmark in ("header", "nav[aria-label]", "main", "[role=status]", "[role=alert]"):
        assert page.find_elements(By.CSS_SELECTOR, landmark), landmark
    press(page, Keys.TAB)
    assert page.switch_to.active_element.text == "To the walk" and page.switch_to.active_element.location["x"] >= 0
    assert page.execute_script("return getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_it_works_in_the_page_of_a_student(stopped: tuple[Guest, Path], browser: webdriver.Chrome, tmp_path: Path) -> None:
    """There it is in a frame, without an address of its own."""
    store = Store(tmp_path)
    about = {
        "name": "alice", "key": {"pagewalk": "1", "labs": [3]}, "standing": "graded", "why": None, "attempt": 1, "seconds": 1,
        "cpu": 1,
    }  # fmt: skip
    store.picture("alice").write_bytes(stopped[1].read_bytes())
    path = tmp_path / "alice.html"
    path.write_bytes(report._student_page(Entry("Alice", Outcome({"class": about, "results": []})), store))
    browser.get("about:blank")
    browser.get_log("browser")
    browser.get(path.as_uri())
    browser.switch_to.frame(browser.find_element(By.TAG_NAME, "iframe"))
    assert len(text_of(browser, "#frames")) > 300 and text_of(browser, "#comparison-says")
    address = browser.find_element(By.ID, "va")
    address.clear()
    address.send_keys(hex(TEXT), Keys.ENTER)
    assert text_of(browser, "#end").startswith(f"{TEXT:#x} is {stopped[0].walk(TEXT).pa:#x},")
    browser.switch_to.default_content()
    assert browser.get_log("browser") == []
