"""Patches of the kernel with a header: the planted bugs, as files and as handed-out trees have them."""
