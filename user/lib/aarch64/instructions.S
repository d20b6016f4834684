// Instructions that C++ has no word for; user/lib/instructions.h says more.
        .text
        .global undefined_instruction
undefined_instruction:
        udf     #0                      // exception class 0 (Arm ARM C6.2.395)
        ret
