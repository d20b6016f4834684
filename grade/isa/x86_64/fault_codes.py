"""What the error code of a page fault says, in words (Intel SDM vol. 3, 4.7)."""

from grade.isa.exceptions import Refused
from grade.walker import Access

_ERROR_BITS = ((0, "not present", "present, but not for this"), (1, "read", "write"), (2, "kernel", "user"))


def refused_by(error: int) -> Refused:
    """Returns the access that was refused with that error code."""
    words = [meanings[error >> bit & 1] for bit, *meanings in _ERROR_BITS]
    words += ["a reserved bit is set"] if error & 8 else []
    words += ["instruction fetch"] if error & 16 else []
    access = Access.EXECUTE if error & 16 else Access.WRITE if error & 2 else Access.READ
    return Refused(access, bool(error & 4), f"error code {error:#x}: {', '.join(words)}")
