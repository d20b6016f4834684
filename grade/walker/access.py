"""How memory is accessed."""

from enum import Enum


class Access(Enum):
    """The kind of access that was attempted."""

    READ = "read"
    WRITE = "write"
    EXECUTE = "execute"
