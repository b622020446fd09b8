"""Plots of trained models and of their training."""
