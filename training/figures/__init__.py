"""Figures of merit, computed through the same methods as the service's answers."""
