"""What a student uses beside the grader: what is left to write, how the labs stand, what comes next, handing in."""
