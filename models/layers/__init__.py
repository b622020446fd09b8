"""Blocks of which several generators are made, one idea a file."""
