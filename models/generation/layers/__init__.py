"""Blocks that several generators are made of, one idea a file."""
