"""Attacks on the grader that once gained points or hurt others: a starter that carries them out gains nothing, and harms nobody."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from grade.cutting.cutter import cut
from grade.ladder.build import build_kernel
from grade.ladder.trees import Tree, find_root
from grade.prepare import prepare
from grade.tests.submission.submission_trees import SEALED

ROOT = find_root(Path(__file__))
ENGINE, MAP = "kernel/paging/page_table_map.h", "arch/x86_64/boot_map.cc"
pytestmark = pytest.mark.skipif(not SEALED, reason="this machine makes no sandbox")

NO_TESTS = """
#define TEST(suite, name) [[maybe_unused]] static void suite##name()
#define TEST_F(suite, name) TEST(suite, name)
#define TYPED_TEST(suite, name) template <typename> void suite##name()
#define TYPED_TEST_P(suite, name) template <typename> void suite##name()
#define EXPECT_EQ(...) (void)0
#define EXPECT_TRUE(...) (void)0
#define ASSERT_EQ(...) (void)0
"""
OVERWRITES = r"""
#if __STDC_HOSTED__
#include <filesystem>
#include <fstream>
inline const int kOverwrites = [] {
  namespace fs = std::filesystem;
  std::error_code none;
  for (const char* top : {"KERNELS", "CACHE"}) {
    for (fs::recursive_directory_iterator it(top, none), end; !none && it != end; it.increment(none)) {
      std::error_code here;
      if (it->path().filename() == "kernel.elf") {
        fs::remove(it->path(), here);
        fs::copy_file("GOOD", it->path(), here);
      } else if (it->path().filename() == "object") {
        std::ofstream(it->path()) << "poison";
      }
    }
  }
  return 0;
}();
#endif
"""


def with_attack(code: str, kernels: Path, cache: Path, good: Path) -> str:
    for name, path in (("KERNELS", kernels), ("CACHE", cache), ("GOOD", good)):
        code = code.replace(name, str(path))
    return code


def graded(tmp_path: Path, change: dict[str, str], *milestones: str) -> dict[str, dict[str, object]]:
    """Returns the results of lab 1's starter with something before its files."""
    student = tmp_path / "mallory"
    cut(ROOT, 1, 0, student, with_grader=True)
    for name, text in change.items():
        (student / name).write_text(text + (student / name).read_text(encoding="utf-8"), encoding="utf-8")
    command = [sys.executable, "-P", "-m", "grade", "grade", "1", "--isa", "x86_64", "--submission", student, "-j1"]
    command += ["--no-keep", "--json", tmp_path / "r.json", *(word for name in milestones for word in ("--milestone", name))]
    run = subprocess.run(
        list(map(str, command)),
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1, run.stdout + run.stderr
    return {result["milestone"]: result for result in json.loads((tmp_path / "r.json").read_text())["results"]}


def test_macros_that_empty_a_host_suite(tmp_path: Path) -> None:
    found = graded(tmp_path, {ENGINE: NO_TESTS}, "1.0", "1.1")
    assert {name: (result["status"], result["points"]) for name, result in found.items()} == {
        "1.0": ("todo", 0),
        "1.1": ("todo", 0),
    }


def test_another_submissions_kernel_and_the_compilers_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine of a host test copies a right kernel over each that it finds, and overwrites what the compiler's cache keeps."""
    good = build_kernel(prepare(Tree(ROOT), 1), "x86_64").elf
    cache = tmp_path / "cache"
    for folder in (cache, tmp_path / "others"):
        folder.mkdir()
        for name in ("object", "kernel.elf"):
            (folder / name).write_text("another's")
    monkeypatch.setenv("CCACHE_DIR", str(cache))
    monkeypatch.setenv("CCACHE_NOCOMPRESS", "1")
    attack = with_attack(OVERWRITES, ROOT / "build/submissions", cache, good)
    mine = 'extern "C" { [[gnu::used]] const char g_mine[] = "nobody but me says this"; }\n'
    found = graded(tmp_path, {ENGINE: attack, MAP: mine}, "1.0", "1.2")
    assert {name: result["points"] for name, result in found.items()} == {"1.0": 0, "1.2": 0}
    assert {(cache / name).read_text() for name in ("object", "kernel.elf")} == {"another's"}
    kept = [path.read_bytes() for path in cache.rglob("*") if path.is_file()]
    assert not [content for content in kept if b"nobody but me says this" in content], "what a student wrote is in no cache"


def test_that_attack_would_succeed_without_a_sandbox(tmp_path: Path) -> None:
    (tmp_path / "play").mkdir()
    for name in ("object", "kernel.elf", "good"):
        (tmp_path / "play" / name).write_text(name)
    code = with_attack(OVERWRITES, tmp_path / "play", tmp_path / "play", tmp_path / "play/good")
    (tmp_path / "attack.cc").write_text(code + "int main() {}\n")
    subprocess.run(["g++", "-std=gnu++2b", "attack.cc", "-o", "attack"], cwd=tmp_path, check=True)
    subprocess.run([tmp_path / "attack"], check=True)
    assert (tmp_path / "play/kernel.elf").read_text() == "good" and (tmp_path / "play/object").read_text() == "poison"
