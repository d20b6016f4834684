"""The way back to a milestone that failed: what is kept of it, which one is meant, and the same machine at that point."""
