"""What the kernel's map must consist of, computed from the linked image and the machine, without asking the guest."""

from dataclasses import dataclass

from grade.boot.kernel_image import KernelImage
from grade.isa import isa_called
from grade.isa.board import Region
from grade.walker.format import PAGE_BITS

PAGE = 1 << PAGE_BITS


@dataclass(frozen=True)
class UserLayout:
    """Where things are in the user half, which is the same for every process (kernel/space/user_layout.h)."""

    end: int
    """The first address after everything that a process may have."""
    stack_top: int
    stack_size: int
    stack_limit: int
    """The lowest address that the stack may grow to, from lab 5 on."""
    map_start: int
    """Where mmap begins to look for free addresses."""

    @property
    def stack_start(self) -> int:
        """The lowest address of the stack with which a process begins."""
        return self.stack_top - self.stack_size

    @property
    def nothing(self) -> int:
        """An address between programs, with their heaps while these are small, and the stack, however far it grows."""
        return self.stack_limit // 2 // PAGE * PAGE

    @property
    def room(self) -> int:
        """How many bytes there are for mmap."""
        return self.end - self.map_start

    @property
    def stack(self) -> range:
        """The pages of the stack with which a process begins."""
        return range(self.stack_start, self.stack_top, PAGE)


@dataclass(frozen=True)
class Layout:
    """Where everything in one kernel is physically, what must stay unmapped, and the virtual addresses of temporary maps."""

    regions: tuple[Region, ...]
    guards: tuple[Region, ...]
    offset: int
    """va - pa of the kernel where it stays."""
    device_offset: int
    """va - pa of the devices' registers there."""
    ram_base: int
    window_end: int
    """The physical address after the RAM that the kernel can always reach."""
    stack_size: int
    """The size of a kernel stack; below it lies a guard of the same size."""
    most_processes: int
    """How many processes there can be at one time. 0 before lab 3."""
    temp_slots: range
    """The virtual addresses of temporary mappings; none before lab 4."""
    user: UserLayout

    def region_at(self, pa: int) -> Region | None:
        """Returns the region or guard that holds `pa`, or None."""
        for region in (*self.regions, *self.guards):
            if region.pa <= pa < region.end:
                return region
        return None

    def offset_of(self, region: Region) -> int:
        """Returns va - pa of a region or guard, where the kernel stays."""
        return self.device_offset if region.device else self.offset

    def offset_at(self, pa: int) -> int:
        """Returns va - pa of a physical address, where the kernel stays."""
        region = self.region_at(pa)
        return self.offset if region is None else self.offset_of(region)

    def region_of(self, va: int) -> Region | None:
        """Returns the region or guard of which `va` is the low or the high alias, or None."""
        if va < self.offset:
            return self.region_at(va)
        for region in (*self.regions, *self.guards):
            if region.pa <= va - self.offset_of(region) < region.end:
                return region
        return None

    def pa_of(self, va: int) -> int:
        """Returns the physical address of which `va` is the low or the high alias."""
        region = self.region_of(va)
        return va if va < self.offset else va - (self.offset if region is None else self.offset_of(region))

    def region(self, name: str) -> Region:
        """Returns the region or guard called `name`."""
        return next(region for region in (*self.regions, *self.guards) if region.name == name)


def layout_of(image: KernelImage) -> Layout:
    """Returns the layout of a linked kernel."""
    board, constants = isa_called(image.isa).board, image.defined.constants
    pa, guard = image.pa, constants["layout::kKernelStackSize"]

    def part(name: str, start: int, end: int, **permissions: bool) -> Region:
        return Region(name, start, end - start, **permissions)

    window_end = board.ram_base + constants["layout::kWindowSize"]
    temp_start, temp_count = constants.get("layout::kTempWindow", 0), constants.get("layout::kTempSlots", 0)
    return Layout(
        regions=(
            part("text", pa("image_start"), pa("text_end"), execute=True),
            part("rodata", pa("rodata_start"), pa("rodata_end")),
            part("data", pa("data_start"), pa("data_end"), write=True),
            part("boot-stack", pa("boot_stack"), pa("boot_stack_end"), write=True),
            part("emergency-stack", pa("emergency_stack"), pa("emergency_stack_end"), write=True),
            Region("parameters", board.parameters_address, constants["kBootParametersSize"]),
            part("frames", pa("image_end"), window_end, write=True),
            *board.devices,
        ),
        guards=(
            Region("page-0", 0, PAGE),
            part("boot-stack-guard", pa("boot_stack") - guard, pa("boot_stack")),
            part("emergency-stack-guard", pa("emergency_stack") - guard, pa("emergency_stack")),
        ),
        offset=image.offset,
        device_offset=constants["layout::kDeviceOffset"] if image.offset else 0,  # before lab 2 nothing has moved
        ram_base=board.ram_base,
        window_end=window_end,
        stack_size=constants["layout::kKernelStackSize"],
        most_processes=constants.get("layout::kMaxProcesses", 0),
        temp_slots=range(temp_start, temp_start + temp_count * PAGE, PAGE),
        user=UserLayout(
            *(constants.get(f"layout::kUser{name}", 0) for name in ("End", "StackTop", "StackSize", "StackLimit", "MapStart"))
        ),
    )
