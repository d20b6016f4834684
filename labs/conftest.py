"""Makes `pytest labs/...` grade, whatever folder it is started in."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

pytest_plugins = ["grade.plugin"]
