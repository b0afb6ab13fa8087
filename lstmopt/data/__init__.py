"""A table -> a regular series, its windows and its split."""
