"""Queue and batches; nothing here knows HTTP or torch."""
