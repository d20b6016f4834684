"""A model of what a process is promised: what mmap, munmap, mprotect, brk and touches do to a list of areas.

It follows the rules of kernel/space/vma.h, fault.h and kernel/calls/memory_calls.h in the plainest way. The program
user/tests/vmascript.cc carries out the same operations; afterwards both must agree (area_script.py).
"""

import errno
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise

from grade.boot.kernel_image import KernelImage
from grade.boot.layout import PAGE, UserLayout, layout_of
from grade.boot.memory_options import ANONYMOUS, EXECUTE, FIXED, FIXED_NOREPLACE, PRIVATE, READ, SHARED, TYPE_MASK, WRITE
from grade.boot.process_slots import Area, MemoryMap

LOAD, STORE, CALL, SWEEP = DEEDS = "load", "store", "call", "sweep"
"""What the program does by itself; everything else is a system call."""

_MASK = (1 << 64) - 1

EPERM, EBADF, ENOMEM, EACCES = -errno.EPERM, -errno.EBADF, -errno.ENOMEM, -errno.EACCES  # Linux's
EEXIST, ENODEV, EINVAL, EOPNOTSUPP = -errno.EEXIST, -errno.ENODEV, -errno.EINVAL, -errno.EOPNOTSUPP

NO_AREA, NOT_PERMITTED, TOO_MANY_AREAS = "no-area", "not-permitted", "too-many-areas"
"""Why an access gets a process killed, as @killed says."""


@dataclass(frozen=True)
class Operation:
    """One step of a script: a system call by its name, or one of DEEDS."""

    kind: str
    arguments: tuple[int, ...]

    def encoded(self, number: int) -> bytes:
        """Returns it as struct Operation in user/tests/vmascript.cc, without a result yet. `number` stands for its kind."""
        words = [number, *self.arguments, *[0] * (6 - len(self.arguments)), 0]
        return struct.pack("<8Q", *(word & _MASK for word in words))

    def __str__(self) -> str:
        return f"{self.kind}({', '.join(f'{word & _MASK:#x}' for word in self.arguments)})"


def mmap(hint: int, size: int, protection: int = READ | WRITE, flags: int = PRIVATE | ANONYMOUS) -> Operation:
    """Returns an operation that maps `size` bytes of zeros."""
    return Operation("mmap", (hint, size, protection, flags, -1, 0))


def munmap(start: int, size: int) -> Operation:
    """Returns an operation that unmaps a range."""
    return Operation("munmap", (start, size))


def mprotect(start: int, size: int, protection: int) -> Operation:
    """Returns an operation that changes the permissions of a range."""
    return Operation("mprotect", (start, size, protection))


def brk(end: int) -> Operation:
    """Returns an operation that moves the end of the heap."""
    return Operation("brk", (end,))


def load(va: int) -> Operation:
    """Returns an operation that reads 8 bytes."""
    return Operation(LOAD, (va,))


def store(va: int, value: int) -> Operation:
    """Returns an operation that writes 8 bytes."""
    return Operation(STORE, (va, value))


def call(va: int) -> Operation:
    """Returns an operation that calls a function."""
    return Operation(CALL, (va,))


def sweep(va: int, pages: int, value: int) -> Operation:
    """Returns an operation that writes the same 8 bytes to so many pages, from `va` on."""
    return Operation(SWEEP, (va, pages, value))


def letters(protection: int) -> str:
    """Returns the protection as the kernel understands it, `rw-`: what may be written or executed may also be read."""
    may = (protection != 0, protection & WRITE, protection & EXECUTE)
    return "".join(letter if yes else "-" for letter, yes in zip("rwx", may, strict=True))


def _round_up(value: int) -> int:
    return -(-value // PAGE) * PAGE


def _merged(areas: Iterable[Area]) -> list[Area]:
    """Returns the areas sorted, with equal neighbours merged."""
    merged: list[Area] = []
    for area in sorted(areas, key=lambda area: area.start):
        last = merged[-1] if merged else None
        if last and last.end == area.start and (last.protection, last.kind) == (area.protection, area.kind):
            merged[-1] = replace(last, end=area.end)
        else:
            merged.append(area)
    return merged


@dataclass
class AreaModel:
    """The areas of one process, the end of its heap, and what its pages hold as far as that is known.

    `words` are those that were stored. Any other word of an area without a file is 0; nothing is known of the program's
    own pages, image and thread-local variables.
    """

    areas: list[Area]
    heap_start: int
    heap_end: int
    user: UserLayout
    most_areas: int
    words: dict[int, int] = field(default_factory=dict)
    touched: set[int] = field(default_factory=set)
    """The pages that operations have brought and not dropped again."""

    @classmethod
    def of(cls, memory: MemoryMap, image: KernelImage) -> "AreaModel":
        """Returns the model of a process as it is now, on this kernel."""
        most = image.defined.constant("VmaList::kMost")
        return cls(list(memory.areas), memory.heap_start, memory.heap_end, layout_of(image).user, most)

    # --- looking ---

    def area_of(self, va: int) -> Area | None:
        """Returns the area that contains `va`, or None."""
        return next((area for area in self.areas if va in area), None)

    def is_free(self, start: int, end: int) -> bool:
        """Returns whether no area has an address of the range."""
        return not any(area.start < end and start < area.end for area in self.areas)

    def refusal(self, operation: Operation) -> str | None:
        """Returns why the operation gets the process killed; None if it does not."""
        letter = {LOAD: "r", STORE: "w", CALL: "x", SWEEP: "w"}.get(operation.kind)
        if letter is None:
            return None
        if operation.kind == SWEEP:
            start, pages, value = operation.arguments
            whys = (self.refusal(store(va, value)) for va in range(start, start + pages * PAGE, PAGE))
            return next((why for why in whys if why is not None), None)
        va = operation.arguments[0]
        area = self.area_of(va) or self._grown_stack(va)
        if area is None:
            return NO_AREA
        if self.area_of(va) is None and len(_merged([*self.areas, area])) > self.most_areas:
            return TOO_MANY_AREAS
        return None if letter in area.protection else NOT_PERMITTED

    # --- doing ---

    def apply(self, operation: Operation) -> int | None:
        """Applies the operation; returns the result that the program must find, or None if any would do.

        Not for an operation with a refusal.
        """
        a, b, *_ = (*operation.arguments, 0)
        match operation.kind:
            case "mmap":
                return self._mmap(*operation.arguments)
            case "munmap":
                return self._munmap(a, b)
            case "mprotect":
                return self._mprotect(*operation.arguments)
            case "brk":
                return self._brk(a)
            case "load":
                self._touch(a)
                word = self.word(a)
                return word if word is None or word <= _MASK // 2 else word - _MASK - 1
            case "store":
                self._touch(a)
                self.words[a] = b & _MASK
                return 0
            case "sweep":
                for va in range(a, a + b * PAGE, PAGE):
                    self._touch(va)
                    self.words[va] = operation.arguments[2] & _MASK
                return 0
            case "call":
                self._touch(a)
        return None

    def bring(self, start: int, size: int) -> None:
        """Marks all these pages as touched, perhaps by the kernel."""
        for page in range(start // PAGE * PAGE, start + size, PAGE):
            self._touch(page)

    def put(self, va: int, data: bytes) -> None:
        """Records that the kernel has written these bytes."""
        self.bring(va, len(data))
        for at in range(va // 8 * 8, va + len(data), 8):
            word = bytearray((self.word(at) or 0).to_bytes(8, "little"))
            for place in range(max(at, va), min(at + 8, va + len(data))):
                word[place - at] = data[place - va]
            self.words[at] = int.from_bytes(word, "little")

    def word(self, va: int) -> int | None:
        """Returns the 8 bytes at `va`; None if they are not known."""
        if va in self.words:
            return self.words[va]
        area = self.area_of(va)
        return 0 if area is not None and area.kind in ("anonymous", "heap") else None

    def _touch(self, va: int) -> None:
        if self.area_of(va) is None and (grown := self._grown_stack(va)) is not None:
            self._put(grown)
        self.touched.add(va // PAGE * PAGE)

    def _grown_stack(self, va: int) -> Area | None:
        """Returns the part by which the stack grows if `va` is touched; None if it does not grow."""
        above = next((area for area in self.areas if area.end > va), None)
        start = va // PAGE * PAGE
        if above is None or above.kind != "stack" or start < self.user.stack_limit:
            return None
        return replace(above, start=start, end=above.start) if self.is_free(start - PAGE, above.start) else None

    def _mmap(self, hint: int, size: int, protection: int, flags: int, file: int = -1, offset: int = 0) -> int:
        if offset % PAGE:
            return EINVAL
        if not flags & ANONYMOUS:
            return ENODEV if file & 0xFFFF_FFFF in (0, 1, 2) else EBADF
        if size == 0:
            return EINVAL
        if flags & TYPE_MASK != PRIVATE:
            return EOPNOTSUPP if flags & TYPE_MASK == SHARED else EINVAL
        if protection & WRITE and protection & EXECUTE:
            return EACCES
        if flags & (FIXED | FIXED_NOREPLACE):
            return self._map_fixed(hint, size, letters(protection), flags)
        return self._map_anywhere(hint, _round_up(size), letters(protection))

    def _map_fixed(self, start: int, size: int, protection: str, flags: int) -> int:
        if start % PAGE:
            return EINVAL
        end = start + _round_up(size)
        if end > self.user.end:
            return ENOMEM
        if start < PAGE:
            return EPERM
        if flags & FIXED_NOREPLACE and not self.is_free(start, end):
            return EEXIST
        if not self.is_free(start, end):
            if len(self.areas) + 2 > self.most_areas:
                return ENOMEM
            self._take_away(start, end)
        return start if self._put(Area(start, end, protection, "anonymous")) else ENOMEM

    def _map_anywhere(self, hint: int, size: int, protection: str) -> int:
        wanted = hint // PAGE * PAGE
        end = wanted + size
        is_good = wanted >= PAGE and end <= self.user.end and self.is_free(wanted, end) and not self._takes_guard(end)
        start = wanted if is_good else self.gap(size)
        if start is None or not self._put(Area(start, start + size, protection, "anonymous")):
            return ENOMEM
        return start

    def gap(self, size: int) -> int | None:
        """Returns the lowest address for mmap at which `size` bytes are free, or None."""
        for start in sorted([self.user.map_start, *(area.end for area in self.areas if area.end > self.user.map_start)]):
            if self.is_free(start, start + size):
                return start if start + size <= self.user.end else None
        return None

    def _munmap(self, start: int, size: int) -> int:
        end = start + _round_up(size)
        if start % PAGE or end > self.user.end or start == end:
            return EINVAL
        return 0 if self._take_away(start, end) else ENOMEM

    def _mprotect(self, start: int, size: int, protection: int) -> int:
        end = start + _round_up(size)
        if protection & ~(READ | WRITE | EXECUTE) or start % PAGE:
            return EINVAL
        if size == 0:
            return 0
        if end > self.user.end:
            return ENOMEM
        if protection & WRITE and protection & EXECUTE:
            return EACCES
        inside = [piece for piece in self._split_at(start, end) if start <= piece.start < end]
        covered = sum(piece.end - piece.start for piece in inside) == end - start
        if not covered or len(self._split_at(start, end)) > self.most_areas:
            return ENOMEM
        outside = [piece for piece in self._split_at(start, end) if piece not in inside]
        self.areas = _merged([*outside, *(replace(piece, protection=letters(protection)) for piece in inside)])
        return 0

    def _brk(self, end: int) -> int:
        if not self.heap_start <= end <= self.user.end:
            return self.heap_end
        old, new = _round_up(self.heap_end), _round_up(end)
        if new > old:
            is_free = self.is_free(old, new) and not self._takes_guard(new)
            if not is_free or not self._put(Area(old, new, "rw-", "heap")):
                return self.heap_end
        elif new < old and not self._take_away(new, old):
            return self.heap_end
        self.heap_end = end
        return end

    def _takes_guard(self, end: int) -> bool:
        """Returns whether a range with this end would take the page below a stack, which stays free."""
        return any(area.kind == "stack" and end <= area.start < end + PAGE for area in self.areas)

    # --- the list ---

    def _put(self, area: Area) -> bool:
        """Adds an area; returns False if there would then be too many."""
        together = _merged([*self.areas, area])
        if len(together) <= self.most_areas:
            self.areas = together
        return len(together) <= self.most_areas

    def _take_away(self, start: int, end: int) -> bool:
        """Removes a range; returns False if there would then be too many areas."""
        left = [piece for piece in self._split_at(start, end) if not start <= piece.start < end]
        if len(left) > self.most_areas:
            return False
        self.areas = left
        self.touched = {page for page in self.touched if not start <= page < end}
        self.words = {va: value for va, value in self.words.items() if not start <= va < end}
        return True

    def _split_at(self, *places: int) -> list[Area]:
        """Returns the areas, split at each of the places that is inside one."""
        pieces = []
        for area in self.areas:
            inside = [va for va in places if area.start < va < area.end]
            borders = [area.start, *inside, area.end]
            pieces += [replace(area, start=start, end=end) for start, end in pairwise(borders)] if inside else [area]
        return pieces
