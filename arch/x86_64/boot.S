// From power-on to C++. QEMU starts us by PVH (Xen's boot protocol for PCs): 32-bit protected mode, paging off, at
// pvh_entry. We turn on a crude map (va == pa, everything permitted; the first GiB, and the fourth with the devices) only
// because long mode cannot be without one, and call start_low.
//
// Names ending in _pa are physical addresses; the linker script defines them.

        // The note that tells the loader where to begin (type 18, XEN_ELFNOTE_PHYS32_ENTRY).
        .section .note.pvh, "a", @note
        .balign 4
        .long   4, 4, 18
        .asciz  "Xen"
        .long   pvh_entry_pa

        .text
        .code32
        .global pvh_entry
pvh_entry:
        cli
        cld
        movl    $boot_page_table_pa, %eax
        movl    %eax, %cr3
        movl    %cr4, %eax
        orl     $(1 << 5), %eax         // CR4.PAE: 8-byte entries
        movl    %eax, %cr4
        movl    $0xc0000080, %ecx       // EFER
        rdmsr
        orl     $(1 << 8), %eax         // EFER.LME: paging will mean long mode
        wrmsr
        movl    %cr0, %eax
        orl     $(1 << 31), %eax        // CR0.PG
        movl    %eax, %cr0
        lgdtl   boot_gdt_pointer_pa
        ljmpl   $8, $long_mode_pa       // into the 64-bit code segment

        .code64
        .global long_mode
        .cfi_sections   .debug_frame
        .cfi_startproc
        .cfi_undefined  rip             // for GDB: nobody called this, so a backtrace ends here
long_mode:
        xorl    %eax, %eax              // data segments have no meaning in long mode
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        leaq    boot_stack_end(%rip), %rsp
        call    start_low
        call    move_to_high_half       // comes back at the high address
        call    kernel_main
        .cfi_endproc

        .data
        .balign 8
boot_gdt:
        .quad   0
        .quad   0x00af9b000000ffff      // 64-bit code
        .global boot_gdt_pointer
boot_gdt_pointer:
        .word   . - boot_gdt - 1
        .long   boot_gdt_pa
        .global boot_gdt

        // The crude map: twice 512 blocks of 2 MiB, present, writable.
        .balign 4096
        .global boot_page_table, boot_page_table_2, boot_page_table_1, boot_page_table_devices
boot_page_table:
        .quad   boot_page_table_2_pa + 3
        .fill   511, 8, 0
boot_page_table_2:
        .quad   boot_page_table_1_pa + 3
        .quad   0, 0
        .quad   boot_page_table_devices_pa + 3
        .fill   508, 8, 0

.macro blocks_from first
        .set    block, \first
        .rept   512
        .quad   block + 0x83            // bit 7: a block
        .set    block, block + 0x200000
        .endr
.endm
boot_page_table_1:
        blocks_from 0
boot_page_table_devices:
        blocks_from 0xc0000000
