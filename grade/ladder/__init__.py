"""The ladder of labs: which file belongs to which lab, cut trees, builds, planted bugs."""
