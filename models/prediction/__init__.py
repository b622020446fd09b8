"""Distributions over functions, and what their draws say together."""
