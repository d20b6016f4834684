"""What milestones of several labs ask of a map."""
