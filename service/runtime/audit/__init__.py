"""The audit's file and its writer, and replays of its lines."""
