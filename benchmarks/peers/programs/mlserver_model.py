"""MLServer with adaptive batches, all draws folded: the runtime that ``model-settings.json`` names."""

from __future__ import annotations

import torch
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse
from network import folded, network


class Folded(MLModel):
    """The network behind MLServer."""

    async def load(self) -> bool:
        """Load the network."""
        self.model = network()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Return mean and variance of every row."""
        rows = torch.from_numpy(NumpyCodec.decode_input(payload.inputs[0])).float()
        answer = folded(self.model, rows).numpy()
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("answer", answer)])
