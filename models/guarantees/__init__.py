"""Guarantees that hold whatever the model got wrong: what they promise, and what watches that they are kept."""
