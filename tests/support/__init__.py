"""Real parts that tests share; no test imports another test."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The project's folder."""
