"""The compiler's cache saves time and decides nothing: whatever is wrong with it, the same kernel comes out."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from grade.isa import ISAS
from grade.ladder.build import build_kernel
from grade.ladder.compiler_cache import with_cache, without_cache

REPO = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.skipif(shutil.which("ccache") is None, reason="needs ccache")

# Like the real tree's: a launcher, and a precompiled header.
CMAKE = """\
cmake_minimum_required(VERSION 3.25)
set(CMAKE_CXX_COMPILER_WORKS 1)
project(tiny LANGUAGES CXX)
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
add_executable(kernel main.cc answer.cc)
target_precompile_headers(kernel PRIVATE <cstdio>)
target_compile_options(kernel PRIVATE -fpch-preprocess)
set_target_properties(kernel PROPERTIES SUFFIX .elf)
"""
PRESET = {"name": "x86_64", "generator": "Ninja", "binaryDir": "${sourceDir}/build/x86_64"}
FILES = {
    "CMakeLists.txt": CMAKE,
    "CMakePresets.json": json.dumps({"version": 3, "configurePresets": [PRESET]}),
    "main.cc": "const char* answer();\nint main() { std::puts(answer()); }\n",
    "answer.cc": '#ifdef OTHER\n#define WORD "wrong"\n#else\n#define WORD "right"\n#endif\n'
    "const char* answer() { return WORD; }\n",
}


def tiny_tree(folder: Path) -> Path:
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def said_by(tree: Path) -> str:
    """Returns what the kernel, built now, prints."""
    return subprocess.run([build_kernel(tree, "x86_64").elf], capture_output=True, text=True, check=True).stdout


def hits(cache: Path) -> int:
    """Returns how many compilations the cache has saved."""
    environment = os.environ | {"CCACHE_DIR": str(cache)}
    printed = subprocess.run(["ccache", "--print-stats"], env=environment, capture_output=True, text=True, check=True).stdout
    counts = dict(line.split("\t") for line in printed.splitlines())
    return int(counts["direct_cache_hit"]) + int(counts["preprocessed_cache_hit"])


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns a cache that has all of a tiny tree's objects, in use by everything that is built now."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("CCACHE_DIR", str(folder))
    assert said_by(tiny_tree(tmp_path / "first")) == "right\n"
    return folder


def test_another_tree_compiles_nothing_again(cache: Path, tmp_path: Path) -> None:
    before = hits(cache)
    assert said_by(tiny_tree(tmp_path / "second")) == "right\n"
    assert hits(cache) - before == 3, "two objects and the precompiled header"


def _gone(cache: Path) -> None:
    shutil.rmtree(cache)


def _a_file(cache: Path) -> None:
    shutil.rmtree(cache)
    cache.write_text("no folder", encoding="utf-8")


def _misconfigured(cache: Path) -> None:
    (cache / "ccache.conf").write_text("max_size = lots\n", encoding="utf-8")


def _full_of_rubbish(cache: Path) -> None:
    for file in cache.rglob("*"):
        if file.is_file():
            file.write_bytes(os.urandom(max(file.stat().st_size, 64)))


def _truncated(cache: Path) -> None:
    for file in cache.rglob("*"):
        if file.is_file():
            os.truncate(file, file.stat().st_size // 2)


def _with_no_room(cache: Path) -> None:
    (cache / "ccache.conf").write_text("max_size = 1k\n", encoding="utf-8")


@pytest.mark.parametrize(
    "damage",
    [_gone, _a_file, _misconfigured, _full_of_rubbish, _truncated, _with_no_room],
    ids=lambda damage: damage.__name__[1:],
)
def test_the_same_kernel_whatever_the_cache_is_like(cache: Path, tmp_path: Path, damage: Callable[[Path], None]) -> None:
    damage(cache)
    assert said_by(tiny_tree(tmp_path / "second")) == "right\n"


def test_the_same_kernel_where_the_cache_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCACHE_DIR", "/proc/no-folder-can-be-made-here")  # root may write wherever else files can be
    assert said_by(tiny_tree(tmp_path / "tree")) == "right\n"


def test_the_same_kernel_where_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("nobody here may mount a small disk")
    try:
        monkeypatch.setenv("CCACHE_DIR", str(small / "cache"))
        assert said_by(tiny_tree(tmp_path / "tree")) == "right\n"
    finally:
        subprocess.run(["umount", small], check=True)


def test_the_same_kernel_without_ccache(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for folder in ("/bin", "/usr/bin"):
        for file in Path(folder).iterdir():
            if file.name != "ccache" and not (tools / file.name).is_symlink():
                (tools / file.name).symlink_to(file)
    monkeypatch.setenv("PATH", str(tools))
    before = hits(cache) if shutil.which("ccache") else None
    assert before is None
    assert said_by(tiny_tree(tmp_path / "second")) == "right\n"


def test_another_compilers_objects_are_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "c++"
    other.write_text('#!/bin/sh\nexec c++ -DOTHER "$@"\n', encoding="utf-8")
    other.chmod(0o755)
    monkeypatch.setenv("CCACHE_DIR", str(tmp_path / "cache"))
    with monkeypatch.context() as patch:
        patch.setenv("CXX", str(other))
        assert said_by(tiny_tree(tmp_path / "first")) == "wrong\n"
    assert said_by(tiny_tree(tmp_path / "second")) == "right\n"


def test_two_builds_share_a_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCACHE_DIR", str(tmp_path / "cache"))
    trees = [tiny_tree(tmp_path / name) for name in ("one", "two", "three", "four")]
    with ThreadPoolExecutor(len(trees)) as pool:
        assert list(pool.map(said_by, trees)) == ["right\n"] * len(trees)


@pytest.mark.parametrize("isa", ISAS)
def test_objects_are_the_same_with_a_cache_and_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, isa: str) -> None:
    """And in every folder: GDB shows students the names of their files from the root of the tree."""
    monkeypatch.setenv("CCACHE_DIR", str(tmp_path / "cache"))
    objects = [f"CMakeFiles/user_library.dir/user/lib/{name}.obj" for name in ("expect.cc", f"{isa}/instructions.S")]
    made = []
    for folder, ccache in (
        ("short", without_cache(os.environ)),
        ("a/longer/name", os.environ | with_cache(tmp_path / "a/longer/name")),
    ):
        tree = tmp_path / folder
        for name in ("kernel", "arch", "user"):
            shutil.copytree(REPO / name, tree / name)
        for name in ("CMakeLists.txt", "CMakePresets.json"):
            shutil.copy(REPO / name, tree / name)
        subprocess.run(["cmake", "--preset", isa], cwd=tree, check=True, capture_output=True)
        subprocess.run(["ninja", "-C", tree / "build" / isa, *objects], env=ccache, check=True, capture_output=True)
        made.append([(tree / "build" / isa / name).read_bytes() for name in objects])
    for one, other in zip(*made, strict=True):
        assert one == other
    assert b"\0user/lib/expect.cc\0" in made[0][0] and b"/pagewalk/user" not in made[0][0]
