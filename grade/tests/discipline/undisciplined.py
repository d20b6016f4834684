"""Changes of the reference that QEMU does not mind: what each breaks of the discipline, if anything."""

from dataclasses import dataclass

from grade.isa import ISAS

_SPACE, _UNMAP = "kernel/space/address_space.cc", "kernel/paging/page_table_unmap.h"
_LEAVE, _WINDOW, _FAULT = "kernel/map/leave_low_half.cc", "kernel/map/temp_map.cc", "kernel/space/fault.cc"
_ARM = ("aarch64",)


_BOOT_MAP, _BOOT_HIGH = "arch/aarch64/boot_map.cc", "arch/aarch64/boot_high.cc"
_CPU, _BARRIERS, _REGISTERS = "arch/aarch64/cpu.cc", "arch/aarch64/isa.h", "arch/aarch64/cpu.h"
_COPY, _CLONE, _USERS = "kernel/space/user_copy.cc", "kernel/space/clone.cc", "arch/aarch64/user_mode.cc"


@dataclass(frozen=True)
class Change:
    """A change of one file of the reference. `rules` are what it breaks, by ISA where they differ; none if it is right."""

    name: str
    file: str
    old: str
    new: str
    rules: tuple[str, ...] | dict[str, tuple[str, ...]]
    isas: tuple[str, ...] = ISAS
    sometimes: tuple[str, ...] = ()
    """Rules that it also breaks where the clock interrupts a process at the right moment."""

    @property
    def leads_to_its_file(self) -> bool:
        """Returns whether the file is a student's, to whom a violation must lead. What all call is not to blame for its callers."""
        return self.file not in (_CPU, _BARRIERS, _REGISTERS, _USERS)

    def broken_on(self, isa: str) -> tuple[str, ...]:
        """Returns the rules that it breaks on an ISA."""
        return self.rules[isa] if isinstance(self.rules, dict) else self.rules


_TTBR0 = "  cpu::write_ttbr0(table.root().raw());\n"
_RAW_TTBR0 = '  asm volatile("msr ttbr0_el1, %0" ::"r"(table.root().raw()) : "memory");\n'
_CLEAR_SLOT, _FLUSH_ALL = "    memory.write(root, slot, 0);\n", "    Arch::flush_all();\n"
_FREE_LOW = "    free_tables<Arch::Paging>(entry, kRootLevel);\n"
_CUT = "    memory_.write(here.table, here.index, 0);\n"
_FORGET, _FREE = "    memory_.forget(va);\n", "    const OwnedFrame freed = OwnedFrame::adopt(emptied);\n"
_LOAD, _FORGET_USERS = "  UserMode::load_root(root_);\n", "  UserMode::forget_user_translations();\n"
_CLEAR, _FLUSH = "  Tables().write(temp_window_table(), slot_, 0);\n", "  Arch::flush_page(address());\n"
_CLOSE = "  Tables().clear(temp_window_table(), slot_, address()).flush();\n"
_GIVE_SLOT = "  *g_used.lock() &= ~(std::uint64_t{1} << slot_);\n"
_TAKE_PAGE = "    page.unmap().flush();\n"
_FREE_PAGE = "    const OwnedFrame freed = OwnedFrame::adopt(Frame::containing(page.mapping().address));\n"
_PROTECT = "    page.protect(flags_of(protection)).flush();\n"
_CODE_COPIED = "  if (mapping.flags.execute) UserMode::code_written(window.address(), kPageSize);\n"
_CODE_BROUGHT = "  if (area.protection.execute) UserMode::code_written(window.address(), kPageSize);\n"
_CODE_PROTECTED = "    UserMode::code_written(window->address(), kPageSize);\n"
_CODE_CLONED = "  if (page.flags.execute) UserMode::code_written(to.address(), kPageSize);\n"
_CLEANED = '  asm volatile("dsb ish; ic ialluis; dsb ish; isb" ::: "memory");\n'

_WINDOW_STAYS = {"aarch64": ("overlap", "released"), "x86_64": ("released", "used")}

CHANGES: dict[int, tuple[Change, ...]] = {
    1: (
        Change("the TLB is not emptied at the start", _BOOT_MAP, "  Arch::flush_all();\n", "", ("unflushed",), _ARM),
        Change("no memory types", _BOOT_MAP, "  cpu::write_mair(Aarch64Paging::kMair);\n", "", ("unset",), _ARM),
        Change("no isb after the root", _BOOT_MAP, f"{_TTBR0}  Arch::flush_all();\n", f"  Arch::flush_all();\n{_RAW_TTBR0}", ("unsynchronised",), _ARM),
    ),
    2: (
        Change("no barrier after stores to tables", _BARRIERS, "dsb ishst; isb", "isb", ("linked", "unseen"), _ARM),
        Change(
            "walks of the upper half before there is a root", _BOOT_HIGH,
            "  cpu::write_ttbr1(table.root().raw());\n  cpu::write_tcr(cpu::read_tcr() & ~cpu::kTcrNoUpperWalks);",
            "  cpu::write_tcr(cpu::read_tcr() & ~cpu::kTcrNoUpperWalks);\n  cpu::write_ttbr1(table.root().raw());", ("unset",), _ARM,
        ),
        Change("the low half is not flushed", _LEAVE, _FLUSH_ALL, "", ("released",)),
        Change("flushed, then cleared", _LEAVE, _CLEAR_SLOT + _FLUSH_ALL, _FLUSH_ALL + _CLEAR_SLOT, ("released",)),
        Change("freed, then flushed", _LEAVE, _FLUSH_ALL + _FREE_LOW, _FREE_LOW + _FLUSH_ALL, ("released",)),
        Change("one page is flushed for a whole tree", _LEAVE, _FLUSH_ALL, "    Arch::flush_page(VirtAddr{});\n", ("released",)),
    ),
    3: (
        Change("a table that is cut out is not forgotten", _UNMAP, _FORGET, "", ("released",)),
        Change("forgotten, then cut out", _UNMAP, _CUT + _FORGET, _FORGET + _CUT, ("released",)),
        Change("freed, then forgotten", _UNMAP, _FORGET + _FREE, "    { const OwnedFrame freed = OwnedFrame::adopt(emptied); }\n" + _FORGET, ("released",)),
        Change("freed, and not cut out", _UNMAP, _CUT + _FORGET, _FORGET, ("lost",)),
        # On x86 every invlpg forgets all tables (Intel SDM vol. 3, 4.10.4.1).
        Change(
            "another address is forgotten", _UNMAP, _FORGET, "    memory_.forget(va + (std::uint64_t{1} << 40));\n",
            {"aarch64": ("released",), "x86_64": ()},
        ),
        Change("a root is loaded, and nothing forgotten", _SPACE, _FORGET_USERS, "", ("released", "user"), _ARM, ("used",)),
        Change("no isb between a root and its flush", _REGISTERS, "msr ttbr0_el1, %0; isb", "msr ttbr0_el1, %0", ("released", "user"), _ARM, ("used",)),
        Change("forgotten, then loaded", _SPACE, _LOAD + _FORGET_USERS, _FORGET_USERS + _LOAD, ("released", "user"), _ARM, ("used",)),
    ),
    4: (
        Change("flushed, then cleared", _WINDOW, _CLOSE, _FLUSH + _CLEAR, _WINDOW_STAYS),
        Change("a window is not flushed", _WINDOW, _CLOSE, _CLEAR, _WINDOW_STAYS),
        Change("a window is not cleared", _WINDOW, _CLOSE, _FLUSH, {"aarch64": ("replaced", "used"), "x86_64": ("used",)}),
        Change(
            "the first window is flushed for another", _WINDOW, _CLOSE, _CLEAR + "  Arch::flush_page(layout::kTempWindow);\n",
            _WINDOW_STAYS,
        ),
        Change(
            "a window's entry is stored, and no barrier follows", _WINDOW, "  Tables().write(temp_window_table(), slot, Arch",
            "  static_cast<volatile Arch::Paging::Entry*>(pointer_to(temp_window_table()))[slot] = (Arch", ("unseen",), _ARM,
        ),
        Change("a barrier, and no isb, after a new entry", _BARRIERS, "dsb ishst; isb", "dsb ishst", ("unseen",), _ARM),
        Change("code is copied, and fetches do not see it", _COPY, _CODE_COPIED, "", ("unfetched",), _ARM),
        Change("no barrier after code is cleaned", _USERS, _CLEANED, _CLEANED.replace("dsb ish; ic", "ic"), ("unfetched",), _ARM),
        Change("the wrong order for new code", _USERS, _CLEANED, _CLEANED.replace("dsb ish; ic ialluis;", "ic ialluis; dsb ish;"), ("unfetched",), _ARM),
        Change("old instructions stay", _USERS, _CLEANED, _CLEANED.replace("ic ialluis; ", ""), ("unfetched",), _ARM),
        Change("old instructions of this CPU go", _USERS, _CLEANED, _CLEANED.replace("ialluis", "iallu"), (), _ARM),
        Change("code is cleaned further than it must be", _USERS, "dc cvau", "dc civac", (), _ARM),
        Change("the slot first: nobody can take it in between", _WINDOW, _CLOSE + _GIVE_SLOT, _GIVE_SLOT + _CLOSE, ()),
    ),
    5: (
        Change("freed, then unmapped", _FAULT, _TAKE_PAGE + _FREE_PAGE, "    { " + _FREE_PAGE.strip() + " }\n" + _TAKE_PAGE, ("lost",)),
        Change(
            "freed, then flushed", _FAULT, _TAKE_PAGE + _FREE_PAGE,
            "    auto stale = page.unmap();\n    { " + _FREE_PAGE.strip() + " }\n    stale.flush();\n", ("released",),
        ),
        Change("unmapped, and not flushed", _FAULT, _TAKE_PAGE, "    page.unmap().root_was_never_loaded();\n", ("released",)),
        Change("protected, and not flushed", _FAULT, _PROTECT, _PROTECT.replace("flush", "root_was_never_loaded"), ("user",)),
        Change(
            "protected, and flushed only if it may be written no more", _FAULT, _PROTECT,
            "    auto stale = page.protect(flags_of(protection));\n    protection.write ? stale.root_was_never_loaded() : stale.flush();\n", ("user",),
        ),
        Change(
            "the first page is flushed for all", _FAULT, _PROTECT,
            _PROTECT.replace("flush", "root_was_never_loaded") + "    Arch::flush_page(start);\n", ("user",),
        ),
        Change("code is brought, and fetches do not see it", _FAULT, _CODE_BROUGHT, "", ("unfetched",), _ARM),
        Change("written pages become code, and fetches do not see it", _FAULT, _CODE_PROTECTED, "", ("unfetched",), _ARM),
        Change("no barrier after an invalidation", _CPU, "tlbi vaae1is, %0; dsb ish; isb", "tlbi vaae1is, %0; isb", ("overlap", "released", "user"), _ARM),
        Change("the wrong barrier after it", _CPU, "tlbi vaae1is, %0; dsb ish; isb", "tlbi vaae1is, %0; dsb ishst; isb", ("overlap", "released", "user"), _ARM),
        Change("no isb after an invalidation, but a later one", _CPU, "tlbi vaae1is, %0; dsb ish; isb", "tlbi vaae1is, %0; dsb ish", (), _ARM),
        Change("one barrier for store and invalidation", _CPU, "dsb ishst; tlbi vaae1is", "tlbi vaae1is", (), _ARM),
    ),
    6: (
        Change("code is cloned, and fetches do not see it", _CLONE, _CODE_CLONED, "", ("unfetched",), _ARM),
    ),
}  # fmt: skip
