"""Predictions with ONNX Runtime: what torch's backend does, with the draws evaluated by a graph."""

from __future__ import annotations

import torch

from models.prediction.graph import graph_functions
from models.prediction.graph_network import GraphNetwork
from models.prediction.predictor import Predictor
from service.backends.torch_predictor import DrawCache, TorchPredictor


class OnnxPredictor(TorchPredictor):
    """A predictive model on a device, whose network is a graph.

    Args:
        model: The model; it is moved to ``device``.
        graph: Serialised graph of its network.
        device: The device that computes.
        cache: Draws of all models of the device.
        weighs_evidence: Whether predictions have evidence, which only a calibrated model can be judged by.

    Raises:
        CheckpointError: if ONNX Runtime does not take the graph.
    """

    name = "onnx"

    def __init__(
        self, model: Predictor, graph: bytes, device: torch.device, cache: DrawCache, *, weighs_evidence: bool
    ) -> None:
        super().__init__(model, device, cache, weighs_evidence=weighs_evidence)
        if isinstance(model.posterior.network, GraphNetwork) and device.type == "cpu":
            return  # an imported network is evaluated by its graph already
        functions = graph_functions(graph, self.model.posterior, model.row_bytes, model.draw_bytes, device)
        self.model = self.model.with_functions(functions)
