"""CR0, CR3, CR4 and EFER, as far as they matter to paging (Intel SDM vol. 3, 2.5 and 2.2.1)."""

from collections.abc import Iterator
from dataclasses import dataclass

from grade.isa.control import AskedCpu, Control, Problem, Settings

_NO_EXECUTE_ENABLE = 1 << 11  # EFER.NXE, 2.2.1
_WRITE_PROTECT, _NOT_WRITE_THROUGH, _CACHE_DISABLE = 1 << 16, 1 << 29, 1 << 30  # CR0.WP, NW, CD, 2.5
_ROOT_WRITE_THROUGH, _ROOT_CACHE_DISABLE = 1 << 3, 1 << 4  # CR3.PWT, PCD, table 4-12
_PROCESS_CONTEXTS = 1 << 17  # CR4.PCIDE: then these bits are part of a number, 4.10.1
_PAGE_ATTRIBUTES = 0x277  # IA32_PAT, 11.12.2
_RDMSR = bytes((0x0F, 0x32))  # vol. 2, RDMSR: of the register whose number is in ECX, into EDX and EAX


@dataclass(frozen=True)
class _Feature:
    """A bit of CR4 that only some CPUs have; `name` is QEMU's for the bit of CPUID that tells (4.1.4)."""

    bit: int
    field: str
    name: str
    meaning: str
    wanted: bool = False
    """Whether it is to be on where the CPU has it."""
    wanted_with_users: bool = False


_FEATURES = (
    _Feature(7, "PGE", "pge", "global pages", wanted=True),
    _Feature(11, "UMIP", "umip", "no sgdt and sidt for users", wanted_with_users=True),
    _Feature(12, "LA57", "la57", "5-level paging"),
    _Feature(17, "PCIDE", "pcid", "process-context identifiers"),
    _Feature(20, "SMEP", "smep", "the kernel executes no user page", wanted_with_users=True),
    _Feature(21, "SMAP", "smap", "the kernel touches no user page", wanted_with_users=True),
    _Feature(22, "PKE", "pku", "protection keys of user pages"),
    _Feature(24, "PKS", "pks", "protection keys of kernel pages"),
)
GIB_PAGES = "pdpe1gb"
"""QEMU's name for the bit of CPUID that tells whether there are 1 GiB pages (4.1.4)."""


class X86Control(Control):
    """What a CPU has is what CPUID would say, under QEMU's names."""

    def features(self, cpu: AskedCpu) -> dict[str, int]:
        """Asks QEMU's model of the CPU."""
        return {name: int(cpu.cpu_property(name)) for name in (*(feature.name for feature in _FEATURES), GIB_PAGES)}

    def unseen(self, cpu: AskedCpu) -> dict[str, int]:
        """Has the CPU read IA32_PAT."""
        read = cpu.execute(_RDMSR, {"rcx": _PAGE_ATTRIBUTES})
        return {"pat": (read["rdx"] & 0xFFFF_FFFF) << 32 | read["rax"] & 0xFFFF_FFFF}

    def problems(self, settings: Settings) -> Iterator[Problem]:
        """Yields problems of EFER, CR0, CR3 and CR4, in this order."""
        efer, cr0 = settings.registers["efer"], settings.registers["cr0"]
        if not efer & _NO_EXECUTE_ENABLE:
            yield Problem("nx-not-enabled", "EFER.NXE is 1", f"EFER is {efer:#x}")
        if not cr0 & _WRITE_PROTECT:
            yield Problem("write-protect-off", "CR0.WP is 1", f"CR0 is {cr0:#x}")
        # 11.5.1, table 11-5: CD turns caching off, NW without it is invalid
        for mask, field in ((_CACHE_DISABLE, "CR0.CD (bit 30)"), (_NOT_WRITE_THROUGH, "CR0.NW (bit 29)")):
            if cr0 & mask:
                yield Problem("caches-off", f"{field} is 0: normal memory is cached", f"it is 1: CR0 is {cr0:#x}")
        yield from _problems_of_root(settings)
        if settings.features is not None:
            for feature in _FEATURES:
                yield from _problems_of_feature(feature, settings, bool(settings.features[feature.name]))


def _problems_of_root(settings: Settings) -> Iterator[Problem]:
    """Checks 4.9: PWT and PCD choose the memory type by which the CPU reads the root; the kernel writes through the caches."""
    cr3 = settings.registers["cr3"]
    if settings.registers["cr4"] & _PROCESS_CONTEXTS:
        return
    for mask, field in ((_ROOT_WRITE_THROUGH, "CR3.PWT (bit 3)"), (_ROOT_CACHE_DISABLE, "CR3.PCD (bit 4)")):
        if cr3 & mask:
            yield Problem(
                "root-register-wrong", f"{field} is 0: the root is read as it is written", f"it is 1: CR3 is {cr3:#x}"
            )


def _problems_of_feature(feature: _Feature, settings: Settings, exists: bool) -> Iterator[Problem]:
    cr4 = settings.registers["cr4"]
    name, is_on = f"CR4.{feature.field} (bit {feature.bit}, {feature.meaning})", bool(cr4 >> feature.bit & 1)
    if is_on and not exists:
        yield Problem("feature-absent", f"{name} is 0 on a CPU that does not have it", f"it is 1: CR4 is {cr4:#x}")
    if exists and not is_on and (feature.wanted or feature.wanted_with_users and settings.has_users):
        yield Problem("feature-left-off", f"{name} is 1 on a CPU that has it", f"it is 0: CR4 is {cr4:#x}")
