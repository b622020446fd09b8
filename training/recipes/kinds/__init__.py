"""What recipes are: one kind a file."""
