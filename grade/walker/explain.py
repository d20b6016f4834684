"""A walk as text, for a student who wants to see which entry stopped it."""

from __future__ import annotations

from grade.walker.entry import Bit
from grade.walker.model import Permissions, Step, Walk

_IN_WORDS = {
    "not-present": "not present",
    "reserved-bit": "a reserved bit is set",
    "non-canonical": "the address is not canonical",
    "outside-address-size": "outside the address size",
    "translation-off": "translation is off",
    "walk-disabled": "walks are disabled",
    "wrong-type": "this type of entry is not allowed at this level",
    "access-flag": "the access flag is 0",
    "table-outside-memory": "the table is outside memory",
}


def explain(walk: Walk) -> str:
    """Returns one aligned line per entry that was read, then one for the page or the entry that ends the walk."""
    root = "no root" if walk.root is None else f"root {walk.root:#x}"
    lines = [f"walk of {walk.va:#x} from {root}"]
    lines += _aligned([_columns(step) for step in walk.steps])
    lines.append(_ending(walk))
    return "\n".join(lines)


def size_text(size: int) -> str:
    """Returns a number of bytes in the largest unit that divides it: 2 MiB, 20 KiB, 12 B."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size and size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size} B"


def permission_text(of: Permissions) -> str:
    """Returns what kernel and user may do, as in 'kernel rw- user r--'."""
    kernel = letters(of.read, of.write, of.kernel_execute)
    user = letters(of.user_read, of.user_write, of.user_execute)
    return f"kernel {kernel} user {user}"


def letters(read: bool, write: bool, execute: bool) -> str:
    """Returns the permissions as in `rw-`."""
    return ("r" if read else "-") + ("w" if write else "-") + ("x" if execute else "-")


def _columns(step: Step) -> tuple[str, ...]:
    value = "unreadable" if step.entry is None else f"{step.entry:#x}"
    return (
        f"level {step.level} ({step.name})",
        f"index {step.index}",
        f"at {step.entry_address:#x}",
        f"= {value}",
        " ".join([step.kind + ":"] + [_bit_text(bit) for bit in step.bits if bit.value]).removesuffix(":"),
    )


def _bit_text(bit: Bit) -> str:
    return bit.name if bit.width == 1 else f"{bit.name}={bit.value:#x}"


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def _ending(walk: Walk) -> str:
    if walk.fault is None:
        return _page_text(walk)
    words = _IN_WORDS[walk.fault] + (f" ({walk.detail})" if walk.detail else "")
    if not walk.steps:
        return f"no table is read: {words}"
    step = walk.steps[-1]
    value = "" if step.entry is None else f" = {step.entry:#x}"
    where = f"level {step.level} ({step.name}) at {step.table:#x}[{step.index}]{value}"
    if walk.mapping is not None:
        return f"{where}: {words}, so an access faults; else {_page_text(walk)}"
    return f"{where}: {words}, so the walk ends here"


def _page_text(walk: Walk) -> str:
    page = walk.page
    facts = [permission_text(page), f"{page.memory} memory"]
    facts += [name for name in ("accessed", "dirty") if getattr(page, name)]
    facts += ["global"] if page.global_ else []
    facts += [f"restricted by level {level}" for level in page.restricted_by]
    return f"{walk.va:#x} is {walk.pa:#x}, in a {size_text(page.size)} page at {page.pa:#x}: {', '.join(facts)}"
