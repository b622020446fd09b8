"""The Python client: NumPy arrays in, dataclasses of arrays out. It imports nothing of the service, and no torch.

Arrays travel as .npy and .npz files, bit by bit. A call that the service is too busy for, or that does not reach it,
is made again until the call's time is over. :class:`Calls` describes the calls without IO; :class:`Client` and
:class:`AsyncClient` carry them out.
"""

from service.client.answers import Acquired, Encoded, Generated, Prediction, Projected, Reconstructed
from service.client.calls import Calls
from service.client.errors import ClientError, RefusedError, UnreachableError
from service.client.options import AcquireOptions, AnswerOptions, Controls, GenerateOptions, PredictOptions, Sweep
from service.client.shells import AsyncClient, Client

__all__ = [
    "AcquireOptions",
    "Acquired",
    "AnswerOptions",
    "AsyncClient",
    "Calls",
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
