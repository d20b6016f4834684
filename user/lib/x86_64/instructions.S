// Instructions that C++ has no word for; user/lib/instructions.h says more.
        .text
        .global undefined_instruction
undefined_instruction:
        ud2                             // exception 6 (Intel SDM vol. 2, UD)
        ret
