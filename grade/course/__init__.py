"""What only main has: cutting the labs out of it, publishing them, and the examination of the grader itself."""
