"""From what was seen to a cause with a stable name."""
