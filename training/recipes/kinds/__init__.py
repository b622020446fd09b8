"""Kinds of recipes, one file each."""
