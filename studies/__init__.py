"""Study files that run as they are, and their data."""
