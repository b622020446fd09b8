"""Checkpoints that lie in an object store: a folder of this machine follows it, and is what the service loads from."""
