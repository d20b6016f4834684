"""The Pagewalk grader: boots a kernel in QEMU and proves its milestones from outside."""
