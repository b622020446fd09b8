"""Checkpoints: the folder that passes between training and service."""
