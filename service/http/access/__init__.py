"""Access by keys: who may call which route. Off unless the settings tell where keys are kept."""
