"""A library of the grader's own is there whoever asks for it, and when."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from grade.ladder.labs import LadderError
from grade.ladder.shared_library import shared_library

GCC = ["gcc", "-O0"]


def test_threads_ask_at_once(tmp_path: Path) -> None:
    """As the builds of a submission's kernel and of its host tests do: it is compiled once."""
    source = tmp_path / "here.c"
    source.write_text("int here;\n")
    with ThreadPoolExecutor(6) as threads:
        libraries = list(threads.map(lambda _: shared_library(GCC, source, tmp_path / "watch"), range(6)))
    assert len(set(libraries)) == 1 and libraries[0].read_bytes()[:4] == b"\x7fELF"
    assert sorted(path.suffix for path in (tmp_path / "watch").iterdir()) == [".lock", ".so"]


def test_another_source_is_another_library(tmp_path: Path) -> None:
    source = tmp_path / "here.c"
    source.write_text("int here;\n")
    first = shared_library(GCC, source, tmp_path)
    source.write_text("int there;\n")
    second, third = (shared_library(compiler, source, tmp_path) for compiler in (GCC, [*GCC, "-g0"]))
    assert len({first, second, third}) == 3 and all(library.exists() for library in (first, second, third))


def test_a_source_that_does_not_compile(tmp_path: Path) -> None:
    source = tmp_path / "here.c"
    source.write_text("int here\n")
    with pytest.raises(LadderError, match=re.compile(r"here\.c does not compile with gcc:.*error: ", re.DOTALL)):
        shared_library(GCC, source, tmp_path)
