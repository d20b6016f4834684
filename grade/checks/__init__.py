"""What milestones of several labs require of a map."""
