"""The version of Pagewalk. The newest section of CHANGELOG.md says what is new in it."""

PAGEWALK = "1.1.0"
"""`./pagewalk --version` prints it, and every file of results contains it."""
