"""One run of `grade` as a file for a service that gives grades, whatever came of the run."""

NAMES = ("gradescope", "github", "autolab", "prairielearn", "check50", "junit", "json")
"""The formats that `grade --format` knows; formats.py has a function for each."""
