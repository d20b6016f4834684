"""The launcher: what it misses, what it installs, and what it tells a student when it cannot.

Each test makes a small world: a PATH of its own, a file system root for the absolute paths (PAGEWALK_SYSROOT),
and programs that write down how they were called.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from grade.tests.terminals import pseudo_terminal
from grade.version import PAGEWALK

LAUNCHER = Path(__file__).parents[2] / "pagewalk"
SHELLS = [["dash"], ["bash", "--posix"], ["busybox", "sh"]]
TOOLS = [
    "cmake",
    "ninja",
    "qemu-system-x86_64",
    "qemu-system-aarch64",
    "x86_64-linux-gnu-g++",
    "aarch64-linux-gnu-g++",
    "g++",
    "clang-format",
    "gdb-multiarch",
    "ccache",
    "bwrap",
]
# What the script itself calls.
BASICS = ["sh", "cat", "env", "head", "uname", "readlink", "true", "ln", "mkdir"]
DEBIAN = 'NAME="Debian"\nID=debian\n'
MODULES = ["pytest", "xdist", "click", "rich", "hypothesis", "elftools", "junitparser", "jinja2"]


class World:
    """A machine as far as the launcher can see it, with everything there and nobody being root."""

    def __init__(self, folder: Path) -> None:
        self.bin, self.root, self.tree = folder / "bin", folder / "root", folder / "tree with a space"
        self.calls_file = folder / "calls"
        self.calls_file.touch()
        self.shell = ["sh"]
        for path in (self.bin, self.root / "usr/bin", self.tree / "grade", folder / "elsewhere"):
            path.mkdir(parents=True)
        for name in BASICS:
            (self.bin / name).symlink_to(shutil.which(name) or "/bin/false")
        for name in TOOLS:
            self.program(name, f"echo '{name} 1.0'")
        self.program("id", "echo 1000")
        self.program("dpkg", "echo amd64")
        self.file("etc/os-release", DEBIAN)
        self.file("usr/include/gtest/gtest.h", "")
        self.python("usr/bin/python3", MODULES)
        shutil.copy(LAUNCHER, self.tree / "pagewalk")
        (self.tree / "grade/__init__.py").touch()
        main = "import os, sys\nprint('GRADE', sys.argv[1:], os.getcwd(), 'PYTHONDONTWRITEBYTECODE' in os.environ)\n"
        (self.tree / "grade/__main__.py").write_text(main + "sys.exit(7)\n", encoding="utf-8")

    def program(self, name: str, script: str) -> Path:
        """Puts a shell script onto PATH that writes down its arguments."""
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(f'#!/bin/sh\necho "{name} $*" >> "{self.calls_file}"\n{script}\n', encoding="utf-8")
        path.chmod(0o755)
        return path

    def python(self, name: str, modules: list[str]) -> Path:
        """Puts a Python at `name` that can find these modules only: they are empty files in a folder of its own."""
        path = self.root / name
        library = path.with_name(path.name + "-modules")
        library.mkdir()
        for module in modules:
            (library / f"{module}.py").touch()
        setting = f'PYTHONPATH="{library}${{PYTHONPATH:+:$PYTHONPATH}}"'
        path.write_text(f'#!/bin/sh\n{setting} exec {sys.executable} -S "$@"\n', encoding="utf-8")
        path.chmod(0o755)
        return path

    def file(self, name: str, text: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text, encoding="utf-8")

    def course(self, text: str) -> None:
        """Makes the tree one that was handed out."""
        (self.tree / "labs").mkdir()
        (self.tree / "labs/course.toml").write_text(text, encoding="utf-8")

    def remove(self, *names: str) -> None:
        for name in names:
            (self.bin / name).unlink()

    def run(self, *arguments: str, script: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs the launcher, with no terminal, from a folder outside of the tree."""
        return subprocess.run(
            [*self.shell, str(script or self.tree / "pagewalk"), *arguments],
            cwd=self.tree.parent / "elsewhere",
            env={"PATH": str(self.bin), "PAGEWALK_SYSROOT": str(self.root), "PYTHONPATH": ""} | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def calls(self, name: str) -> list[str]:
        lines = self.calls_file.read_text(encoding="utf-8").splitlines()
        return [line for line in lines if line.split()[0] == name]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def debian(world: World) -> World:
    """Returns root on Debian, where apt-get installs qemu-system-x86 when asked to."""
    world.program("id", "echo 0")
    working = f'case "$*" in *" qemu-system-x86"*) ln -s "{world.bin}/ninja" "{world.bin}/qemu-system-x86_64" ;; esac'
    world.program("apt-get", f"echo from-apt $DEBIAN_FRONTEND\n{working}")
    return world


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


# --- Debian and Ubuntu -------------------------------------------------------------------------------------

APT = "sudo apt-get update && sudo apt-get install --no-install-recommends -y"


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
        ("test", "chromium chromedriver selenium jsonschema ", f" {LINTERS} {SIMILARITY} {DASK} {STUBS}"),
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
