"""BentoML with adaptive batches, all draws folded: ``bentoml serve bentoml_server:Folded``."""

from __future__ import annotations

import bentoml
import numpy as np
import torch
from network import folded, network
from numpy.typing import NDArray


@bentoml.service(workers=1, metrics={"enabled": False}, logging={"access": {"enabled": False}})
class Folded:
    """The network behind BentoML."""

    def __init__(self) -> None:
        self.model = network()

    @bentoml.api(batchable=True, max_batch_size=32, max_latency_ms=10_000)
    def predict(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return mean and variance of every row."""
        answer: NDArray[np.float32] = folded(self.model, torch.from_numpy(inputs.astype(np.float32))).numpy()
        return answer
