"""A terminal for what is tested, where the system has any: a bare chroot may not."""

import os

import pytest


def pseudo_terminal() -> tuple[int, int]:
    """Returns two descriptors: what a person has, keyboard and screen, and the terminal of the program. Skips the test if there is none."""
    try:
        return os.openpty()
    except OSError as error:
        pytest.skip(f"this system has no pseudo-terminals: {error}")
