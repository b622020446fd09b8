"""Calibration of a model that stays where it is, by a file of its outputs."""
