"""A booted kernel, seen from outside: the guest, its registers, its image and what its map must hold."""
