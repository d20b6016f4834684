// The kernel stays where it was loaded. Lent to you for lab 1: lab 2 takes this file back, and you write the move.
#include "arch/boot.h"

void map_high_half() {}

void move_to_high_half() {}

void leave_low_half() {}
