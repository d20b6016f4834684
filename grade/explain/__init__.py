"""What went wrong first in a run, and what it means: `./pagewalk explain`."""
