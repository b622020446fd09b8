"""Runs: a recipe and data become a checkpoint."""
