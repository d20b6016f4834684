"""A stopped machine that runs a known kernel: its image, its records in RAM, and what its map must hold."""
