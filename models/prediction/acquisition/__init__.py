"""Acquisition: which rows of a pool to label next, from what the draws of a model predict for them."""
