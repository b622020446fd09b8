"""The Python client; it imports nothing of the service."""

from service.client.client import (
    AsyncClient,
    Client,
    ClientError,
    Controls,
    Encoded,
    Generated,
    GenerateOptions,
    Prediction,
    PredictOptions,
    Projected,
    Reconstructed,
    RefusedError,
    Sweep,
    UnreachableError,
)

__all__ = [
    "AsyncClient",
    "Client",
    "ClientError",
    "Controls",
    "Encoded",
    "GenerateOptions",
    "Generated",
    "PredictOptions",
    "Prediction",
    "Projected",
    "Reconstructed",
    "RefusedError",
    "Sweep",
    "UnreachableError",
]
