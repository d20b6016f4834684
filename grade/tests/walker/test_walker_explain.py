"""What a student reads: the walk as text, one failing walk per format and one that succeeds."""

from __future__ import annotations

from walker_tables import Tables

from grade.walker import explain, walker_for


def test_x86_64_not_present():
    tables = Tables(base=0x20_0000)
    tables.put(0x20_1000, 511, 0x20_2003)
    tables.put(0x20_2000, 0, 0x20_3023)
    registers = {"cr0": 0x8001_0001, "cr3": 0x20_1000, "cr4": 0xA0, "efer": 0xD00}
    va = 0xFFFF_FF80_0180_0000  # entry 511, 0, 12: 0xffffff8000000000 + 12 * 2 MiB
    assert explain(walker_for("x86_64", tables.memory, registers).walk(va)).splitlines() == [
        "walk of 0xffffff8001800000 from root 0x201000",
        "level 3 (PML4E)  index 511  at 0x201ff8  = 0x202003  table: P R/W",
        "level 2 (PDPTE)  index 0    at 0x202000  = 0x203023  table: P R/W A",
        "level 1 (PDE)    index 12   at 0x203060  = 0x0       empty",
        "level 1 (PDE) at 0x203000[12] = 0x0: not present, so the walk ends here",
    ]


def test_x86_64_reserved_and_success():
    tables = Tables()
    tables.put(0x1000, 0, 0x2003)
    tables.put(0x2000, 0, 0x3001)
    tables.put(0x3000, 1, 0x8000_0000_0020_01E3)
    registers = {"cr0": 0x8001_0001, "cr3": 0x1000, "cr4": 0xA0, "efer": 0xD00}
    lines = explain(walker_for("x86_64", tables.memory, registers).walk(0x20_1234)).splitlines()
    assert lines[-2] == "level 1 (PDE)    index 1  at 0x3008  = 0x80000000002001e3  leaf: P R/W A D G PS XD"
    assert lines[-1] == (
        "0x201234 is 0x201234, in a 2 MiB page at 0x200000: "
        "kernel r-- user ---, normal memory, accessed, dirty, global, restricted by level 2"
    )
    lines = explain(walker_for("x86_64", tables.memory, {**registers, "efer": 0x500}).walk(0x20_1234)).splitlines()
    assert lines[-1] == (
        "level 1 (PDE) at 0x3000[1] = 0x80000000002001e3: "
        "a reserved bit is set (XD, bit 63, while EFER.NXE is 0), so the walk ends here"
    )


def test_aarch64_wrong_type_and_access_flag():
    tables = Tables()
    for table in (0x1000, 0x2000, 0x3000):
        tables.put(table, 0, table + 0x1003)
    tables.put(0x4000, 3, 0x5705)
    tables.put(0x4000, 4, 0x5003)
    tables.put(0x3000, 0, 0x4003 | 1 << 60)
    registers = {"ttbr0_el1": 0x1000, "ttbr1_el1": 0, "tcr_el1": 0x5_8090_0010, "mair_el1": 0xFF, "sctlr_el1": 1}
    walker = walker_for("aarch64", tables.memory, registers)
    assert explain(walker.walk(0x3008)).splitlines() == [
        "walk of 0x3008 from root 0x1000",
        "level 3 (level 0 descriptor)  index 0  at 0x1000  = 0x2003              table: valid type",
        "level 2 (level 1 descriptor)  index 0  at 0x2000  = 0x3003              table: valid type",
        "level 1 (level 2 descriptor)  index 0  at 0x3000  = 0x1000000000004003  table: valid type XNTable",
        "level 0 (level 3 descriptor)  index 3  at 0x4018  = 0x5705              reserved: valid AttrIndx=0x1 SH=0x3 AF",
        "level 0 (level 3 descriptor) at 0x4000[3] = 0x5705: this type of entry is not allowed at this level "
        "(bits 1 to 0 are 01, a block), so the walk ends here",
    ]
    assert explain(walker.walk(0x4008)).splitlines()[-1] == (
        "level 0 (level 3 descriptor) at 0x4000[4] = 0x5003: the access flag is 0, so an access faults; else "
        "0x4008 is 0x5008, in a 4 KiB page at 0x5000: kernel rwx user ---, normal memory, global, restricted by level 1"
    )
    assert explain(walker.walk(0xFFFF_0000_0000_0000)).splitlines() == [
        "walk of 0xffff000000000000 from root 0x0",
        "no table is read: walks are disabled (TCR_EL1.EPD1 is 1)",
    ]


def test_riscv64_table_outside_memory():
    tables = Tables(base=0x8000_0000)
    tables.put(0x8000_1000, 2, 0x4000_0000 | 1)  # 0x100000000 >> 2
    walker = walker_for("riscv64", tables.memory, {"satp": 8 << 60 | 0x8_0001})
    assert explain(walker.walk(0x8000_0000)).splitlines() == [
        "walk of 0x80000000 from root 0x80001000",
        "level 2 (level 2 PTE)  index 2  at 0x80001010   = 0x40000001  table: V",
        "level 1 (level 1 PTE)  index 0  at 0x100000000  = unreadable  unreadable",
        "level 1 (level 1 PTE) at 0x100000000[0]: the table is outside memory, so the walk ends here",
    ]
    assert explain(walker.walk(1 << 40)) == (
        "walk of 0x10000000000 from no root\nno table is read: the address is not canonical"
    )


def test_i386_not_present():
    tables = Tables(entry_bytes=4)
    tables.put(0x1000, 768, 0x2027)
    walker = walker_for("i386", tables.memory, {"cr0": 0x8001_0001, "cr3": 0x1000, "cr4": 0})
    assert explain(walker.walk(0xC000_5000)).splitlines() == [
        "walk of 0xc0005000 from root 0x1000",
        "level 1 (PDE)  index 768  at 0x1c00  = 0x2027  table: P R/W U/S A",
        "level 0 (PTE)  index 5    at 0x2014  = 0x0     empty",
        "level 0 (PTE) at 0x2000[5] = 0x0: not present, so the walk ends here",
    ]
    off = walker_for("i386", tables.memory, {"cr0": 1, "cr3": 0x1000, "cr4": 0})
    assert explain(off.walk(0)) == "walk of 0x0 from no root\nno table is read: translation is off"
