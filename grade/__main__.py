"""`python3 -m grade`, to which ./pagewalk hands over."""

from grade.cli import main

main()
