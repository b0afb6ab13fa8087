"""Real parts that tests share; no test imports another test."""
