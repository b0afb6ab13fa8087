"""Forecasts in the target's own units: the model, baselines, tables."""
