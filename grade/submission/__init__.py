"""A student's submission: only the files that the student owns are taken from it, and built under watch."""
