"""The live process: its models, its phase and its jobs."""
