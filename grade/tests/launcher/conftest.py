"""Worlds in which the launcher is started."""

from pathlib import Path

import pytest

from grade.tests.launcher.launcher_world import World


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
