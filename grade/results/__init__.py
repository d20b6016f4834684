"""The results of graded milestones as data, and as the text, JSON and JUnit XML that show them."""
