"""A booted kernel that can be run on, seen from outside."""
