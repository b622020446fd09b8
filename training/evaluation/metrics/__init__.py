"""Metrics: pure functions in this folder, and what they say of a predictor or a generator in the two folders below."""
