"""What an ISA's code must wait for before a change of its tables or of its code counts."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Barriers:
    """The instructions that wait, as an assembler writes them. Where an ISA has nothing to wait for, a name stands for none."""

    tables: str = "barrier"
    """Waits until the walker sees what was stored to a table."""
    invalidation: str = "barrier"
    """Waits until an invalidation is complete."""
    instructions: str = "barrier"
    """Lets no later instruction have been begun before it."""
    cleaned: str = "barrier"
    """Waits until code that was cleaned from the data cache has arrived where instructions are fetched from."""
    old_code: str = "invalidation"
    """Makes instruction fetches forget old code."""
