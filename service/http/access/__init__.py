"""Access by keys: who may call which route. Off unless the settings name a file of keys."""
