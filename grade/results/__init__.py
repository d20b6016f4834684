"""What became of the milestones that were graded: as data, and as text, JSON and JUnit XML, which show it."""
