"""A whole class: what was downloaded from a course's website, who handed it in, and the sheets that go back to it."""
