"""Answers that are remembered, what came true of them, and what that says of a model: coverage, calibration, error."""
