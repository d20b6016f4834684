"""Names the cause of what was seen, by a stable name."""
