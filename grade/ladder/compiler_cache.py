"""How builds use ccache: it saves time and decides nothing. Where it cannot work, the compiler is called without it."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

_ERROR = re.compile(r"^ccache: error: (.*)", re.MULTILINE)
_PREFIX = "CCACHE_"


def with_cache(tree: Path) -> dict[str, str]:
    """Returns the environment variables with which builds of `tree` share objects with those of other trees."""
    return {
        "CCACHE_NAMESPACE": "pagewalk 1.1",  # tells our objects from older ones that name files differently
        "CCACHE_DEPEND": "1",  # a new file is compiled at once: a hit through the preprocessor is rare
        "CCACHE_BASEDIR": str(tree),
        "CCACHE_NOHASHDIR": "1",
        "CCACHE_SLOPPINESS": "pch_defines,time_macros",  # without these it ignores files with a precompiled header
        "CCACHE_PCH_EXTSUM": "1",  # kernel/base/precompiled.cmake makes that checksum
    }


def without_cache(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns an environment in which ccache only calls the compiler: it reads no settings, and makes no folder."""
    others = {name: value for name, value in environment.items() if not name.startswith(_PREFIX)}
    return others | {"CCACHE_DISABLE": "1", "CCACHE_CONFIGPATH": os.devnull}


def failure_in(log: str) -> str | None:
    """Returns why ccache itself has failed, by the log of a build; None if it has not."""
    found = _ERROR.search(log)
    return found[1] if found else None
