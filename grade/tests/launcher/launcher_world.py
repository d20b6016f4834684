"""A small world for the launcher: a PATH of its own, a root for absolute paths, and programs that write down their calls."""

import shutil
import subprocess
import sys
from pathlib import Path

LAUNCHER = Path(__file__).parents[3] / "pagewalk"
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
APT = "sudo apt-get update && sudo apt-get install --no-install-recommends -y"
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
