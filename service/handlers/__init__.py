"""One use case a file, from a checked request to its answer."""
