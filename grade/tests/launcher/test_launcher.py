"""The launcher: how it hands over, what it helps with, and what it says is there."""

import shutil
import sys

import pytest

from grade.tests.launcher.launcher_world import APT, LAUNCHER, MODULES, SHELLS, TOOLS, World
from grade.version import PAGEWALK

# --- handing over ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_everything_there_hands_over(world: World, shell: list[str]) -> None:
    program = shutil.which(shell[0])
    if program is None:
        pytest.skip(f"no {shell[0]} here")
    world.shell = [program, *shell[1:]]
    result = world.run("grade", "1", "-k", "a b", PYTHONDONTWRITEBYTECODE="1")
    where = world.tree.parent / "elsewhere"
    assert result.stdout == f"GRADE ['grade', '1', '-k', 'a b'] {where} False\n"
    assert (result.returncode, result.stderr) == (7, "")
    assert world.calls("cmake") == []  # looking for a tool is not running it


def test_it_finds_its_folder_through_links(world: World) -> None:
    (world.bin / "absolute").symlink_to(world.tree / "pagewalk")
    (world.bin / "pagewalk").symlink_to("absolute")
    assert "GRADE ['run']" in world.run("run", script=world.bin / "pagewalk").stdout


def test_a_grade_folder_of_the_user_is_not_ours(world: World) -> None:
    theirs = world.tree.parent / "elsewhere/grade"
    theirs.mkdir()
    (theirs / "__main__.py").write_text("print('THEIRS')\n", encoding="utf-8")
    (theirs.parent / "click.py").write_text("", encoding="utf-8")
    assert world.run("grade").stdout.startswith("GRADE")


def test_a_module_in_the_users_folder_does_not_count(world: World) -> None:
    (world.root / "usr/bin/python3-modules/click.py").rename(world.tree.parent / "elsewhere/click.py")
    assert "Missing: click\n" in world.run("grade").stderr


def test_the_first_python_that_will_do(world: World) -> None:
    system = world.root / "usr/bin/python3"
    chosen = world.python("usr/bin/chosen", MODULES)
    assert str(chosen) in world.run("setup", PAGEWALK_PYTHON=str(chosen)).stdout
    lacking = world.python("usr/bin/lacking", MODULES[1:])
    assert str(system) in world.run("setup", PAGEWALK_PYTHON=str(lacking)).stdout
    on_path = world.python("usr/bin/on_path", MODULES)
    (world.bin / "python3").symlink_to(on_path)
    assert str(system) in world.run("setup").stdout
    assert "  python3  " in world.run("setup", VIRTUAL_ENV="/venv").stdout
    system.write_text("#!/bin/sh\nexit 2\n", encoding="utf-8")  # one that does not know -P
    assert "  python3  " in world.run("setup").stdout


def test_the_version_needs_no_tools(world: World) -> None:
    (world.root / "usr/bin/python3").unlink()
    shutil.copy(LAUNCHER.parent / "grade" / "version.py", world.tree / "grade" / "version.py")
    result = world.run("--version")
    assert (result.returncode, result.stdout) == (0, f"Pagewalk {PAGEWALK}\n"), result.stderr


# --- help and setup ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [[], ["help"], ["--help"], ["-h"], ["grade", "--help"], ["gdb", "-h"]])
def test_help_works_with_nothing_installed(world: World, arguments: list[str]) -> None:
    given = world.run(*arguments)
    assert given.stdout.startswith(f"GRADE {arguments if len(arguments) == 2 or '-' in str(arguments) else ['--help']}")
    world.remove(*TOOLS)
    (world.root / "usr/bin/python3").unlink()
    bare = world.run(*arguments)
    assert bare.returncode == 0
    assert "Usage: ./pagewalk COMMAND" in bare.stdout and "grade [LAB]" in bare.stdout
    assert bare.stderr == ""


def test_help_offers_what_the_tree_has(world: World) -> None:
    (world.root / "usr/bin/python3").unlink()
    in_main = world.run("--help").stdout
    assert "  handout --repo DIR " in in_main and "  test " in in_main and "  submit " not in in_main
    world.course('isas = ["x86_64", "aarch64"]')
    handed_out = world.run("--help").stdout
    assert "  status " in handed_out and "  submit " in handed_out and "  run " in handed_out
    assert not any(f"  {command} " in handed_out for command in ("test", "cut", "handout"))


def test_help_for_the_tests_is_not_for_us(world: World) -> None:
    world.remove("ninja")
    assert world.run("grade", "--", "--help").returncode == 2


def test_setup_says_what_is_there(world: World) -> None:
    for arguments in (["setup"], ["setup", "--check"]):
        result = world.run(*arguments)
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout.startswith("Everything is there:\n")
        for tool in TOOLS:
            assert f"{tool} 1.0" in result.stdout
        assert f"Python {sys.version.split()[0]} with pytest xdist" in result.stdout


def test_setup_check_only_reports(debian: World) -> None:
    debian.remove("qemu-system-x86_64", "gdb-multiarch")
    result = debian.run("setup", "--check")
    assert result.returncode == 2
    assert "Missing: qemu-system-x86_64 gdb-multiarch\n" in result.stderr
    assert f"{APT} qemu-system-x86 gdb-multiarch\n" in result.stderr
    assert debian.calls("apt-get") == []


def test_setup_refuses_what_it_does_not_know(world: World) -> None:
    for arguments in (["setup", "--chekc"], ["setup", "--check", "x"]):
        result = world.run(*arguments)
        assert (result.returncode, result.stderr) == (2, "Usage: ./pagewalk setup [--check]\n")


@pytest.mark.parametrize(("mine", "other"), [("x86_64", "aarch64"), ("aarch64", "x86_64")])
def test_a_course_on_one_isa_needs_nothing_of_the_other(world: World, mine: str, other: str) -> None:
    others = [f"qemu-system-{other}", f"{other}-linux-gnu-g++"]
    world.remove(*others)
    assert world.run("grade").returncode == 2
    world.course(f'lab = 1\nisas = ["{mine}"]')  # and no end of line
    assert "GRADE ['grade']" in world.run("grade").stdout
    there = world.run("setup", "--check")
    assert there.returncode == 0 and not any(tool in there.stdout for tool in others)
    world.remove(f"qemu-system-{mine}", f"{mine}-linux-gnu-g++")
    assert f"Missing: qemu-system-{mine} {mine}-linux-gnu-g++\n" in world.run("setup", "--check").stderr
