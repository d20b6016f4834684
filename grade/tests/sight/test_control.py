"""The registers that control translation: each bit that matters is missed by its name, and no other is asked for."""

import pytest

from grade.isa import ISAS, isa_called
from grade.isa.aarch64.paging import ArmPaging
from grade.isa.control import Problem, Settings
from grade.isa.x86_64.paging import X86Paging
from grade.walker import Mapping

# As the kernel leaves them in lab 3. A leaf of the tables: normal write-back memory, inner shareable.
RIGHT = {
    "x86_64": {"cr0": 0x8001_001B, "cr3": 0x25_F000, "cr4": 0x30_0AA0, "efer": 0xD00},
    "aarch64": {
        "sctlr_el1": 0x30D0_181D,
        "tcr_el1": 0x4_B510_3510,
        "mair_el1": 0x00FF,
        "ttbr0_el1": 0x4025_F000,
        "ttbr1_el1": 0x4026_7000,
    },
}
LEAF = {"x86_64": 0x8000_0000_0025_F163, "aarch64": 0x0060_0000_4026_7703}
HAS = {
    "x86_64": {"pge": 1, "umip": 1, "la57": 0, "pcid": 0, "smep": 1, "smap": 1, "pku": 0, "pks": 0, "pdpe1gb": 1},
    "aarch64": {"id_aa64mmfr0_el1": 0x1124, "id_aa64mmfr2_el1": 0},
}

X86_BITS = {
    "cr0": {16: "write-protect-off", 29: "caches-off", 30: "caches-off"},
    "cr3": {3: "root-register-wrong", 4: "root-register-wrong"},
    "cr4": {
        **{bit: "feature-left-off" for bit in (7, 11, 20, 21)},
        **{bit: "feature-absent" for bit in (12, 17, 22, 24)},
    },
    "efer": {11: "nx-not-enabled"},
}
_WALKS = {bit: "walks-not-as-mapped" for half in (0, 16) for bit in (8 + half, 10 + half, 12 + half, 13 + half)}
_CONTROL = (*range(0, 6), *range(16, 22), 14, 15, 30, 31, 32, 33, 34, 37, 38, 39, 40, 41, 42, 59)
_ROOT = {0: "feature-absent", **{bit: "root-register-wrong" for bit in range(1, 12)}}
ARM_BITS = {
    "sctlr_el1": {
        2: "caches-off",
        12: "caches-off",
        25: "walk-control-wrong",
        **{bit: "reserved-ones-cleared" for bit in (11, 20, 22, 23, 28, 29)},
    },
    "tcr_el1": {**_WALKS, **{bit: "walk-control-wrong" for bit in _CONTROL}},
    # The leaf of the tables names byte 0: a bit that makes it write-through memory, or not cacheable, makes the walks differ.
    "mair_el1": {2: "walks-not-as-mapped", 6: "walks-not-as-mapped"},
    "ttbr0_el1": {**_ROOT, **{bit: "root-register-wrong" for bit in range(56, 64)}},
    "ttbr1_el1": _ROOT,
}
BITS = {"x86_64": X86_BITS, "aarch64": ARM_BITS}


def problems(isa: str, *, has_users: bool = True, features: dict[str, int] | None = None, **changes: int) -> list[Problem]:
    """Returns the problems of the right registers with some changed, on a CPU with some features changed."""
    has = {**HAS[isa], **(features or {})}
    settings = Settings({**RIGHT[isa], **changes}, has, LEAF[isa], has_users)
    return list(isa_called(isa).control.problems(settings))


def causes(isa: str, *, has_users: bool = True, features: dict[str, int] | None = None, **changes: int) -> set[str]:
    """Returns the causes of the same."""
    return {problem.cause for problem in problems(isa, has_users=has_users, features=features, **changes)}


@pytest.mark.parametrize("isa", ISAS)
def test_each_bit_that_matters_is_missed_and_no_other(isa: str) -> None:
    assert problems(isa) == []
    wrong = []
    for register, right in RIGHT[isa].items():
        for bit in range(64):
            seen = causes(isa, **{register: right ^ 1 << bit})
            wanted = {BITS[isa][register][bit]} if bit in BITS[isa][register] else set()
            wrong += [] if seen == wanted else [f"{register} bit {bit}: {seen}, not {wanted}"]
    assert wrong == []


@pytest.mark.parametrize("isa", ISAS)
def test_a_problem_names_register_and_bits(isa: str) -> None:
    for register, bits in BITS[isa].items():
        for bit in bits:
            for problem in problems(isa, **{register: RIGHT[isa][register] ^ 1 << bit}):
                named = register.upper() if problem.cause != "walks-not-as-mapped" else "TCR_EL1"
                assert named in problem.wanted + problem.seen, problem


@pytest.mark.parametrize("isa", ISAS)
def test_nothing_is_judged_by_what_is_not_known(isa: str) -> None:
    """A snapshot, or GDB, knows the registers alone."""
    control = isa_called(isa).control
    assert not list(control.problems(Settings(RIGHT[isa])))
    odd = {"x86_64": {"cr4": 0x20}, "aarch64": {"tcr_el1": 0x0_8010_0010, "ttbr0_el1": 0x4025_F001}}
    assert not list(control.problems(Settings({**RIGHT[isa], **odd[isa]})))


@pytest.mark.parametrize("name", ["pge", "umip", "smep", "smap"])
def test_what_a_cpu_has_not_must_be_off(name: str) -> None:
    bit = {"pge": 7, "umip": 11, "smep": 20, "smap": 21}[name]
    assert causes("x86_64", features={name: 0}) == {"feature-absent"}
    assert causes("x86_64", features={name: 0}, cr4=RIGHT["x86_64"]["cr4"] ^ 1 << bit) == set()


def test_a_kernel_without_users_needs_no_guards_against_them() -> None:
    assert causes("x86_64", has_users=False, cr4=0xA0) == set()
    assert causes("aarch64", has_users=False, ttbr0_el1=0x5_0000_4025_F000) == set()


def test_process_contexts_give_the_low_bits_of_the_root_another_meaning() -> None:
    cr4 = RIGHT["x86_64"]["cr4"] | 1 << 17
    assert causes("x86_64", features={"pcid": 1}, cr4=cr4, cr3=0x25_F018) == set()


@pytest.mark.parametrize(("range_of_cpu", "wanted"), [(0, 0), (2, 2), (5, 5), (6, 5)])
def test_the_physical_size_is_that_of_the_cpu(range_of_cpu: int, wanted: int) -> None:
    for size in range(8):
        tcr = RIGHT["aarch64"]["tcr_el1"] & ~(7 << 32) | size << 32
        seen = causes("aarch64", features={"id_aa64mmfr0_el1": 0x1120 | range_of_cpu}, tcr_el1=tcr)
        assert seen == (set() if size == wanted else {"walk-control-wrong"}), size


def test_a_half_that_is_not_walked_may_say_anything() -> None:
    lower = RIGHT["aarch64"]["tcr_el1"] & 0x7_0000_FFFF
    assert causes("aarch64", tcr_el1=lower | 1 << 23, ttbr1_el1=0xFFF) == set()
    assert causes("aarch64", tcr_el1=lower) >= {"walk-control-wrong", "walks-not-as-mapped"}


@pytest.mark.parametrize(
    ("attributes", "share", "walks", "is_right"),
    [
        (0xFF, 3, 0b11_0101, True),
        (0xFF, 3, 0b11_1111, True),  # other hints
        (0x77, 3, 0b11_0101, True),  # transient: a hint as well
        (0xBB, 3, 0b11_1010, True),
        (0xBB, 3, 0b11_0101, False),
        (0xFF, 2, 0b10_0101, True),
        (0xFF, 2, 0b11_0101, False),
        (0x4F, 3, 0b11_0001, True),
        (0x44, 0, 0b11_0000, True),  # not cacheable: always outer shareable, whatever is said (D8.6)
        (0xFF, 3, 0b11_0000, False),
    ],
)
def test_walks_are_as_the_tables_are_mapped(attributes: int, share: int, walks: int, is_right: bool) -> None:
    mask = 0x3F << 8 | 0x3F << 24
    tcr = RIGHT["aarch64"]["tcr_el1"] & ~mask | walks << 8 | walks << 24
    leaf = LEAF["aarch64"] & ~(7 << 2 | 3 << 8) | 5 << 2 | share << 8
    registers = {**RIGHT["aarch64"], "tcr_el1": tcr, "mair_el1": attributes << 40}
    seen = {problem.cause for problem in isa_called("aarch64").control.problems(Settings(registers, table_leaf=leaf))}
    assert seen == (set() if is_right else {"walks-not-as-mapped"})


def _page(level: int, entry: int, memory: str) -> Mapping:
    return Mapping(
        va=0,
        pa=0,
        size=4096 << 9 * level,
        level=level,
        entry=entry,
        entry_address=0x1000,
        write=True,
        kernel_execute=False,
        user_read=False,
        user_write=False,
        user_execute=False,
        global_=True,
        memory=memory,
        accessed=True,
        dirty=True,
        restricted_by=(),
    )


def test_1_gib_pages_are_for_cpus_that_have_them() -> None:
    page, has = _page(2, 0x83, "normal"), HAS["x86_64"]
    assert X86Paging().problem_of_page(page, Settings({})) is None
    assert X86Paging().problem_of_page(page, Settings({}, has)) is None
    problem = X86Paging().problem_of_page(page, Settings({}, {**has, "pdpe1gb": 0}))
    assert problem is not None and problem.cause == "feature-absent"


@pytest.mark.parametrize(("byte", "is_right"), [(0x00, True), (0x04, True), (0x08, False), (0x0C, False)])
def test_a_device_gets_each_access_and_in_order(byte: int, is_right: bool) -> None:
    settings = Settings({"mair_el1": byte << 24})
    problem = ArmPaging().problem_of_page(_page(0, 3 << 2 | 3, "device"), settings)
    assert (problem is None) == is_right
    assert ArmPaging().problem_of_page(_page(0, 3 << 2 | 3, "normal"), settings) is None
