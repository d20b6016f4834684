"""What a process was promised at the address at which it failed, and what its family has there."""

from grade.boot.layout import PAGE
from grade.diagnosis.hindsight import LETTERS, Unexpected, has_page, is_promised, parents
from grade.inspect.names import is_users


def promise_lines(first: Unexpected) -> list[str]:
    """Describes the area of the address; empty if it is not a user's address, or the kernel keeps no areas."""
    address, areas = first.taken.address, first.areas
    if address is None or areas is None or not is_users(first.guest, address):
        return []
    area = areas.area_of(address)
    if area is None:
        has = f"{len(areas.areas)}:" if areas.areas else "none"
        lines = [f"no area of {first.space.label} has {address:#x}. It has {has}"]
        return lines + [f"  {known}" for known in areas.areas] + _relatives(first, address)
    if address < PAGE:
        return [f"the area {area} has page 0, which is nobody's, whatever an area says"]
    if first.taken.access is not None and LETTERS[first.taken.access] not in area.protection:
        return [f"the area {area} forbids this access"]
    return [f"the area {area}: the fault handler has to bring the page"]


def _relatives(first: Unexpected, address: int) -> list[str]:
    """Describes what the parent has at the address."""
    lines = []
    for space in parents(first):
        page = "has a page there" if has_page(first.guest, space, address) else "has no page there"
        area = "an area" if is_promised(first.guest, space, address) else "no area"
        lines.append(f"its parent, {space.label}, {page}, and {area}")
    return lines
