"""Training of models: data, objectives, loops, recipes, and the figures on a checkpoint's card.

Only a checkpoint folder passes from here to the service.
"""
