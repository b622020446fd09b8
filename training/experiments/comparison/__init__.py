"""A comparison of all posteriors on the same rows, each fitted with the same budget."""
