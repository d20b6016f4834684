"""What a course installs at a service that gives grades: main, and scripts that grade one submission with it."""

SERVICES = ("gradescope", "github", "autolab", "prairielearn")
"""The services for which there is a package; package.py makes it."""
