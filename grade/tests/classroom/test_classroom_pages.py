"""What an instructor sees of a class: the table while it is graded, on a terminal, and its page, in a real browser."""

import fcntl
import os
import re
import struct
import subprocess
import termios
from pathlib import Path
from urllib.parse import unquote, urlparse

from selenium import webdriver
from selenium.webdriver.common.by import By

from grade.tests.browser import browser, set_width
from grade.tests.classroom.class_course import Course, course
from grade.tests.terminals import pseudo_terminal

_ = browser, course  # the fixtures

HOSTILE = "<script>document.write('owned')</script>"


def test_the_page_of_the_class_in_a_browser(course: Course, browser: webdriver.Chrome) -> None:
    """It shows who has how much and why, leads to each student's page, and fetches nothing from anywhere."""
    course.hand_in(alice="points=5", bob="status=failed cause=hang", carol=f"status=failed text={HOSTILE}", dave="status=error")
    (course.submissions / "erin.zip").write_bytes(b"PK\x03\x04 but no more")
    assert course.run().returncode == 2
    set_width(browser, 1280)
    browser.get("about:blank")
    browser.get_log("browser")
    browser.get((course.graded / "index.html").as_uri())
    text = browser.find_element(By.TAG_NAME, "body").text
    assert "5 submissions: 3 graded, on average 1.7 points" in text and "1 that the grader could not judge" in text
    assert "the machine is on fire" in text and "The kernel neither goes on nor stops" in text
    bars = browser.find_elements(By.CSS_SELECTOR, "svg rect")
    assert sum(bar.is_displayed() and bar.size["height"] > 0 for bar in bars) == 2, "nobody's points, and everybody's"
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 1280
    levels = [int(heading.tag_name[1]) for heading in browser.find_elements(By.CSS_SELECTOR, "h1, h2, h3")]
    assert levels[0] == 1 and levels.count(1) == 1
    links = {link.text: link.get_attribute("href") for link in browser.find_elements(By.TAG_NAME, "a")}
    assert {"alice", "bob", "carol", "dave", "erin"} <= links.keys()
    for link in links.values():
        path = Path(unquote(urlparse(link).path))
        assert path.is_relative_to(course.main.root) or path.is_file(), link  # this main has no documents
    _expect_quiet(browser)
    for name in ("alice", "bob", "carol", "dave", "erin"):
        browser.get((course.graded / "students" / f"{name}.html").as_uri())
        _expect_quiet(browser)
    assert HOSTILE in (course.graded / "students" / "carol.txt").read_text(encoding="utf-8")


def _expect_quiet(browser: webdriver.Chrome) -> None:
    """Checks that nothing was fetched, and that nothing was refused either."""
    assert browser.execute_script("return performance.getEntriesByType('resource').map((one) => one.name)") == []
    assert browser.get_log("browser") == []


def test_the_table_on_a_terminal(course: Course) -> None:
    """While it is graded: each that is done, how many there are, the rate, the time left. At the end it stays."""
    course.hand_in(**{f"s{n}": f"points={n} seconds=0.6" for n in range(1, 6)})
    ours, theirs = pseudo_terminal()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    environment = {**course.environment, "TERM": "xterm-256color"}
    for name in ("NO_COLOR", "COLUMNS", "LINES", "CI"):
        environment.pop(name, None)
    with subprocess.Popen(
        course.command("-j", "1"), stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    ) as process:
        os.close(theirs)
        shown = _read_all(ours)
    os.close(ours)
    assert process.returncode == 0, shown
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert re.search(r"[1-4] of 5 graded, [\d.]+ a minute, \d+ (s|min) left", plain), plain
    last = plain[plain.rindex("5 of 5 graded") :]
    assert " left" not in last.splitlines()[0] and "written" in last
    for number in range(1, 6):
        assert re.search(rf"s{number} +{number} / 5 ", plain), plain
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") > 0, "the cursor is there again"


def _read_all(terminal: int) -> str:
    """Returns what was written to a terminal until everybody has closed it."""
    parts = []
    while True:
        try:
            part = os.read(terminal, 1 << 16)
        except OSError:  # EIO: as Linux says that nobody has it open any more
            return b"".join(parts).decode()
        parts.append(part)
