"""What can be said about the memory of a stopped guest, for people: one text for GDB, for reports and for pictures.

Everything is read from outside, by the walker and from the kernel's own records in RAM. Nothing here needs a package
beyond Python's own library, because GDB's Python may have no other.
"""
