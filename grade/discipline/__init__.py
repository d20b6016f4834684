"""A witness of what QEMU hides: the order of stores to tables, barriers, invalidations and releases of frames."""
