"""Graphs of a checkpoint's model, for runtimes that know nothing of torch."""
