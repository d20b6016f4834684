"""vtop, vmas, procs, frames: one address, what processes were promised, which there are, and what holds the RAM."""

from collections.abc import Sequence

from grade.boot.layout import PAGE
from grade.boot.process_slots import has_areas, memory_map, process_slots
from grade.boot.sight import Sight
from grade.gdb.command import PagingCommand, address, usage
from grade.inspect.frames import frame_use, frames_lines
from grade.inspect.names import Names, is_users
from grade.inspect.spaces import live_root, live_space, space_called, walker_of
from grade.inspect.walk_text import access_lines
from grade.walker import explain


class VirtualToPhysical(PagingCommand):
    """vtop VA: where a virtual address leads in the live root, what it is, and who holds the frame.

    vtop -root PID VA    in the root of another process"""

    name = "vtop"
    options = ("-root",)

    def lines(self, guest: Sight, words: Sequence[str]) -> list[str]:
        """Returns what to print."""
        space = live_space(guest)
        if words[:1] == ["-root"] and len(words) > 2:
            space, words = space_called(guest, words[1]), words[2:]
        if not words or words[0].startswith("-"):
            raise usage("vtop [-root PID|PA] VA")
        va, walker = address(" ".join(words)), walker_of(guest, space)
        walk = walker.walk(va)
        lines = [f"in {space.label}:", *explain(walk).splitlines()]
        if walk.mapping is not None:
            lines += access_lines(guest, walker, va)
        if name := Names(guest, space).of(va):
            lines.append(f"here is: {name}")
        if is_users(guest, va) and space.slot is not None and space.slot.map is not None:
            area = memory_map(guest, space.slot).area_of(va)
            lines.append(f"area: {area}" if area is not None else "in no area")
        if walk.pa is not None:
            lines.append(str(frame_use(guest, walk.pa)))
        return lines


class Areas(PagingCommand):
    """vmas [PID]: what a process was promised, area by area, and how much of it is there. Default: the live one."""

    name = "vmas"
    takes_pid = True

    def lines(self, guest: Sight, words: Sequence[str]) -> list[str]:
        """Returns what to print."""
        if len(words) > 1:
            raise usage("vmas [PID]")
        if not has_areas(guest):
            return ["this kernel gives all memory at once: areas come with lab 5"]
        space = space_called(guest, words[0]) if words else live_space(guest)
        if space.slot is None or space.slot.map is None:
            return [f"{space.label} was promised nothing"]
        promised, walker = memory_map(guest, space.slot), walker_of(guest, space)
        lines = [f"{space.label}: {len(promised.areas)} areas, heap {promised.heap_start:#x}-{promised.heap_end:#x}"]
        for area in promised.areas:
            there = sum(1 for _ in walker.mappings(space.root, area.start, area.end))
            pages = (area.end - area.start) // PAGE
            lines.append(f"{area.start:012x}-{area.end:012x} {area.protection} {there:5} of {pages:6} pages  {area.kind}")
        return lines


class Processes(PagingCommand):
    """procs: the processes, from the kernel's table in RAM. * marks the one whose root is loaded."""

    name = "procs"

    def lines(self, guest: Sight, words: Sequence[str]) -> list[str]:
        """Returns what to print."""
        slots = process_slots(guest)
        if not slots:
            return ["there are no processes: they come with lab 3, or have not been started yet"]
        live = live_root(guest)
        lines = ["   PID PARENT STATE    ROOT         KERNEL STACK TOP   PROGRAM"]
        for slot in slots:
            root = "-" if slot.root is None else f"{slot.root:#x}"
            mark = "*" if slot.root == live else " "
            lines.append(f"{mark} {slot.pid:4} {slot.parent:6} {slot.state:8} {root:12} {slot.stack_top:#018x} {slot.program}")
        return lines


class Frames(PagingCommand):
    """frames: how many frames are in use, for what, which are shared, lost, or free and in use all the same.

    frames PA            who holds one frame"""

    name = "frames"

    def lines(self, guest: Sight, words: Sequence[str]) -> list[str]:
        """Returns what to print."""
        return [str(frame_use(guest, address(" ".join(words))))] if words else frames_lines(guest)
