"""The planted bugs of a lab in one file of a handed-out tree, so that neither `ls` nor `grep` tells what is wrong."""

import base64
import json
import textwrap
from collections.abc import Sequence

from grade.ladder.labs import Lab, LadderError
from grade.patches.bug import Bug, read_bug

NAME = "bugs.packed"
"""The name of the file in the lab's folder."""

_WIDTH = 120


def pack(bugs: Sequence[tuple[str, str]]) -> bytes:
    """Returns the content of a file with these bugs: the name and the text of each."""
    return "\n".join(textwrap.wrap(base64.b64encode(json.dumps(bugs).encode()).decode(), _WIDTH) + [""]).encode()


def packed_bugs(lab: Lab) -> list[Bug]:
    """Returns the bugs of a lab in a handed-out tree, by name. LadderError if the file is damaged."""
    path = lab.folder / NAME
    if not path.exists():
        return []
    try:
        entries = json.loads(base64.b64decode(path.read_bytes()))
        return [read_bug(path, lab, str(name), str(text)) for name, text in entries]
    except (ValueError, TypeError) as error:
        raise LadderError(f"{path} is damaged: git checkout -- {lab.prefix}{NAME}") from error
