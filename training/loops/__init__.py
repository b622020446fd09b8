"""How a loss is minimised."""
