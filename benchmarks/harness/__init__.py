"""The harness: strategies against each other on the same work, with statistics."""
