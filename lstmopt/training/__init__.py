"""A candidate -> weights, scores and what a forecast costs; knows nothing of search."""
