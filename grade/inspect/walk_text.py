"""One walk, entry by entry and bit by bit, and what an access to the address would do."""

from grade.boot.sight import Sight
from grade.inspect.names import is_users
from grade.walker import RadixWalker, Step, Walk
from grade.walker.explain import size_text

_ACCESSES = ("read", "write", "execute")


def walk_lines(guest: Sight, walker: RadixWalker, va: int) -> list[str]:
    """Returns each entry on the way with each of its bits by number and name, and what kernel and user may do there."""
    walk = walker.walk(va)
    lines = [f"walk of {va:#x}" + (f" from the root {walk.root:#x}" if walk.root is not None else "")]
    for step in walk.steps:
        lines += _step_lines(walker, step)
    lines.append(_end(walk))
    lines += [f"  {line}" for line in access_lines(guest, walker, va)] if walk.mapping is not None else []
    return lines


def access_lines(guest: Sight, walker: RadixWalker, va: int) -> list[str]:
    """Returns for kernel and user which accesses succeed, and why the others would fault."""
    lines = []
    for who, user in (("the kernel", False), ("a user", True)):
        if user and not is_users(guest, va):
            refusals = {walker.would_fault(va, access, user=True) for access in _ACCESSES}
            if refusals == {"user-denied"}:
                lines.append(f"{who}: nothing")
                continue
        words = []
        for access in _ACCESSES:
            refused = walker.would_fault(va, access, user=user)
            words.append(f"{access}: " + ("yes" if refused is None else f"would fault ({refused})"))
        lines.append(f"{who}: {', '.join(words)}")
    return lines


def entry_text(walker: RadixWalker, level: int, entry: int) -> str:
    """Returns an entry of a table of this level in one line: its number, what it is, and the bits that are set."""
    kind = walker.decode(level, entry).kind
    bits = [field.of(entry) for field in walker.fields(level, kind)]
    words = [bit.name if bit.width == 1 else f"{bit.name}={bit.value:#x}" for bit in bits if bit.value]
    return f"{entry:#018x}  {' '.join([kind, *words] if kind != 'empty' else [kind])}"


def _step_lines(walker: RadixWalker, step: Step) -> list[str]:
    low = walker.shift(step.level)
    value = "unreadable" if step.entry is None else f"{step.entry:#018x}"
    bits = f"address bits {low + walker.index_bits - 1}:{low}"
    head = (
        f"level {step.level}  {step.name or 'entry'}[{step.index}]  at {step.entry_address:#x} = {value}  {step.kind}  ({bits})"
    )
    if step.kind == "empty":
        return [head]
    return [head, *(f"    {_number(bit.low, bit.width):>5} {bit.name:9} = {bit.value:<#6x} {bit.meaning}" for bit in step.bits)]


def _number(low: int, width: int) -> str:
    return str(low) if width == 1 else f"{low + width - 1}:{low}"


def _end(walk: Walk) -> str:
    if walk.fault is None:
        page = walk.page
        return f"{walk.va:#x} is {walk.pa:#x}, in a {size_text(page.size)} page at {page.pa:#x}, {page.memory} memory"
    if walk.fault == "translation-off":
        return "translation is off: an access goes to the physical address that is the same number"
    detail = f": {walk.detail}" if walk.detail else ""
    where = f" at level {walk.steps[-1].level}" if walk.steps else ", before a table is read"
    return f"any access would fault: {walk.fault}{where}{detail}"
