"""Where to look for what is missing from the kernel's map: one loop maps all regions, and each lab calls it once."""

from grade.boot.sight import Sight
from grade.results.failure import Failure

_LOOP = "kernel/map/map_kernel.cc"
_OF_REGIONS = frozenset({
    "vectors-not-mapped", "image-not-mapped", "stack-not-mapped", "frames-not-mapped", "device-not-mapped",
    "parameters-not-mapped", "region-end-not-mapped",
})  # fmt: skip


def file_of_region(failure: Failure, guest: Sight) -> str:
    """Returns the loop's file if a region is missing from the higher half that has another one; else ''.

    Who calls the loop leaves out all of them or none.
    """
    if failure.cause not in _OF_REGIONS or not guest.offset:
        return ""
    walker = guest.walker()
    there = [walker.walk(region.pa + guest.layout.offset_of(region)).mapping for region in guest.layout.regions]
    return _LOOP if any(there) and not all(there) else ""
