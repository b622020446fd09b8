"""The graph of what a predictive model says of rows, once its network has returned the outputs of the draws."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.prediction.answer_graph import FEATURES, INPUTS, OBSERVED, OUTPUTS, AnswerGraph, X
from models.prediction.graph import graph_functions
from models.prediction.predictor import EVIDENCE, STATISTICS, Predictor
from training.errors import ExportError
from training.run.example_rows import standard_noise
from training.run.export.check import TOLERANCE, difference
from training.run.export.graph import export_module, serialise

_ROWS, _DRAWS = 7, 11
"""Lengths of the axes in the example that is traced: other than what an outcome's own axes have."""
_EVIDENCE_TOLERANCE = 1e-3
"""Largest difference of evidence that is rounding: a Mahalanobis distance is the difference of two large sums."""
_AXES = {X: ("rows",), OUTPUTS: ("draws", "rows"), OBSERVED: ("rows",), FEATURES: ("rows",)}


class _Answer(nn.Module):
    """The answers of a model."""

    def __init__(self, model: Predictor) -> None:
        super().__init__()
        self.model = model

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.model.answer(*inputs).values())


def export_answer(model: Predictor, graph: bytes | None) -> bytes | None:
    """Return the serialised graph of a model's answers, in the form of :mod:`models.prediction.answer_graph`.

    Args:
        model: The model, as it is calibrated, on the CPU.
        graph: The graph of its network.

    Returns:
        ``None`` where a graph would not pay: without a graph of pairs, whose outputs it reads as they are, and with
        outcomes of many steps or pixels, whose arithmetic takes longer than the calls. ``None`` also of a likelihood
        whose functions ONNX does not have; torch answers for it.
    """
    if graph is None or model.positions:
        return None
    functions = graph_functions(graph, model.posterior, model.row_bytes, model.draw_bytes, torch.device("cpu"))
    if functions.together is None:
        return None
    inputs = {name: tensor.clone() for name, tensor in _example(model, _ROWS, _DRAWS).items()}
    try:
        with torch.no_grad():
            names = list(model.answer(*inputs.values()))
            answer = serialise(export_module(_Answer(model), inputs, _AXES, names))
        _check(model, answer)
    except ExportError:
        return None
    return answer


@torch.no_grad()
def _example(model: Predictor, rows: int, draws: int) -> dict[str, Tensor]:
    """Return what the network makes of some noise."""
    x = standard_noise(model.inputs, rows)
    parts = model.functions.outputs(x, model.posterior.sample(0, draws))
    observed, features = model.functions.observe(x, model.posterior.mean_function())
    return dict(zip(INPUTS, (x, torch.cat(list(parts)), observed, features), strict=True))


def _check(model: Predictor, answer: bytes) -> None:
    """Refuse a graph whose answers differ from the model's by more than rounding."""
    graph = AnswerGraph(answer, weighs_evidence=True)
    for rows, draws in ((5, 4), (1, 2)):
        inputs = _example(model, rows, draws)
        expected = model.answer(*inputs.values())
        found = zip(
            (STATISTICS, EVIDENCE), graph.answer(*inputs.values()), (TOLERANCE, _EVIDENCE_TOLERANCE), strict=True
        )
        for part, arrays, tolerance in found:
            for name, values in arrays.items():
                worst = difference(torch.from_numpy(values), expected[f"{part}{name}"].double())
                if not worst <= tolerance:
                    raise ExportError(f"the graph's {name} differs from torch's by {worst:.1e}")
