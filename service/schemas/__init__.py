"""The wire format: requests, answers and their OpenAPI."""
