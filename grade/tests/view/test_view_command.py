"""./pagewalk view as people use it: of a failure, of a script, of nothing; and what a report says of it."""

import html
import re
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from grade.cli import pagewalk
from grade.failed import failed_run
from grade.guest.guest import Guest
from grade.isa import ISAS
from grade.kept_failure import keep_failure
from grade.ladder.files import write_whole
from grade.ladder.labs import LadderError
from grade.ladder.trees import find_root
from grade.results.failure import Failure
from grade.results.text import verdict_text
from grade.results.verdict import Verdict, verdict_of
from grade.run_plan import Target
from grade.view import page

ROOT = find_root(Path(__file__))
TEXT = 0x400000  # of a user program

Boot = Callable[..., Guest]


def view(*arguments: str) -> Result:
    return CliRunner().invoke(pagewalk, ["view", *arguments])


@pytest.fixture
def failed(boot: Boot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Verdict:
    """Has milestone 3.1 fail on the whole tree's kernel; returns what is said of it."""
    monkeypatch.setenv(failed_run.ELSEWHERE, str(tmp_path / "failed"))
    monkeypatch.chdir(tmp_path)
    guest = boot("run hello", "checkpoint ready")
    guest.run_to("ready")
    failure = Failure("process-killed", "a page of <hello>", "none", guest.walk(TEXT))
    return keep_failure(
        verdict_of(failure, 6, guest.isa.name), Target(6, guest.isa.name, ROOT, frozenset()), "3.1", failure, guest, None
    )


def test_a_failed_milestone_names_its_picture(failed: Verdict, tmp_path: Path) -> None:
    *_, command, _, picture = verdict_text(failed).split("\n")
    isa = command.split()[-3]
    assert command == f"try        ./pagewalk gdb 3.1 --isa {isa} --lab 6" and failed.commands["gdb"] == command[11:]
    assert picture == f"picture    failed/lab6-3.1-{isa}/view.html"
    text = (tmp_path / failed.picture).read_text(encoding="utf-8")
    assert "Milestone 3.1 on lab 6" in text and "a page of &lt;hello&gt;" in text and "process-killed" in text


def test_no_picture_never_costs_the_result(boot: Boot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("whatever it may be")

    monkeypatch.setenv(failed_run.ELSEWHERE, str(tmp_path / "failed"))
    monkeypatch.setattr(page, "picture_of", broken)
    guest = boot("")
    failure = Failure("translation-off", "on", "off")
    verdict = keep_failure(Verdict(), Target(1, guest.isa.name, ROOT, frozenset()), "1.2", failure, guest, None)
    assert verdict.notes == ("no picture ZeroDivisionError: whatever it may be",) and verdict.picture is None
    assert verdict.commands["gdb"].startswith("./pagewalk gdb 1.2")
    assert failed_run.load(1, "1.2", guest.isa.name).guest() is not None


def test_the_last_failure_is_shown_and_any_by_its_name(failed: Verdict, tmp_path: Path) -> None:
    isa = failed.commands["gdb"].split()[-3]
    by_name = view("3.1", "--isa", isa, "--lab", "6", "-o", str(tmp_path / "by name.html"))
    assert by_name.exit_code == 0 and by_name.output == "picture    by name.html\n"
    assert view("--failed", "-o", str(tmp_path / "last.html"), "--va", "0x500000").exit_code == 0
    one, other = ((tmp_path / name).read_text(encoding="utf-8") for name in ("by name.html", "last.html"))
    assert '"picks":[{"name":"where it failed","va":"0x400000"}' in one
    assert '"picks":[{"name":"as asked","va":"0x500000"},{"name":"where it failed","va":"0x400000"}' in other
    text = view("--text").output
    (walk,) = re.findall(r"walk of 0x400000.*?(?=</pre>)", one, re.DOTALL)
    assert html.unescape(walk).rstrip() in text  # of a browser without scripts: the same words
    assert (
        f"Milestone 3.1 on lab 6, {isa}" in text
        and "walk of 0x400000" in text
        and "Frames of RAM" in text
        and "\x1b" not in text
    )


def test_a_kernel_that_has_changed_is_not_shown_as_if_it_had_not(failed: Verdict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failed_run, "_digest", lambda elf: "another")
    result = view()
    assert result.exit_code == 2
    assert re.search(
        r"the kernel has changed since milestone 3\.1 failed; see .*; the picture from then: .*/view\.html", result.output
    )


@pytest.mark.parametrize("isa", ISAS)
def test_a_script_is_shown_where_it_leads(isa: str, tmp_path: Path) -> None:
    """Without a checkpoint: while its program still has all its memory. With one: there."""
    path = tmp_path / "view.html"
    run = view("--isa", isa, "--script", "run hello", "-o", str(path))
    assert run.exit_code == 0 and run.output == f"picture    {path}\n"  # not below the current folder: whole
    assert '"label":"process 2 (hello)"' in path.read_text(encoding="utf-8")
    text = view("--isa", isa, "--script", "run hello; checkpoint one; run hello; checkpoint two", "--text").output
    assert "checkpoint_reached at" in text and "(hello)" not in text.partition("Frames")[0].partition("\n")[2]
    text = view("--isa", isa, "--script", "poweroff", "--text").output
    assert re.search("^cause +early-exit: ", text, re.MULTILINE) and "Frames of RAM" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "no milestone has failed with a machine running"),
        (("3.1",), "milestone 3.1 has not failed on"),
        (("--script", "run hello", "--va", "here"), "--va here: that is no number in hexadecimal"),
        (("--script", "run hello", "--va", "0x10000000000000000"), "an address has 64 bits at most"),
        (("--script", "run hello", "-o", "/nowhere/x.html"), "cannot write /nowhere/x.html: there is no folder /nowhere"),
        (("3.1", "--script", "run hello"), "only one of them"),
        (("--isa", "aarch64"), "--isa and --lab go with a milestone or with --script"),
    ],
)
def test_what_cannot_be_shown_is_said(
    arguments: tuple[str, ...], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(failed_run.ELSEWHERE, str(tmp_path / "failed"))
    result = view(*arguments)
    assert not Path("/nowhere").exists()
    assert result.exit_code == 2 and words in result.output and "Traceback" not in result.output


def test_a_disk_that_is_full_is_said_and_the_old_picture_stays(failed: Verdict, tmp_path: Path) -> None:
    """The limit on the size of files stands for a full disk: the write fails in its midst."""
    path = tmp_path / "view.html"
    path.write_text("the old one")
    before = sorted(tmp_path.iterdir())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        result = view("-o", str(path))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert result.exit_code == 2 and result.output == f"Error: cannot write {path}: File too large\n"
    assert path.read_text() == "the old one" and sorted(tmp_path.iterdir()) == before


def test_a_device_is_written_to_and_not_replaced() -> None:
    with pytest.raises(LadderError, match="^cannot write /dev/full: No space left on device$"):
        write_whole(Path("/dev/full"), b"a page")
    assert Path("/dev/full").is_char_device()


def test_a_link_leads_to_the_file_that_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("file")
    write_whole(tmp_path / "link", b"a page")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "file").read_bytes() == b"a page"
