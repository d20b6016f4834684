"""The seed of a run, from which everything comes that milestones draw by chance: the same seed draws the same again."""

import hashlib
import random
import secrets

MOST = (1 << 32) - 1


def fresh_seed() -> int:
    """Returns a seed that nobody could know before."""
    return secrets.randbelow(MOST + 1)


def seed_from(text: bytes) -> int:
    """Returns the seed for something of these bytes: always the same for the same."""
    return int.from_bytes(hashlib.sha256(text).digest()[:4], "little")


def chance_of(seed: int, milestone: str, isa: str) -> random.Random:
    """Returns what a milestone draws from: the same, whichever others are judged with it."""
    return random.Random(f"{seed} {milestone} {isa}")
