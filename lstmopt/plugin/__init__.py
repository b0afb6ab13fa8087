"""The seam: hooks, strategies and the registry that finds them."""
