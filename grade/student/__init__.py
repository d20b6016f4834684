"""What a student uses besides the grader: what is left to write, how the labs stand, what comes next, submitting."""
