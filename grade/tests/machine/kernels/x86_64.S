// Tiny guests for the tests of the QEMU driver. ENTRY (-DENTRY=name) chooses which one starts.
// PVH starts them in 32-bit protected mode, flat, without paging and without a stack.

    .set SERIAL, 0x3f8
    .set LINE_STATUS, 5
    .set PARAMETERS, 0x180000
    .set SLEEP_REGISTER, 0xfea00200         // ACPI GED of microvm

    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 4, 18                          // XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .long _start

    .text
    .code32
    .globl _start
_start:
    mov $stack_top, %esp
    jmp ENTRY

// Prints a line, passes `checkpoint` with 0x1234 in a register, prints another and powers off.
hello:
    mov $hello_text, %esi
    call print
    mov $0x1234, %ecx
    .globl checkpoint
checkpoint:
    nop
    .globl after_checkpoint
after_checkpoint:
    mov $goodbye_text, %esi
    call print
power_off:
    mov $SLEEP_REGISTER, %edi
    movb $0x34, (%edi)
    .globl idle
idle:
    cli
1:  hlt
    jmp 1b

// Prints the nonce of the boot parameters as a fact.
nonce:
    mov $nonce_text, %esi
    call print
    mov PARAMETERS + 12, %ebx
    call print_hex
    mov PARAMETERS + 8, %ebx
    call print_hex
    mov $'\n', %al
    call put
    jmp power_off

// Copies and prints the word that the test puts at `shared`.
shared_word:
    .globl before_shared
before_shared:
    nop
    mov shared, %ebx
    mov %ebx, shared_copy
    call print_hex
    jmp power_off

// For the counter of instructions: markers with a known number of instructions between them.
counted:
    nopl 0x4d4b0001(%eax)
    nopl 0x4d4b0002(%eax)
    mov $10, %ecx                           // 1
1:  dec %ecx                                // 10
    jnz 1b                                  // 10
    nopl 0x4d4b0003(%eax)
    mov $100, %ecx                          // 1
    mov $shared, %edi                       // 1
    mov $0, %al                             // 1
    rep stosb                               // 100, and the look that finds none left
    nopl 0x4d4bffff(%eax)
    call user_code                          // 1
    call user_code
    nopl 0x4d4c0001(%eax)                   // none of ours
    mov $end_text, %esi
    call print
    jmp power_off
    .globl user_code, user_code_end
user_code:
    ret
user_code_end:

// Passes `checkpoint_loop` for ever.
loop:
    .globl checkpoint_loop
checkpoint_loop:
    jmp checkpoint_loop

    .globl spin
spin:
    jmp spin

// Where an interrupt might lead it out.
spin_open:
    sti
1:  jmp 1b

// Asleep, where an interrupt might wake it.
idle_open:
    sti
1:  hlt
    jmp 1b

// Counts in memory for a second or two, then powers off.
count_in_memory:
    movl $500000000, shared
1:  decl shared
    jnz 1b
    jmp power_off

// Counts for a tenth of a second or two, then powers off.
work:
    mov $60000000, %ecx
1:  dec %ecx
    jnz 1b
    jmp power_off

flood:
    mov $'x', %al
    call put
    jmp flood

// Repeats what is typed, up to a q.
echo:
    mov $SERIAL + LINE_STATUS, %dx
    in %dx, %al
    test $1, %al                            // data ready
    jz echo
    mov $SERIAL, %dx
    in %dx, %al
    call put
    cmp $'q', %al
    jne echo
    jmp power_off

// On this board a triple fault is the way to reset.
reset:
    call paging_on
    lidt empty_idt
    ljmp $8, $1f
    .code64
1:  mov $0xffff8000deadf000, %rax
    .globl faulting
faulting:
    mov (%rax), %rax                        // page fault, no handler, double fault, no handler
    .code32

// Turns paging on and passes `high` at its high address.
paged:
    call paging_on
    ljmp $8, $1f
    .code64
1:  mov $high, %eax
    mov $0xffff800000000000, %rdx
    add %rdx, %rax
    jmp *%rax
    .globl high
high:
    nop
    mov $SLEEP_REGISTER, %edi
    movb $0x34, (%rdi)
1:  hlt
    jmp 1b
    .code32

// The first 4 GiB at 0, the first GiB also at 0xffff800000000000, in gigabyte pages. Long mode from here on.
paging_on:
    mov %cr4, %eax
    or $0x20, %eax                          // PAE
    mov %eax, %cr4
    mov $pml4, %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx                   // EFER
    rdmsr
    or $0x100, %eax                         // LME
    wrmsr
    mov %cr0, %eax
    or $0x80000000, %eax                    // PG
    mov %eax, %cr0
    lgdt gdt_pointer
    ret

// In: esi, the text. Clobbers eax, edx, esi.
print:
    lodsb
    test %al, %al
    jz 1f
    call put
    jmp print
1:  ret

// In: ebx, a number. Clobbers eax, ecx, edx.
print_hex:
    mov $8, %ecx
1:  rol $4, %ebx
    mov %ebx, %eax
    and $15, %eax
    mov digits(%eax), %al
    call put
    loop 1b
    ret

// In: al, a character. Clobbers edx, ah.
put:
    mov %al, %ah
    mov $SERIAL + LINE_STATUS, %dx
1:  in %dx, %al
    test $0x20, %al                         // transmitter empty
    jz 1b
    mov %ah, %al
    mov $SERIAL, %dx
    out %al, %dx
    ret

    .data
hello_text:   .asciz "hello\n"
goodbye_text: .asciz "goodbye\n"
end_text:     .asciz "@poweroff\n"
nonce_text:   .asciz "@boot isa=x86_64 nonce=0x"
digits:       .ascii "0123456789abcdef"
    .balign 8
    .globl shared
shared:       .fill 100, 1, 0
    .balign 8
    .globl shared_copy
shared_copy:  .quad 0
empty_idt:    .word 0
              .quad 0
    .balign 8
gdt:          .quad 0, 0x00af9a000000ffff   // 64-bit code
gdt_pointer:  .word 15
              .long gdt
    .balign 4096
    .globl pml4
pml4:         .quad low_gigabytes + 3
              .fill 255, 8, 0
              .quad high_gigabyte + 3
              .fill 255, 8, 0
low_gigabytes:
              .quad 0x83, 0x40000083, 0x80000083, 0xc0000083
              .fill 508, 8, 0
high_gigabyte:
              .quad 0x83
              .fill 511, 8, 0
    .fill 4096, 1, 0
stack_top:
