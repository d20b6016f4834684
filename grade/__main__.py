"""`python3 -m grade`: what ./pagewalk hands over to."""

from grade.cli import main

main()
