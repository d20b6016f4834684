"""The numbers in docs/memory-layout.md and docs/levels.md are those of the sources."""

import re
from functools import cache
from pathlib import Path

import pytest

from grade.isa import ISAS
from grade.ladder.trees import find_root

ROOT = find_root(Path(__file__))
LAYOUT = (ROOT / "docs/memory-layout.md").read_text(encoding="utf-8")
LEVELS = (ROOT / "docs/levels.md").read_text(encoding="utf-8")
PAGE = 4096
_DEFINITION = re.compile(r"inline constexpr (?:unsigned|std::uint64_t|PhysAddr|VirtAddr) (k\w+)(?: = (.*?)|\{(.*?)\});")
_SOURCES = ("kernel/base/boot_parameters.h", "kernel/base/layout.h", "kernel/map/kernel_half.h", "kernel/space/user_layout.h")


@cache
def constants(isa: str) -> dict[str, int]:
    """Returns the constants of the layout, worked out from the sources' text."""
    known = {"kPageSize": PAGE, "kKiB": 1 << 10, "kMiB": 1 << 20, "kGiB": 1 << 30}
    for path in (f"arch/{isa}/layout.h", *_SOURCES):
        for name, value, braced in _DEFINITION.findall((ROOT / path).read_text(encoding="utf-8")):
            expression = re.sub(r"std::uint64_t\{(\d+)\}", r"\1", (value or braced).replace("'", ""))
            known[name] = eval(expression, {}, known)  # our own text: sums, products and shifts
    return known


def picture(title: str) -> str:
    """Returns the first drawing below a heading or a bold beginning."""
    return LAYOUT.partition(title)[2].split("```")[1]


def columns(text: str) -> dict[str, str]:
    """Returns the left half of a drawing, which is about x86_64, and the right half."""
    width = text.splitlines()[1].index("aarch64")
    lines = text.splitlines()[1:]
    return {"x86_64": "\n".join(line[:width] for line in lines), "aarch64": "\n".join(line[width:] for line in lines)}


def shown(text: str) -> dict[int, str]:
    """Returns the addresses that lines begin with, and the rest of those lines."""
    found = re.findall(r"^\s*(?:0x)?([0-9a-f]{6,16})\b(.*)$", text, re.MULTILINE)
    return {int(number, 16): " ".join(re.sub(r"[-+|]{2,}|\|", " ", rest).split()) for number, rest in found}


def expected(isa: str) -> dict[int, str]:
    """Returns what does not move with the kernel's size, from lab 3 on: address, and the beginning of what stands there."""
    known = constants(isa)
    slots = known["kMaxProcesses"] * known["kKernelStackSlot"]
    return {
        known["kTempWindow"] + known["kTempSlots"] * PAGE: "end of the window",
        known["kTempWindow"]: f"temporary mappings, {known['kTempSlots']} pages",
        known["kKernelStacks"] + slots: "end of the kernel stacks",
        known["kKernelStacks"]: f"kernel stacks, {known['kMaxProcesses']} slots",
        known["kKernelOffset"]: "lab 2's map: root slot",
        known["kUserEnd"]: "kUserEnd",
    }


@pytest.mark.parametrize("isa", ISAS)
def test_the_upper_half_from_lab_3_on(isa: str) -> None:
    drawn = shown(columns(picture("## Virtual, from lab 3 on"))[isa])
    assert drawn.keys() == expected(isa).keys()
    for address, what in expected(isa).items():
        assert drawn[address].startswith(what)


@pytest.mark.parametrize("isa", ISAS)
def test_the_upper_half_of_lab_2(isa: str) -> None:
    known = constants(isa)
    text = columns(picture("## Virtual, lab 2"))[isa]
    assert f"kKernelOffset = {known['kKernelOffset']:#x}" in text
    drawn = shown(text)
    high = ((address, what) for address, what in drawn.items() if address >= known["kKernelOffset"])
    low = {address - known["kKernelOffset"]: what for address, what in high if not what.endswith("begins")}
    assert low[known["kWindowEnd"]] == "end of the frames" and low[known["kBootParameters"]] == "boot parameters"
    assert low[known["kRamBase"] + 0x20_0000] == "text"
    devices = {name: known[name] for name in ("kLocalApic", "kPower", "kUart", "kGicDistributor", "kGicCpu") if name in known}
    for name, address in devices.items():
        word = re.sub(r"([A-Z])", r" \1", name[1:]).split()
        assert all(part.lower() in low[address].lower() for part in word), (name, low[address])
    assert {address for address in low if not known["kRamBase"] <= address <= known["kWindowEnd"]} == set(devices.values())
    order = [
        what.partition(",")[0]
        for address, what in sorted(low.items())
        if known["kBootParameters"] <= address <= known["kWindowEnd"]
    ]
    assert order == [
        "boot parameters",
        "text",
        "rodata",
        "data",
        "boot stack",
        "emergency stack",
        "frames",
        "end of the frames",
    ]


@pytest.mark.parametrize("isa", ISAS)
def test_the_table_of_devices(isa: str) -> None:
    drawn = {int(number, 16) for number in re.findall(rf"^\| {isa} \|.*\| (0x[0-9a-f]{{8}}) \|", LAYOUT, re.MULTILINE)}
    known = constants(isa)
    assert drawn == {known[name] for name in known if name in ("kLocalApic", "kPower", "kUart", "kGicDistributor", "kGicCpu")}


@pytest.mark.parametrize("isa", ISAS)
def test_ram(isa: str) -> None:
    known = constants(isa)
    drawn = shown(picture("## Physical"))
    base = known["kRamBase"]
    assert drawn[known["kWindowEnd"] - base].endswith("end of the window")
    assert known["kBootParameters"] - base in drawn
    assert known["kBootParameters"] - base + known["kBootParametersSize"] in drawn
    stack, guard = 0x21_4000, 0x21_0000  # they move with the kernel, their sizes do not
    assert drawn.keys() >= {stack, guard, guard + known["kKernelStackSize"], stack + 2 * known["kKernelStackSize"]}
    assert f"which is {base:#x} on {isa}".replace("0x0 ", "0 ") in LAYOUT or f"{base:#x} on {isa}" in LAYOUT


def test_the_user_half() -> None:
    known = constants(ISAS[0])
    assert all(constants(isa)[name] == known[name] for isa in ISAS for name in known if re.match("kUser(?!Slots)", name))
    drawn = shown(picture("**The user half**"))
    assert drawn.keys() == {
        known["kUserEnd"], known["kUserStackTop"], known["kUserStackTop"] - known["kUserStackSize"], 0x40_0000,
    }  # fmt: skip
    assert "0x400000" in (ROOT / "user/user.ld").read_text(encoding="utf-8")
    later = picture("**From lab 5 on**")
    assert shown(later).keys() == {known["kUserEnd"], known["kUserMapStart"], known["kUserStackTop"]}
    below = known["kUserStackTop"] - known["kUserStackLimit"]
    assert f"{below >> 20} MiB below its end" in later


def test_the_levels_are_those_of_the_formats() -> None:
    def all_of(name: str) -> list[str]:
        texts = (
            (ROOT / f"arch/{isa}/paging.h").read_text(encoding="utf-8") for isa in ("x86_64", "aarch64", "riscv64", "i386")
        )
        return [re.search(rf"{name} = (\d+)", text)[1] for text in texts]

    levels, bits, largest = all_of("kLevels"), all_of("kIndexBits"), all_of("kLargestLeaf")
    assert f"| `F::kLevels` | {', '.join(levels)} in the order above |" in LEVELS
    assert f"| `F::kIndexBits` | {', '.join(bits)} |" in LEVELS
    assert f"| `F::kLargestLeaf` | {', '.join(largest)}:" in LEVELS
    tables = re.findall(r"^## (?!In code).*?\n\n(\|.*?)\n\n", LEVELS, re.MULTILINE | re.DOTALL)
    for table, count, width in zip(tables, map(int, levels), map(int, bits), strict=True):
        rows = re.findall(r"^\| (\d)(?:, root)? \|.* (\d+):(\d+) \| (\d+ [KMG]iB)", table, re.MULTILINE)
        assert [int(level) for level, *_ in rows] == [*reversed(range(count))]
        for level, high, low, span in rows:
            assert (int(low), int(high)) == (12 + int(level) * width, 11 + (int(level) + 1) * width)
            assert int(span.split()[0]) << {"KiB": 10, "MiB": 20, "GiB": 30}[span.split()[1]] == 1 << int(low)
