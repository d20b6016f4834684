"""The launcher: what it installs, and what it tells a student when it cannot."""

import os
import subprocess

import pytest

from grade.tests.launcher.launcher_world import APT, TOOLS, World
from grade.tests.terminals import pseudo_terminal

# --- Debian and Ubuntu -------------------------------------------------------------------------------------


def test_root_installs_and_goes_on(debian: World) -> None:
    debian.remove("qemu-system-x86_64")
    result = debian.run("grade")
    assert "GRADE ['grade']" in result.stdout and result.returncode == 7
    assert "from-apt" not in result.stdout  # which belongs to the command
    assert "from-apt noninteractive" in result.stderr
    assert "Missing: qemu-system-x86_64\nInstalling: qemu-system-x86\n" in result.stderr
    assert debian.calls("apt-get") == [
        "apt-get update",
        "apt-get install --no-install-recommends -y -o DPkg::Lock::Timeout=300 qemu-system-x86",
    ]


def test_without_root_sudo_installs_and_does_not_ask(debian: World) -> None:
    debian.program("id", "echo 1000")
    debian.program("sudo", 'shift; exec "$@"')
    debian.remove("qemu-system-x86_64")
    assert "GRADE" in debian.run("grade").stdout
    assert [call.split("noninteractive ")[1].split(" -")[0] for call in debian.calls("sudo")] == [
        "true",
        "apt-get update",
        "apt-get install",
    ]
    assert all(call.startswith("sudo -n env ") for call in debian.calls("sudo"))


def test_on_a_terminal_sudo_may_ask(debian: World) -> None:
    debian.program("id", "echo 1000")
    debian.program("sudo", 'exec "$@"')
    debian.remove("qemu-system-x86_64")
    keyboard, terminal = pseudo_terminal()
    environment = {"PATH": str(debian.bin), "PAGEWALK_SYSROOT": str(debian.root)}
    command = ["sh", str(debian.tree / "pagewalk"), "grade"]
    result = subprocess.run(command, env=environment, stdin=terminal, capture_output=True, text=True, check=False)
    os.close(terminal)
    os.close(keyboard)
    assert "GRADE" in result.stdout
    assert [call.split()[1] for call in debian.calls("sudo")] == ["env"] * 3


@pytest.mark.parametrize("sudo", [None, "echo 'sudo: a password is required' >&2; exit 1"])
def test_without_rights_the_command_is_told(debian: World, sudo: str | None) -> None:
    debian.program("id", "echo 1000")
    if sudo is not None:
        debian.program("sudo", sudo)
    debian.remove("ninja", "qemu-system-aarch64")
    result = debian.run("grade")
    assert result.returncode == 2
    assert f"    {APT} ninja-build qemu-system-arm\n" in result.stderr
    assert debian.calls("apt-get") == []


def test_a_failing_apt_is_told(debian: World) -> None:
    debian.program("apt-get", "echo 'E: Could not resolve deb.debian.org' >&2; exit 100")
    debian.remove("ninja")
    result = debian.run("grade")
    assert result.returncode == 2
    assert "apt-get could not install what is missing" in result.stderr
    assert f"    {APT} ninja-build\n" in result.stderr
    assert "Installed" not in result.stderr


def test_a_failing_update_need_not_matter(debian: World) -> None:
    debian.remove("qemu-system-x86_64")
    apt = (debian.bin / "apt-get").read_text(encoding="utf-8")
    (debian.bin / "apt-get").write_text(apt.replace("echo from", '[ "$1" = update ] && exit 100\necho from'))
    assert "GRADE" in debian.run("grade").stdout


def test_what_is_missing_after_installing_is_told(debian: World) -> None:
    debian.remove("ninja")
    result = debian.run("grade")
    assert result.returncode == 2
    assert "Installed, and still missing: ninja\n" in result.stderr
    assert "GRADE" not in result.stdout


LINTERS = "black isort flake8 mypy shellcheck clang-tidy"
SIMILARITY, SIMILARITY_PACKAGE = "sim_c++", "similarity-tester"
DASK, DASK_PACKAGE = "dask-scheduler", "python3-distributed"
STUBS, STUBS_PACKAGE = "gdb-stubs", "python3-typeshed"


def test_doxygen_is_needed_by_docs_and_test_only(debian: World) -> None:
    """And the tools that look over the grader's sources by main's tests alone."""
    for command in ("grade", "run"):
        assert f"GRADE ['{command}']" in debian.run(command).stdout
    assert debian.run("setup", "--check").returncode == 0
    assert debian.calls("apt-get") == []
    for command, browser, linters in (
        ("docs", "", ""),
        ("test", "chromium chromedriver selenium jsonschema ", f" {LINTERS} {SIMILARITY} {DASK} make {STUBS}"),
    ):
        result = debian.run(command)
        assert result.returncode == 2
        assert f"Missing: {browser}doxygen dot doxygen-awesome.css{linters}\n" in result.stderr
        for thing, package in ((SIMILARITY, SIMILARITY_PACKAGE), (DASK, DASK_PACKAGE), (STUBS, STUBS_PACKAGE)):
            linters = linters.replace(thing, package)
        assert debian.calls("apt-get")[-1].endswith(f" doxygen graphviz doxygen-awesome-css{linters}")
    for name in ("doxygen", "dot"):
        debian.program(name, "")
    debian.file("usr/share/doxygen-awesome-css/doxygen-awesome.css", "")
    assert "GRADE ['docs']" in debian.run("docs").stdout


def test_where_there_is_no_package_of_the_style_doxygens_own_will_do(world: World) -> None:
    world.file("etc/os-release", "ID=fedora\n")
    told = world.run("docs").stderr
    assert "Missing: doxygen dot\n" in told and "sudo dnf install doxygen graphviz" in told
    for name in ("doxygen", "dot"):
        world.program(name, "")
    assert "GRADE ['docs']" in world.run("docs").stdout


def test_the_debugger_is_needed_by_gdb_only(debian: World) -> None:
    debian.remove("gdb-multiarch")
    assert "GRADE" in debian.run("grade").stdout
    assert debian.calls("apt-get") == []
    for command in ("gdb", "setup"):
        result = debian.run(command)
        assert result.returncode == 2
        assert "Installed, and still missing: gdb-multiarch" in result.stderr
    debian.remove("qemu-system-x86_64")
    assert "GRADE" in debian.run("grade").stdout
    assert debian.calls("apt-get")[-1].endswith("qemu-system-x86 gdb-multiarch")


def test_the_cache_comes_along_and_setup_insists_on_it(debian: World) -> None:
    debian.remove("ccache", "qemu-system-x86_64")
    assert "GRADE" in debian.run("grade").stdout
    assert debian.calls("apt-get")[-1].endswith("qemu-system-x86 ccache")
    result = debian.run("setup", "--check")
    assert result.returncode == 2 and "Missing: ccache\n" in result.stderr
    result = debian.run("setup")
    assert result.returncode == 2 and "Installed, and still missing: ccache\n" in result.stderr


def test_main_alone_needs_a_sandbox_and_only_for_submissions(debian: World) -> None:
    debian.remove("bwrap")
    for asked in (["grade"], ["grade", "3", "--submission", "x.tar", "--unsealed"], ["run"]):
        assert "GRADE" in debian.run(*asked).stdout and debian.calls("apt-get") == []
    debian.run("grade", "--submission=x.tar")
    assert debian.calls("apt-get")[-1].endswith(" bubblewrap")
    assert "Missing: bwrap" in debian.run("setup", "--check").stderr
    debian.course('isas = ["x86_64"]\n')
    assert "Everything is there" in debian.run("setup", "--check").stdout


def test_where_only_the_cache_is_missing_root_tries_once_to_get_it(debian: World) -> None:
    debian.remove("ccache")
    debian.program("apt-get", "exit 100")
    result = debian.run("grade")
    assert "GRADE" in result.stdout and "Going on without it" in result.stderr
    asked = debian.calls("apt-get")
    assert asked[-1].endswith(" ccache")
    result = debian.run("grade")
    assert "GRADE" in result.stdout and result.stderr == ""
    assert debian.calls("apt-get") == asked


def test_where_only_the_cache_is_missing_nobody_else_is_troubled(world: World) -> None:
    world.remove("ccache")
    world.program("sudo", "exit 0")
    result = world.run("grade")
    assert "GRADE" in result.stdout and result.stderr == ""
    assert world.calls("sudo") == []


@pytest.mark.parametrize(
    ("machine", "compilers"),
    [("amd64", "g++ g++-aarch64-linux-gnu"), ("arm64", "g++-x86-64-linux-gnu g++")],
)
def test_all_packages_of_debian(debian: World, machine: str, compilers: str) -> None:
    debian.program("dpkg", f"echo {machine}")
    debian.remove(*TOOLS)
    (debian.root / "usr/include/gtest/gtest.h").unlink()
    (debian.root / "usr/bin/python3").unlink()
    modules = "pytest pytest-xdist click rich hypothesis pyelftools junitparser jinja2"
    python = " ".join(f"python3-{name}" for name in modules.split())
    packages = f"cmake ninja-build qemu-system-x86 qemu-system-arm {compilers} clang-format libgtest-dev python3"
    assert debian.run("grade").returncode == 2
    assert debian.calls("apt-get")[-1].endswith(f"=300 {packages} {python} gdb-multiarch ccache bubblewrap")


def test_only_the_modules_that_are_missing(debian: World) -> None:
    (debian.root / "usr/bin/python3-modules/elftools.py").unlink()
    result = debian.run("grade")
    assert "Missing: elftools\nInstalling: python3-pyelftools\n" in result.stderr
    assert "PAGEWALK_PYTHON" in result.stderr


def test_only_mains_own_tests_want_a_browser(debian: World) -> None:
    assert debian.run("grade").returncode == debian.run("view").returncode == 7
    asked = debian.run("test").stderr
    assert "Missing: chromium chromedriver selenium jsonschema" in asked
    assert "Installing: chromium chromium-driver python3-selenium python3-jsonschema" in asked
    assert "GRADE ['test', '--quick']" in debian.run("test", "--quick").stdout, "what is quick looks at nothing"
    debian.course('isas = ["x86_64", "aarch64"]')  # where `test` only says that it is main's
    assert "chromium" not in debian.run("test").stderr


def test_only_coverage_wants_what_counts(debian: World) -> None:
    assert debian.run("grade").returncode == 7
    asked = debian.run("coverage").stderr
    assert "Missing: coverage\n" in asked and "Installing: python3-coverage\n" in asked
    debian.course('isas = ["x86_64", "aarch64"]')
    assert "GRADE ['coverage']" in debian.run("coverage").stdout


# --- other systems -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("release", "command"),
    [
        ("ID=fedora\n", "sudo dnf install ninja-build qemu-system-aarch64 clang-tools-extra python3-pyelftools"),
        ("ID=arch\n", "sudo pacman -S --needed ninja qemu-system-aarch64 clang python-pyelftools"),
        ("ID=alpine\n", "sudo apk add ninja-is-really-ninja qemu-system-aarch64 clang-extra-tools py3-elftools"),
        ('ID_LIKE="suse opensuse"\n', "sudo zypper install ninja qemu-arm clang-tools python3-pyelftools"),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', f"{APT} ninja-build qemu-system-arm clang-format python3-pyelftools"),
    ],
)
def test_other_systems_are_told_their_command(world: World, release: str, command: str) -> None:
    world.file("etc/os-release", release)
    world.remove("ninja", "qemu-system-aarch64", "clang-format")
    (world.root / "usr/bin/python3-modules/elftools.py").unlink()
    result = world.run("grade")
    assert result.returncode == 2
    assert f"    {command}\n" in result.stderr


def test_macos_is_told_brew_and_pip(world: World) -> None:
    (world.root / "etc/os-release").unlink()
    world.program("uname", "echo Darwin")
    world.remove("ninja", "aarch64-linux-gnu-g++", "gdb-multiarch")
    (world.root / "usr/bin/python3-modules/xdist.py").unlink()
    told = world.run("gdb").stderr
    assert "    brew install ninja messense/macos-cross-toolchains/aarch64-unknown-linux-gnu\n" in told
    assert "No package is known here for gdb-multiarch" in told
    assert "pip install pytest pytest-xdist click rich hypothesis pyelftools junitparser jinja2\n" in told


def test_an_unknown_system_is_told_what_is_missing(world: World) -> None:
    world.file("etc/os-release", "ID=plan9\n")
    world.remove("ninja")
    result = world.run("grade")
    assert result.returncode == 2
    assert "Missing: ninja\n" in result.stderr and "No package names are known for this system" in result.stderr
