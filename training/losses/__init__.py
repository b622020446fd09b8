"""Losses: pure functions of the papers, and the objects that the loops minimise."""
