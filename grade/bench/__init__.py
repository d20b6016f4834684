"""What ./pagewalk bench measures, and how."""
