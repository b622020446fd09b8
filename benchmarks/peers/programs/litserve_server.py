"""LitServe with dynamic batches, all draws folded: ``python litserve_server.py PORT``."""

from __future__ import annotations

import sys

import litserve
import torch
from network import folded, network
from torch import Tensor


class Folded(litserve.LitAPI):
    """The network behind LitServe's own steps."""

    def setup(self, device: str) -> None:
        """Load the network."""
        self.model = network()

    def decode_request(self, request: dict[str, list[list[float]]]) -> Tensor:
        """Return the row of a request."""
        return torch.tensor(request["inputs"][0])

    def batch(self, inputs: list[Tensor]) -> Tensor:
        """Return the rows of several requests."""
        return torch.stack(inputs)

    def predict(self, x: Tensor) -> Tensor:
        """Return mean and variance of every row."""
        return folded(self.model, x)

    def unbatch(self, output: Tensor) -> list[Tensor]:
        """Return each request's part."""
        return list(output)

    def encode_response(self, output: Tensor) -> list[list[list[float]]]:
        """Return the answer to one request."""
        return [output.tolist()]


if __name__ == "__main__":
    server = litserve.LitServer(Folded(max_batch_size=32, batch_timeout=0.001), accelerator="cpu")
    server.run(port=int(sys.argv[1]), host="127.0.0.1", log_level="warning", generate_client_file=False)
