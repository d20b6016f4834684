"""How memory is accessed."""

from enum import Enum


class Access(Enum):
    """What was tried."""

    READ = "read"
    WRITE = "write"
    EXECUTE = "execute"
