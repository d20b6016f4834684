"""The command lines of ./pagewalk: options, help, and what each command calls."""
