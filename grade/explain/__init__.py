"""What happened first in a run that went wrong, and what it means: `./pagewalk explain`."""
