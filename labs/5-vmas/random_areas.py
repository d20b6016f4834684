"""Random operations on a process's areas that often meet: in a small arena, and on the heap."""

import random
from collections.abc import Iterator
from copy import deepcopy

from area_model import AreaModel, Operation, brk, load, mmap, mprotect, munmap, store

from grade.boot.layout import PAGE, UserLayout
from grade.boot.memory_options import ANONYMOUS, EXECUTE, FIXED, FIXED_NOREPLACE, PRIVATE, READ, WRITE
from grade.isa import Isa

_PROTECTIONS = (READ | WRITE, READ | WRITE, READ, 0, READ | EXECUTE, WRITE, READ | WRITE | EXECUTE)
_FLAGS = (0, 0, FIXED, FIXED, FIXED_NOREPLACE)
_ARENA = 48
"""The size of the arena in pages: few, so that operations meet."""


class RandomAreas:
    """Makes operations by chance. None of them gets the process killed."""

    def __init__(self, chance: random.Random, user: UserLayout, isa: Isa) -> None:
        self._random, self._user = chance, user
        border = user.map_start + 8 * isa.paging.table_span  # between two tables of pages
        self._arenas = [user.map_start, border - _ARENA // 2 * PAGE, user.end - _ARENA * PAGE]

    def operations(self, model: AreaModel, count: int) -> Iterator[Operation]:
        """Yields `count` operations for a process like `model`, which stays as it is."""
        model = deepcopy(model)
        for _ in range(count):
            operation = self._operation(model)
            if model.refusal(operation) is None:
                model.apply(operation)
                yield operation

    def _operation(self, model: AreaModel) -> Operation:
        choice = self._random.random()
        start, size = self._range()
        if choice < 0.25:
            flags = PRIVATE | ANONYMOUS | self._random.choice(_FLAGS)
            return mmap(start, size, self._random.choice(_PROTECTIONS), flags)
        if choice < 0.40:
            return munmap(start, size)
        if choice < 0.55:
            return mprotect(start, size, self._random.choice(_PROTECTIONS))
        if choice < 0.65:
            return brk(model.heap_start + self._random.randrange(24 * PAGE))
        return self._touch(model)

    def _range(self) -> tuple[int, int]:
        """Returns whole pages of an arena, and a size that seldom is a whole number of pages."""
        page = self._random.randrange(_ARENA)
        size = self._random.randint(1, _ARENA - page) if self._random.random() < 0.3 else self._random.randint(1, 4)
        size = min(size, _ARENA - page) * PAGE
        start = self._random.choice(self._arenas) + page * PAGE
        return start, size - self._random.choice((0, 0, 1, PAGE - 1))

    def _touch(self, model: AreaModel) -> Operation:
        """Reads or writes a word: one that was written before, any in an area or, rarely, one below the stack."""
        if model.words and self._random.random() < 0.4:
            return load(self._random.choice(sorted(model.words)))
        areas = [area for area in model.areas if area.kind in ("anonymous", "heap")]
        below_the_stack = range(self._user.stack_limit, self._user.stack_start, PAGE)
        va = self._random.choice(below_the_stack)
        if areas and self._random.random() < 0.9:
            area = self._random.choice(areas)
            va = area.start + self._random.randrange((area.end - area.start) // PAGE) * PAGE
        va += self._random.randrange(PAGE // 8) * 8
        if self._random.random() < 0.5 or model.area_of(va) is None:
            return load(va)
        return store(va, self._random.getrandbits(64))
