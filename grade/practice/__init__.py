"""Planted bugs to practise on: `./pagewalk bug`."""
