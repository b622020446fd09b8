"""Evaluation: metrics and plots of trained models, computed through the same methods as the service's answers."""
