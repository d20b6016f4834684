"""What the grader must know about the board of each ISA. Nothing else in this package names an ISA."""

from dataclasses import dataclass

# Other names of a register, tried in turn when the target description lacks the architecture's own.
# In all names of registers the case of letters does not matter; the grader writes them small.
Fallbacks = tuple[str, ...]


@dataclass(frozen=True)
class Platform:
    """One ISA's QEMU board. Addresses are physical."""

    isa: str
    qemu: str  # the binary's name
    package: str  # Debian's package that has it
    machine: str  # QEMU's -machine, without the RAM
    cpu: str  # QEMU's -cpu, unless the caller names another
    el2_option: str | None  # what to add to -machine to start in EL2; None: the ISA has none
    ram_base: int
    parameters_address: int
    breakpoint_bytes: int  # the `kind` of a breakpoint in the gdb protocol
    program_counter: str
    system_registers: dict[str, Fallbacks]  # those that matter to paging and faults


X86_64 = Platform(
    isa="x86_64",
    qemu="qemu-system-x86_64",
    package="qemu-system-x86",
    machine="microvm,x-option-roms=off,pit=off,pic=off,rtc=off,isa-serial=on",
    cpu="max",
    el2_option=None,
    ram_base=0,
    parameters_address=0x180000,
    breakpoint_bytes=1,
    program_counter="rip",
    system_registers={"cr0": (), "cr2": (), "cr3": (), "cr4": (), "efer": ()},
)

# QEMU 7.2 gives registers that exist in AArch32 too under their AArch32 names, without _EL1.
AARCH64 = Platform(
    isa="aarch64",
    qemu="qemu-system-aarch64",
    package="qemu-system-arm",
    machine="virt",
    cpu="cortex-a72",
    el2_option="virtualization=on",
    ram_base=0x40000000,
    parameters_address=0x40180000,
    breakpoint_bytes=4,
    program_counter="pc",
    system_registers={
        "ttbr0_el1": (),
        "ttbr1_el1": (),
        "tcr_el1": (),
        "mair_el1": (),
        "sctlr_el1": ("sctlr",),
        "vbar_el1": ("vbar",),
        "esr_el1": (),
        "far_el1": (),
        "elr_el1": (),
        "spsr_el1": (),
        "sp_el0": (),
        "sp_el1": (),
    },
)

_PLATFORMS = {platform.isa: platform for platform in (X86_64, AARCH64)}


def platform_of(isa: str) -> Platform:
    """Return the board of `isa`. Raises ValueError if there is none."""
    try:
        return _PLATFORMS[isa]
    except KeyError:
        known = ", ".join(_PLATFORMS)
        raise ValueError(f"there is no machine for the ISA {isa!r}; there is one for {known}") from None
