"""What a test does to a stopped guest: the guest goes the same way again only if the same is done again."""

from dataclasses import dataclass

_MOST_BYTES = 4 << 20


@dataclass(frozen=True)
class Deed:
    """Bytes that were written at `va`, as the CPU translated it then, or typed on the serial line: then `va` is None.

    `after` is how often the guest had stopped at a breakpoint before.
    """

    after: int
    va: int | None
    data: bytes


class Deeds(list[Deed]):
    """A machine's deeds, in order. None are kept for a test that writes megabytes."""

    _bytes = 0

    def note(self, deed: Deed) -> None:
        """Adds a deed."""
        self._bytes += len(deed.data)
        if self._bytes <= _MOST_BYTES:
            self.append(deed)
        else:
            self.clear()
