"""Execution of models: arrays in, arrays out, so that it can move to a process of its own."""
