"""Random operations on a process's areas that often meet: in a small arena, and on the heap."""

import random
from collections.abc import Iterator
from copy import deepcopy

from grade.boot.layout import PAGE
from grade.boot.processes import USER_STACK_SIZE
from grade.checks.area_model import (
    ANONYMOUS,
    EXECUTE,
    FIXED,
    FIXED_NOREPLACE,
    MAP_START,
    PRIVATE,
    READ,
    STACK_LIMIT,
    STACK_TOP,
    USER_END,
    WRITE,
    AreaModel,
    Operation,
    brk,
    load,
    mmap,
    mprotect,
    munmap,
    store,
)

_PROTECTIONS = (READ | WRITE, READ | WRITE, READ, 0, READ | EXECUTE, WRITE, READ | WRITE | EXECUTE)
_FLAGS = (0, 0, FIXED, FIXED, FIXED_NOREPLACE)
_ARENA = 48
"""Pages. Few, so that operations meet."""

_BORDER = 512 * PAGE
"""What one table of pages translates: the arena lies on both sides of such a border."""


_BELOW_THE_STACK = (STACK_TOP - STACK_LIMIT - USER_STACK_SIZE) // PAGE
"""Pages, from the stack's limit on. Those above them are the program's own stack from the beginning."""


class RandomAreas:
    """Makes operations from a seed. None of them gets the process killed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._arenas = [MAP_START, MAP_START + 8 * _BORDER - _ARENA // 2 * PAGE, USER_END - _ARENA * PAGE]

    def operations(self, model: AreaModel, count: int) -> Iterator[Operation]:
        """That many, for a process as `model` has it, which stays as it is."""
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
        """Whole pages of an arena, and a size that seldom is."""
        page = self._random.randrange(_ARENA)
        size = self._random.randint(1, _ARENA - page) if self._random.random() < 0.3 else self._random.randint(1, 4)
        size = min(size, _ARENA - page) * PAGE
        start = self._random.choice(self._arenas) + page * PAGE
        return start, size - self._random.choice((0, 0, 1, PAGE - 1))

    def _touch(self, model: AreaModel) -> Operation:
        """Of a word that was written before, or of any in an area, and seldom of one below the stack."""
        if model.words and self._random.random() < 0.4:
            return load(self._random.choice(sorted(model.words)))
        areas = [area for area in model.areas if area.kind in ("anonymous", "heap")]
        va = STACK_LIMIT + self._random.randrange(_BELOW_THE_STACK) * PAGE
        if areas and self._random.random() < 0.9:
            area = self._random.choice(areas)
            va = area.start + self._random.randrange((area.end - area.start) // PAGE) * PAGE
        va += self._random.randrange(PAGE // 8) * 8
        if self._random.random() < 0.5 or model.area_of(va) is None:
            return load(va)
        return store(va, self._random.getrandbits(64))
