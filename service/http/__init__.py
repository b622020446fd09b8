"""HTTP mechanics; nothing here knows a model."""
