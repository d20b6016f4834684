"""GDB's commands about paging. GDB's own Python runs this package (start.py); it needs nothing that has to be installed."""
