"""Ray Serve with dynamic batches, all draws folded: ``python ray_server.py PORT``."""

from __future__ import annotations

import sys
import time

import ray
import torch
from network import folded, network
from ray import serve
from starlette.requests import Request


@serve.deployment(max_ongoing_requests=64, ray_actor_options={"num_cpus": 1})
class Folded:
    """The network behind Ray Serve."""

    def __init__(self) -> None:
        self.model = network()

    @serve.batch(max_batch_size=32, batch_wait_timeout_s=0.001)
    async def predict(self, rows: list[list[float]]) -> list[list[list[list[float]]]]:
        """Return mean and variance of every row."""
        return [[answer] for answer in folded(self.model, torch.tensor(rows)).tolist()]

    async def __call__(self, request: Request) -> list[list[list[float]]]:
        """Answer one request."""
        body = await request.json()
        answer: list[list[list[float]]] = await self.predict(body["inputs"][0])
        return answer


if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    serve.start(http_options={"port": int(sys.argv[1]), "host": "127.0.0.1"})
    serve.run(Folded.bind(), route_prefix="/predict")
    while True:
        time.sleep(60)
