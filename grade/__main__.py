"""`python3 -m grade`, to which ./pagewalk hands over."""

import sys

try:
    from grade.cli import main
except KeyboardInterrupt:  # nothing has been done yet that could be told of
    sys.exit(130)

main()
