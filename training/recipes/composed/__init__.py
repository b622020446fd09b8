"""Recipes that are composed for data that have none of their own: a network x a posterior x a likelihood."""

from training.recipes.composed.compose import MODELS, can_compose, compose, suiting_networks

__all__ = ["MODELS", "can_compose", "compose", "suiting_networks"]
