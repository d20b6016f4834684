"""The causes that a failure can have, by their stable names. docs/causes.md says more about each; a test compares."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cause:
    """`meaning` is one sentence; `file` is where to look first, with {isa} for the ISA. See also file_in()."""

    meaning: str
    file: str
    of_lab_1: bool = False
    """Whether only lab 1 writes what is wrong: later labs look at the same file."""

    def file_in(self, lab: int, isa: str) -> str:
        """Returns where to look first in a lab's tree. What earlier labs wrote has been proved: this lab's files are new."""
        if self.file in _OF_LABS:
            return _OF_LABS[self.file].get(lab, _SPACE).format(isa=isa)
        is_proved = lab > 1 and not self.of_lab_1
        file = _BOOT_HIGH if self.is_about_the_map and is_proved else self.file
        return file.format(isa=isa)

    @property
    def is_about_the_map(self) -> bool:
        """Whether it is one of the kernel's map, which lab 1 builds and lab 2 builds again."""
        return self.file in (_BOOT_MAP, _MAP_KERNEL)


_MAP = "kernel/paging/page_table_map.h"
_MAP_KERNEL = "kernel/map/map_kernel.cc"
_BOOT_MAP = "arch/{isa}/boot_map.cc"
_BOOT_HIGH = "arch/{isa}/boot_high.cc"
_JUMP = "arch/{isa}/boot_high.S"
_LEAVE = "kernel/map/leave_low_half.cc"
_SPACE = "kernel/space/address_space.cc"
_UNMAP = "kernel/paging/page_table_unmap.h"
_USER_MODE = "arch/{isa}/user_mode.cc"
_KERNEL_HALF = "kernel/map/kernel_half.cc"
_TEMP_MAP = "kernel/map/temp_map.cc"
_USER_COPY = "kernel/space/user_copy.cc"
_VMA = "kernel/space/vma.cc"
_FAULT = "kernel/space/fault.cc"
_LOAD = "kernel/program/load.cc"
_CLONE = "kernel/space/clone.cc"
_FORK = "kernel/process/fork.cc"
_EXECUTE = "kernel/calls/execute.cc"
_FRAMES = "the file in which this lab's student takes frames and gives them back"
_MEMORY = "the file in which this lab's student deals with the memory of processes"
_RIGHTS = "the file in which this lab's student says what a user page permits"
_ROOTS = "the file in which this lab's student makes roots"
_TREES = "the file in which this lab's student builds trees of tables"
_OF_LABS = {
    _FRAMES: {4: _USER_COPY, 5: _FAULT, 6: _CLONE},
    _MEMORY: {4: _USER_COPY, 5: _FAULT, 6: _CLONE},
    _RIGHTS: {5: _FAULT, 6: _CLONE},
    _ROOTS: {1: _BOOT_MAP, 2: _BOOT_HIGH},
    _TREES: {1: _MAP, 2: _BOOT_HIGH},
}

CAUSES: dict[str, Cause] = {
    # The run as a whole.
    "does-not-compile": Cause("The tree does not build.", ""),
    "reads-outside-the-tree": Cause(
        "A file that was handed in has the compiler or the assembler read another that it must not.", ""
    ),
    "name-taken": Cause("A name of a given file's is also that of something else in the kernel.", ""),
    "code-changed": Cause("The kernel has overwritten its own code or constants.", ""),
    "triple-fault": Cause("The CPU could not even report the exception, and the machine reset.", _BOOT_MAP),
    "recursive-vector": Cause("The exception handler's own first instructions fault, again and again.", _BOOT_MAP),
    "hang": Cause("The kernel neither goes on nor stops.", ""),
    "early-exit": Cause("The kernel turned the machine off, or reset it, too early.", ""),
    "serial-flood": Cause("The kernel prints without end.", ""),
    "kernel-check-failed": Cause("A CHECK of the kernel found a state that cannot be.", ""),
    "deadlock": Cause("Code asked for a lock that it holds itself.", ""),
    "unexpected-exception": Cause("An exception that no page table explains.", ""),
    "unexpected-fault": Cause("A memory fault outside everything that the kernel maps.", ""),
    "stack-overflow": Cause("The kernel stack ran out.", ""),
    "wrong-answer": Cause("What the kernel says is not what its memory and registers hold.", ""),
    # The engine.
    "lookup-wrong": Cause("walk or lookup do not find what stands in tables that are right.", _MAP),
    "map-lookup-wrong": Cause("map, map_range or lookup do not do what page_table.h promises.", _MAP),
    "double-map-accepted": Cause("A page that was taken has been mapped again.", _MAP),
    "half-built-path": Cause("A map that failed left tables or entries behind.", _MAP),
    "walks-disagree": Cause("The kernel's lookup, the outside walk and QEMU's walk differ.", _MAP),
    "wrong-descriptor-type": Cause("An entry's type is not one that the manual permits at its level.", _MAP),
    "wrong-level-count": Cause("The tables have another number of levels than the CPU walks.", _MAP),
    "page-size-bit-in-page": Cause("Bit 7 is set in an entry of the table of pages, where it means PAT.", _MAP),
    "table-entry-restricts": Cause("An entry above the leaf takes away a permission that the leaf grants.", _MAP),
    "region-end-not-mapped": Cause("The last part of a region is missing from the map.", _MAP),
    "tables-without-end": Cause(
        "Tables lead to each other, or one is reached again and again: a walk of them all never ends.", _TREES
    ),
    "too-many-tables": Cause("The map uses more tables than it needs: blocks were not used.", _MAP),
    # The root and the registers.
    "translation-off": Cause("The MMU is not on.", _BOOT_MAP),
    "boot-root-still-active": Cause("The root in use is still the crude one of boot.S.", _BOOT_MAP),
    "root-strays": Cause("Another root is loaded, or translation turned off, while the kernel's monitor runs.", _BOOT_MAP),
    "debug-registers-used": Cause("Debug registers interrupt the kernel where it is looked at.", _BOOT_MAP),
    "boot-map-too-short": Cause("The crude map of boot.S ends before what the kernel uses.", "arch/{isa}/boot.S"),
    "table-outside-window": Cause(
        "A table is no frame of the window: the kernel cannot reach it, or has never taken it.", _BOOT_MAP
    ),
    "virtual-address-as-physical": Cause("A root or an entry holds a virtual address.", _BOOT_MAP),
    "table-outside-memory": Cause("A root or an entry points to where no RAM is.", _BOOT_MAP),
    "nx-not-enabled": Cause("EFER.NXE is off: bit 63 is reserved and nothing is protected from execution.", _BOOT_MAP),
    "write-protect-off": Cause("CR0.WP is off: the kernel writes to read-only pages.", _BOOT_MAP),
    "caches-off": Cause("The caches are off: no memory is cached, whatever its entry says.", _BOOT_MAP, of_lab_1=True),
    "walk-control-wrong": Cause(
        "A field of TCR_EL1 does not say how the tables are to be walked on this CPU.", _BOOT_MAP, of_lab_1=True
    ),
    "walks-not-as-mapped": Cause(
        "The CPU reads tables with other attributes than the kernel writes them.", _BOOT_MAP, of_lab_1=True
    ),
    "reserved-ones-cleared": Cause(
        "Bits of a control register that are always one were written as zero.", _BOOT_MAP, of_lab_1=True
    ),
    "root-register-wrong": Cause("The root register holds more than the root's address.", _BOOT_MAP, of_lab_1=True),
    "feature-absent": Cause(
        "Something is turned on, or relied on, that not every CPU has, without asking.", _BOOT_MAP, of_lab_1=True
    ),
    "feature-left-off": Cause("Something that the CPU has, and that the kernel is to use, is off.", _BOOT_MAP, of_lab_1=True),
    "live-table-overwritten": Cause("A frame that holds a table in use was handed out or written as data.", _BOOT_MAP),
    # What is missing from the map.
    "vectors-not-mapped": Cause("The exception vectors are not in the root: any fault recurses.", _MAP_KERNEL),
    "image-not-mapped": Cause("A part of the kernel's image is not in the root.", _MAP_KERNEL),
    "stack-not-mapped": Cause("The kernel's stack is not in the root.", _MAP_KERNEL),
    "frames-not-mapped": Cause("The window's frames, where tables live, are not in the root.", _MAP_KERNEL),
    "device-not-mapped": Cause("A device's registers are not in the root.", _MAP_KERNEL),
    "parameters-not-mapped": Cause("The boot parameters are not in the root.", _MAP_KERNEL),
    # What is in the map and should not be so.
    "wrong-frame": Cause("A page maps another frame than it should.", _MAP_KERNEL),
    "null-page-mapped": Cause("Page 0 is mapped: a null pointer would go unnoticed.", _MAP_KERNEL),
    "guard-page-mapped": Cause("The guard below a stack is mapped: an overflow would go unnoticed.", _MAP_KERNEL),
    "writable-and-executable": Cause("A page can be both written and executed.", _MAP_KERNEL),
    "user-access-to-kernel": Cause("User code could touch a page of the kernel.", _MAP_KERNEL),
    "user-writable-not-executable": Cause("Pages that EL0 may write are never executable at EL1.", _MAP_KERNEL),
    "wrong-permission": Cause("A region's permissions are not its own.", _MAP_KERNEL),
    "wrong-memory-type": Cause("RAM is mapped as device memory, or a device as normal memory.", _MAP_KERNEL),
    "ram-beyond-window-mapped": Cause(
        "The kernel has mapped RAM beyond its window: no other way should lead there.", _MAP_KERNEL
    ),
    "device-mapped-twice": Cause("A device's registers are mapped at a second address of the kernel's half.", _MAP_KERNEL),
    "kernel-page-mapped-twice": Cause("A part of the kernel is mapped at a second address of its half.", _MAP_KERNEL),
    "mapped-without-need": Cause("The kernel's half maps what is no part of the kernel.", _MAP_KERNEL),
    "kernel-page-not-global": Cause("A page of the kernel is not global, so each change of root forgets it.", _MAP_KERNEL),
    "table-not-cached": Cause("An entry has the CPU read the table below it past the caches.", _MAP),
    "address-too-wide": Cause("An entry holds an address of more bits than the CPU's physical addresses have.", _MAP),
    "access-flag-clear": Cause("The access flag of a leaf is clear: its first use faults.", _MAP),
    "reserved-bit-set": Cause("An entry has a bit set that the manual reserves.", _MAP),
    "fault-misreported": Cause("A fault was not reported with its address, access and cause.", "arch/{isa}/traps.cc"),
    "trap-not-returned": Cause("An exception or interrupt was not taken, or did not come back.", "arch/{isa}/traps.cc"),
    # The higher half.
    "pc-still-low": Cause("The kernel still runs at its low addresses.", _JUMP),
    "stack-still-low": Cause("The stack pointer is still a low address.", _JUMP),
    "vectors-still-low": Cause("The CPU still finds its exception vectors by a low address.", _LEAVE),
    "descriptor-tables-still-low": Cause("GDTR, IDTR, TR or the IST still hold low addresses.", _LEAVE),
    "pointer-still-low": Cause("A pointer from before the move was used after the low map had gone.", _LEAVE),
    "device-still-low": Cause("A device is reached by its low address, which is gone.", "arch/{isa}/timer.cc"),
    "wrong-offset": Cause("va - pa is not the kernel offset for every page.", _BOOT_HIGH),
    "base-outside-address-size": Cause("The kernel's base is outside what the root register translates.", _BOOT_MAP),
    "upper-walks-disabled": Cause("TCR_EL1.EPD1 still forbids walks of the upper half.", _BOOT_HIGH),
    "high-address-too-early": Cause("Code that still runs low used a high address.", "kernel/base/layout.h"),
    "identity-dropped-too-early": Cause("The low map was taken away while the kernel still ran on it.", _BOOT_HIGH),
    "high-half-not-mapped": Cause("The kernel moved before its high addresses were mapped.", _BOOT_HIGH),
    "identity-still-mapped": Cause("The low addresses still translate.", _LEAVE),
    "upper-half-emptied": Cause("The kernel's own half of the root was emptied together with the low one.", _LEAVE),
    "stale-identity": Cause("The identity map is gone from the tables but not from the TLB.", _LEAVE),
    "freed-table-still-linked": Cause("The root still points to a table that was given back.", _LEAVE),
    "tables-not-given-back": Cause("The tables of the identity map are still in use, though nothing leads to them.", _LEAVE),
    "kernel-root-changed": Cause("The kernel's root register was written again after the move.", _BOOT_HIGH),
    "halves-share-a-table": Cause("The user half and the kernel half hang on a common table.", _BOOT_HIGH),
    # Processes and their roots.
    "wrong-root-loaded": Cause("The root register does not hold the root of the process that runs.", _SPACE),
    "vectors-not-in-root": Cause(
        "A process's root lacks the exception vectors, the tables they are in, or other code of the kernel.", _SPACE
    ),
    "kernel-stack-not-in-root": Cause("A process's root lacks a kernel stack.", _SPACE),
    "device-not-in-root": Cause("A process's root lacks a device that the kernel needs at any time.", _SPACE),
    "kernel-half-differs": Cause("The kernel half of a process's root is not that of the kernel's own.", _SPACE),
    "kernel-half-freed": Cause("A table of the kernel half was given back together with a process.", _SPACE),
    "kernel-stack-not-as-in-master": Cause("A kernel stack has other frames or rights in a process's root.", _SPACE),
    "kernel-stack-guard-mapped": Cause("The guard below a kernel stack is mapped.", "kernel/map/kernel_stack.cc"),
    "trap-stack-not-set": Cause("A trap out of user mode lands on no stack, or on another process's.", _USER_MODE),
    "overflow-not-reported": Cause("The handler of a stack that ran out uses that very stack.", "arch/{isa}/trap_entry.S"),
    "registers-not-kept": Cause("A trap or a switch changed registers of the process.", "arch/{isa}/trap_entry.S"),
    "red-zone-in-kernel": Cause(
        "The kernel keeps values below its stack pointer, where traps push.", "arch/{isa}/toolchain.cmake"
    ),
    "user-page-not-mapped": Cause("A page of a process's program is missing, or is not the user's.", _SPACE),
    "user-stack-not-mapped": Cause("The user stack pointer is not in a page of the user's.", _SPACE),
    "user-page-unexpected": Cause("A process's root has a page that nobody has asked for.", _SPACE),
    "user-half-shared": Cause("Two processes have a page or a table of the user half in common.", _SPACE),
    "wrong-user-permission": Cause("A user page permits more or less than its segment.", _RIGHTS),
    "user-page-global": Cause("A user page is marked global: its translation outlives the switch of roots.", _RIGHTS),
    "user-makes-no-progress": Cause("The timer does not interrupt user mode, or nothing else goes on there.", ""),
    "process-killed": Cause("A process that did nothing wrong was killed.", _MEMORY),
    "user-fault-stops-kernel": Cause("A fault of a process stopped the kernel instead.", "kernel/process/user_trap.cc"),
    "process-survived": Cause("A process lives on after something that must kill it.", "arch/{isa}/user_traps.cc"),
    "wrong-result": Cause("A system call did not do what it says, or not return what it must.", ""),
    "stale-user-translation": Cause("After a switch of roots the CPU still uses translations of the old one.", _SPACE),
    "stale-tlb": Cause("The CPU still uses a translation that was taken away or tightened.", _UNMAP),
    "unmap-wrong": Cause("unmap does not do what page_table.h promises.", _UNMAP),
    "protect-wrong": Cause("protect does not do what page_table.h promises.", _UNMAP),
    # The discipline, as the witness sees it: the failure has the line.
    "used-while-remembered": Cause("An address is used while the CPU may remember another translation of it.", ""),
    "user-runs-while-remembered": Cause("User code goes on while the CPU may remember what its tables no longer say.", ""),
    "released-while-remembered": Cause("A frame is given back while the CPU may still reach it.", ""),
    "released-while-mapped": Cause("A frame is given back that live tables still lead to.", ""),
    "no-break-before-make": Cause("An entry is replaced while the CPU may remember the old one.", ""),
    "table-not-yet-seen": Cause("A table is put into the tree before the walker is certain to see what is in it.", ""),
    "entry-not-yet-seen": Cause("An address is used before the walker is certain to see its new entry.", ""),
    "code-not-yet-seen": Cause("User code is executed that instruction fetches are not certain to see.", ""),
    "translation-not-prepared": Cause("Translation begins before all that it needs is certain to count.", ""),
    "table-in-two-places": Cause("A frame is a table at two places of the tree.", _SPACE),
    "root-not-cleared": Cause("A new root holds what was in its frame before.", _ROOTS),
    "root-not-kept": Cause("The frame of a new root was given back at once: the process's root belongs to nobody.", _SPACE),
    "frames-leaked": Cause("Frames stay in use that nothing leads to any more.", _FRAMES),
    "frame-freed-in-use": Cause("A frame is free, or has two uses, while tables still lead to it.", _FRAMES),
    "frame-records-changed": Cause(
        "The allocator's records of free frames contradict each other: other code has written to them.", _SPACE
    ),
    "root-freed-while-loaded": Cause("A root was given back while the CPU still walked it.", _SPACE),
    # Temporary mappings.
    "temp-window-not-in-root": Cause("A root does not lead to the table of the temporary mappings.", _SPACE),
    "temp-window-per-root": Cause("A root has tables of its own for the temporary mappings.", _SPACE),
    "temp-window-open-to-users": Cause("User code could touch a page through a temporary mapping.", _TEMP_MAP),
    "temp-slot-shared": Cause("Windows open at the same time share a slot, or one is past the end.", _TEMP_MAP),
    "temp-slot-lost": Cause("A slot was not given back, or is never given out: no-slot.", _TEMP_MAP),
    "temp-slot-not-emptied": Cause("A slot has its entry when no window should be open.", _TEMP_MAP),
    "temp-slot-closed-too-early": Cause("A window was used after it had been closed.", _USER_COPY),
    "stale-temp-mapping": Cause("A slot still shows the frame that it showed before.", _TEMP_MAP),
    "frame-freed-by-unmap": Cause("A frame was given back while a process still had it.", _TEMP_MAP),
    # The memory of user programs, as the kernel reaches it.
    "user-copy-not-split": Cause("A copy went on past the end of a page as if the next one followed in RAM.", _USER_COPY),
    "user-copy-not-made": Cause("A copy that the process has every right to was refused, or left undone.", _USER_COPY),
    "user-pointer-trusted": Cause("A user's pointer was used as it came, or the permission not asked.", _USER_COPY),
    "user-page-not-cleared": Cause("A new page of a process shows what somebody left there.", _USER_COPY),
    "user-frames-in-window": Cause("A user page is in the RAM that the kernel needs for itself.", _USER_COPY),
    "wrong-user-bytes": Cause("A process's memory does not hold what it should.", _USER_COPY),
    # What a process was promised, and its pages.
    "vma-list-broken": Cause("A list of areas is not sorted, or two areas overlap or should be one.", _VMA),
    "vma-missing": Cause("Addresses that a process was promised are in no area of its list.", _VMA),
    "vma-unexpected": Cause("An area has addresses that the process was never promised, or not any more.", _VMA),
    "vma-wrong-protection": Cause("An area permits something else than what was asked for.", _VMA),
    "vma-wrong-kind": Cause("An area is of another kind than what it was made for.", _VMA),
    "root-not-recorded": Cause("The kernel's record of a process has another root than the one that is loaded.", _EXECUTE),
    "execve-not-undone": Cause("An execve that failed has changed the process all the same.", _EXECUTE),
    "fault-comes-again": Cause("A fault is taken for resolved, and comes again for ever: nothing has changed.", _FAULT),
    "protection-not-asked": Cause("A page was brought for an access that its area does not permit.", _FAULT),
    "stack-not-grown": Cause("A touch below the stack, within its limit, was refused.", _FAULT),
    "stack-grown-too-far": Cause(
        "The stack has grown beyond its limit, or into the page that must stay free below it.", _FAULT
    ),
    "promised-page-refused": Cause("A system call refused a buffer that the process was promised.", _FAULT),
    "memory-call-wrong": Cause("brk, mmap, munmap or mprotect gave a wrong answer.", _VMA),
    "page-brought-early": Cause("A page is there that nobody has touched yet.", _FAULT),
    "page-not-brought": Cause("A touch of a page that was promised did not bring it.", _FAULT),
    "page-without-vma": Cause("A process has a page that is in no area of its list.", _VMA),
    "page-exceeds-vma": Cause("A page permits more than its area.", _FAULT),
    "page-falls-short-of-vma": Cause("A page permits less than its area.", _FAULT),
    # The areas of a process.
    "vma-list-wrong": Cause("The list of areas does not hold or find what vma.h promises.", _VMA),
    "vma-overlap-wrong": Cause("Areas that overlap were both taken, or one that only touches was refused.", _VMA),
    "vma-merge-wrong": Cause("Areas that touch and are alike were not merged, or others were.", _VMA),
    "vma-split-wrong": Cause("remove or protect changed more or less than the range they were given.", _VMA),
    "vma-limit-wrong": Cause("A full list was overrun, refused what it has room for, or was changed all the same.", _VMA),
    "vma-gap-wrong": Cause("What find_gap found is not the lowest free range that is large enough.", _VMA),
    # fork.
    "fork-refused": Cause("fork failed where nothing was short.", _FORK),
    "fork-incomplete": Cause("A child lacks something that every process has, and can run.", _FORK),
    "fork-result-wrong": Cause("fork does not return the child's number to the parent, and 0 to the child.", _FORK),
    "fork-areas-differ": Cause("A child was not promised what its parent was.", _CLONE),
    "fork-areas-shared": Cause("Parent and child have one list of areas, or one map, in common.", _CLONE),
    "fork-page-missing": Cause("A page of the parent's is not in the child.", _CLONE),
    "fork-page-unexpected": Cause("A child has a page that its parent has not.", _CLONE),
    "fork-page-shared": Cause("Parent and child have a frame or a table in common.", _CLONE),
    "fork-page-permission": Cause("A page of the child permits something else than the parent's.", _CLONE),
    "fork-bytes-differ": Cause("A page of the child does not hold what the parent's does.", _CLONE),
    "parent-changed": Cause("fork changed what its parent has: areas, pages, or the bytes in them.", _CLONE),
    "fork-not-isolated": Cause("What one of parent and child wrote shows in the memory of the other.", _CLONE),
    "child-frame-misplaced": Cause("A child's first registers are not taken from where they were put.", _FORK),
    "child-not-in-user-mode": Cause("A child does not begin in user mode, with interrupts on.", _USER_MODE),
    "child-registers-wrong": Cause("A child begins elsewhere, or with other registers than its parent's.", _FORK),
    "child-spare-registers-wrong": Cause("A child lacks its parent's thread pointer or segments.", _FORK),
    "child-never-runs": Cause("A child was made that never runs, or not to its end.", _FORK),
    "killed-after-fork": Cause("A program that forks was killed, the child or its parent, and did nothing wrong.", _CLONE),
    "status-not-delivered": Cause(
        "The status of a child is not in the memory of who waited for it.", "kernel/calls/process_calls.cc"
    ),
    "thread-variables-wrong": Cause("Thread-local variables do not hold what fork or execve must leave in them.", _LOAD),
    "process-number-wrong": Cause("Processes share a number, or a new one has not the next.", _FORK),
    "process-slot-lost": Cause("A slot of the process table stays in use, or is not found free.", _FORK),
}

OF_THE_END = frozenset({
    "triple-fault", "recursive-vector", "hang", "early-exit", "serial-flood", "stack-overflow",
    "unexpected-exception", "unexpected-fault", "wrong-result", "process-killed", "killed-after-fork",
    "user-page-not-mapped", "user-stack-not-mapped", "user-makes-no-progress", "child-never-runs",
})  # fmt: skip
"""Causes that say how a run ended, and not why. Where another milestone names a reason, that comes first."""
