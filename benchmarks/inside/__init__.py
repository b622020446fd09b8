"""What the parts of a request cost within one process."""
