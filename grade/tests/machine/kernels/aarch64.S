// Tiny guests for the tests of the QEMU driver. ENTRY (-DENTRY=name) chooses which one starts.
// QEMU starts them in EL1 (or EL2) with the MMU off.

    .set SERIAL, 0x09000000                 // PL011
    .set FLAGS, 0x18
    .set PARAMETERS, 0x40180000
    .set SYSTEM_OFF, 0x84000008             // PSCI
    .set SYSTEM_RESET, 0x84000009

    .text
    .globl _start
_start:
    ldr x0, =stack_top
    mov sp, x0
    mov x20, #SERIAL
    b ENTRY

// Prints a line, passes `checkpoint` with 0x1234 in a register, prints another and powers off.
hello:
    ldr x0, =hello_text
    bl print
    mov x3, #0x1234
    .globl checkpoint
checkpoint:
    nop
    .globl after_checkpoint
after_checkpoint:
    ldr x0, =goodbye_text
    bl print
power_off:
    ldr w0, =SYSTEM_OFF
    hvc #0
    .globl idle
idle:
    msr daifset, #15
1:  wfi
    b 1b

// Prints the nonce of the boot parameters as a fact.
nonce:
    ldr x0, =nonce_text
    bl print
    ldr x1, =PARAMETERS
    ldr x1, [x1, #8]
    bl print_hex
    mov w0, #'\n'
    bl put
    b power_off

// Copies and prints the word that the test puts at `shared`.
shared_word:
    .globl before_shared
before_shared:
    nop
    ldr x1, =shared
    ldr w1, [x1]
    ldr x2, =shared_copy
    str w1, [x2]
    lsl x1, x1, #32
    bl print_hex_8
    b power_off

// For the counter of instructions: markers with a known number of instructions between them.
counted:
    movz xzr, #1
    movz xzr, #2
    mov w1, #10                             // 1
1:  subs w1, w1, #1                         // 10
    b.ne 1b                                 // 10
    movz xzr, #3
    mov w1, #51                             // 1
1:  subs w1, w1, #1                         // 51
    b.ne 1b                                 // 51
    nop                                     // 1
    movz xzr, #0xffff
    bl user_code                            // 1
    bl user_code
    movz xzr, #1, lsl #16                   // none of ours
    movz wzr, #1
    ldr x0, =end_text
    bl print
    b power_off
    .globl user_code, user_code_end
user_code:
    ret
user_code_end:

// Passes `checkpoint_loop` for ever.
loop:
    .globl checkpoint_loop
checkpoint_loop:
    b checkpoint_loop

    .globl spin
spin:
    b spin

// Where an interrupt might lead it out.
spin_open:
    msr daifclr, #15
1:  b 1b

// Asleep, where an interrupt might wake it.
idle_open:
    msr daifclr, #15
1:  wfi
    b 1b

// Counts in memory for a second or two, then powers off.
count_in_memory:
    ldr x1, =shared
    ldr w2, =600000000
    str w2, [x1]
1:  ldr w2, [x1]
    sub w2, w2, #1
    str w2, [x1]
    cbnz w2, 1b
    b power_off

// Counts for a tenth of a second or two, then powers off.
work:
    ldr w1, =60000000
1:  subs w1, w1, #1
    b.ne 1b
    b power_off

flood:
    mov w0, #'x'
    bl put
    b flood

// Repeats what is typed, up to a q.
echo:
    ldr w1, [x20, #FLAGS]
    tbnz w1, #4, echo                       // receiver empty
    ldr w0, [x20]
    bl put
    cmp w0, #'q'
    b.ne echo
    b power_off

reset:
    ldr w0, =SYSTEM_RESET
    hvc #0
    b idle

// Each exception's vector raises the next: nothing is at VBAR_EL1, which is not RAM.
vector:
    ldr x0, =0x20000000
    msr vbar_el1, x0
    isb
    brk #0

// Starts in EL2 and stays there, passing `checkpoint_loop`.
el2:
    b checkpoint_loop

// Turns paging on and passes `high` at its high address.
paged:
    ldr x0, =tables
    msr ttbr0_el1, x0
    ldr x0, =high_table
    msr ttbr1_el1, x0
    ldr x0, =0x500100010                    // T0SZ = T1SZ = 16; TG1 = 4 KiB (2 << 30) comes below; IPS = 48 bits
    orr x0, x0, #(2 << 30)
    msr tcr_el1, x0
    mov x0, #0xff                           // attribute 0: normal memory
    msr mair_el1, x0
    isb
    mrs x0, sctlr_el1
    orr x0, x0, #1                          // M
    msr sctlr_el1, x0
    isb
    ldr x0, =high
    movk x0, #0xffff, lsl #48
    br x0
    .globl high
high:
    nop
    b power_off

// In: x0, the text. Clobbers x0, x1, x2, x9.
print:
    mov x9, x30
    mov x2, x0
1:  ldrb w0, [x2], #1
    cbz w0, 2f
    bl put
    b 1b
2:  ret x9

// In: x1, a number. print_hex_8 prints its high half only. Clobbers x0, x1, x2, x3, x4, x9.
print_hex:
    mov x2, #16
    b 1f
print_hex_8:
    mov x2, #8
1:  mov x9, x30
    ldr x3, =digits
2:  ror x1, x1, #60
    and x4, x1, #15
    ldrb w0, [x3, x4]
    bl put
    subs x2, x2, #1
    b.ne 2b
    ret x9

// In: w0, a character. Clobbers x10.
put:
    ldr w10, [x20, #FLAGS]
    tbnz w10, #5, put                       // transmitter full
    str w0, [x20]
    ret

    .ltorg
    .data
hello_text:   .asciz "hello\n"
goodbye_text: .asciz "goodbye\n"
end_text:     .asciz "@poweroff\n"
nonce_text:   .asciz "@boot isa=aarch64 nonce=0x"
digits:       .ascii "0123456789abcdef"
    .balign 8
    .globl shared
shared:       .quad 0
    .globl shared_copy
shared_copy:  .quad 0
    .balign 4096
    .globl tables
tables:       .quad gigabytes + 3
              .fill 511, 8, 0
high_table:   .quad gigabytes + 3
              .fill 511, 8, 0
gigabytes:    .quad 0x00000401              // the devices and the RAM: valid block, AF set
              .quad 0x40000401
              .fill 510, 8, 0
    .fill 4096, 1, 0
stack_top:
