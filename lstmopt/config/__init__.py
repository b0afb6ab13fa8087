"""A study file and the command line -> one Config."""
