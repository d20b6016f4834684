"""The counter of instructions: tiny guests whose every instruction is known, and what keeps it from counting."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

import grade.ladder.qemu_plugin
from grade.bench import plugin
from grade.bench.boot import Boot
from grade.bench.counting import Counter, Counts, Mark, parse
from grade.bench.figure import NotMeasured
from grade.bench.operations import Operation, instructions
from grade.bench.plugin import build_plugin
from grade.ladder.build import Kernel
from grade.ladder.qemu_plugin import api_of, qemu_plugin
from grade.ladder.trees import find_root

ROOT = find_root(Path(__file__))


@pytest.fixture
def counter(kernels, isa: str) -> Counter:
    built = kernels.build(isa, "counted")
    user_code = (built.symbols["user_code"], built.symbols["user_code_end"])
    return Counter(Kernel(isa, built.path, ROOT), ROOT / "build", user_code)


@pytest.fixture
def forgotten() -> Iterator[None]:
    """Has the plugin built anew, and so by those who come after."""
    qemu_plugin.cache_clear()
    yield
    qemu_plugin.cache_clear()


def test_every_instruction_counts_once(counter: Counter) -> None:
    """A repeated instruction (x86's rep) once for each repetition, and once when it finds none left."""
    counts = counter.run("")
    assert [mark.number for mark in counts.marks] == [1, 2, 3, 0xFFFF]
    assert [counts.between(*pair) for pair in ((1, 2), (2, 3), (3, 0xFFFF), (1, 0xFFFF))] == [0, 21, 104, 127]


def test_the_first_instruction_of_a_program_is_known(counter: Counter) -> None:
    counts = counter.run("")
    assert counts.first_user.count == counts.marks[-1].count + 2  # the marker and the call


def test_two_runs_count_the_same(counter: Counter) -> None:
    first, second = ([(mark.number, mark.count) for mark in counter.run("").marks] for _ in range(2))
    assert first == second


def test_the_clock_goes_forward(counter: Counter) -> None:
    times = [mark.nanoseconds for mark in counter.run("").marks]
    assert times == sorted(times) and 0 < times[-1] - times[0] < 60e9


def test_where_no_program_runs_there_is_no_first_instruction(counter: Counter) -> None:
    assert Counter(counter.kernel, counter.build, (0x1000, 0x2000)).run("").first_user is None


# --- what keeps it from counting -----------------------------------------------------------------------------


def test_no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgotten: None) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        NotMeasured, match="count_instructions needs a C compiler of this machine, and none of cc, gcc, clang is on PATH"
    ):
        build_plugin("x86_64", tmp_path)


def test_a_compiler_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgotten: None) -> None:
    source = tmp_path / "count_instructions.c"
    source.write_text("int x = spam;\n")
    monkeypatch.setattr(plugin, "_SOURCE", source)
    with pytest.raises(NotMeasured, match="(?s)count_instructions.c does not compile with .*spam"):
        build_plugin("x86_64", tmp_path)
    assert not list((tmp_path / "bench").glob("*.so"))


def test_a_qemu_without_plugins(counter: Counter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build_plugin(counter.kernel.isa, counter.build)
    fake = tmp_path / f"qemu-system-{counter.kernel.isa}"
    fake.write_text(
        "#!/bin/sh\n[ \"$1\" = --version ] && echo 'QEMU emulator version 7.2.0' && exit\n"
        "echo 'qemu: -plugin: plugin interface not enabled in this build' >&2\nexit 1\n"
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(NotMeasured, match="(?s)^QEMU ended .*plugin interface not enabled in this build"):
        counter.run("")


@pytest.mark.parametrize(("version", "api"), [((7, 2, 22), 1), ((8, 2, 0), 1), ((9, 0, 0), 2), ((9, 1, 0), 3), ((10, 0, 2), 3)])
def test_the_plugin_is_built_for_the_qemu_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgotten: None, version: tuple[int, ...], api: int
) -> None:
    """And it compiles for all of them; only one of them is here to run it."""
    monkeypatch.setattr(grade.ladder.qemu_plugin, "version_of", lambda *_: version)
    assert api_of("x86_64") == api
    assert build_plugin("x86_64", tmp_path).stat().st_size > 0


def test_the_plugin_is_built_once(tmp_path: Path, forgotten: None) -> None:
    library = build_plugin("x86_64", tmp_path)
    before = library.stat().st_mtime_ns
    qemu_plugin.cache_clear()
    assert build_plugin("x86_64", tmp_path) == library
    assert library.stat().st_mtime_ns == before
    assert list(library.parent.glob("*.so")) == [library]


# --- reading -------------------------------------------------------------------------------------------------

BOOT = Boot(1.0, "> run bench\n@run program=bench result=no-such-program\n> poweroff\n@poweroff\n")


def test_the_lines_are_read() -> None:
    counts = parse(["user 100 7", "marker 1 200 8", "marker 2 301 9"], BOOT)
    assert counts.first_user == Mark(0, 100, 7)
    assert counts.marks == (Mark(1, 200, 8), Mark(2, 301, 9))
    assert counts.between(1, 2) == 100


@pytest.mark.parametrize("lines", [[], ["marker 2 1 1"], ["marker 1 1 1"], ["marker 2 1 1", "marker 1 2 2"]])
def test_a_marker_that_is_missing_is_explained_by_the_kernel(lines: list[str]) -> None:
    with pytest.raises(NotMeasured, match="marker . *.*: @run program=bench result=no-such-program"):
        parse(lines, BOOT).between(1, 2)


class FakeCounter:
    """Counts what it is told to, by command."""

    kernel = Kernel("x86_64", Path("kernel.elf"), Path())

    def __init__(self, counts: dict[str, int], last: str) -> None:
        self.counts, self.last = counts, last

    def run(self, script: str) -> Counts:
        line = script.splitlines()[-1]
        boot = Boot(1.0, f"> {line}\n@process pid=2 program=bench\n{self.last}\n> poweroff\n@poweroff\n")
        return Counts(None, (Mark(1, 1000, 0), Mark(2, 1001 + self.counts[line], 0)), boot)


def test_an_operation_is_the_average() -> None:
    counter = FakeCounter({"run bench f 10": 5000}, "@exit pid=2 status=0 signal=0")
    assert instructions(counter, Operation("x", "run bench f {times}", 10)).value == 500


def test_what_is_not_the_operation_is_subtracted() -> None:
    counter = FakeCounter({"run bench f 10": 5000, "run bench g 10": 1000}, "@exit pid=2 status=0 signal=0")
    assert instructions(counter, Operation("x", "run bench f {times}", 10, 3, "run bench g {times}")).value == 400


def test_an_operation_may_end_at_another_marker() -> None:
    marks = (Mark(3, 10, 0), Mark(1, 100, 0), Mark(3, 151, 0), Mark(2, 300, 0))
    boot = Boot(1.0, "> run f\n@process pid=2 program=f\n@exit pid=2 status=0 signal=0\n> poweroff\n@poweroff\n")
    counter = SimpleNamespace(kernel=FakeCounter.kernel, run=lambda _: Counts(None, marks, boot))
    assert instructions(counter, Operation("x", "run f", 1, 3, last=3)).value == 50
    assert instructions(counter, Operation("x", "run f", 1, 3)).value == 199


@pytest.mark.parametrize("last", ["@exit pid=2 status=1 signal=0", "@exit pid=2 status=0 signal=11"])
def test_an_operation_that_failed_has_no_figure(last: str) -> None:
    """An error is cheap."""
    counter = FakeCounter({"run bench f 10": 50, "measure f 10": 50}, last)
    with pytest.raises(NotMeasured, match=f"run bench f 10: {last}"):
        instructions(counter, Operation("x", "run bench f {times}", 10))
    assert instructions(counter, Operation("x", "measure f {times}", 10)).value == 5  # is no program
