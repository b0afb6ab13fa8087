"""The driver: ask, train, decide, tell."""
