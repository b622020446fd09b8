"""Loops that minimise a loss, all of them by one gradient step."""
