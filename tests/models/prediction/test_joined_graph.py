"""The graph of a whole answer: it is the two graphs after each other, and is not made where it cannot be."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
import onnx
import pytest
import torch
from random_models import save_model

from models.checkpoints.checkpoint import load
from models.prediction.graph import ROWS, graph_functions, pairs
from models.prediction.joined_graph import RAW, JoinedGraph, join_graphs
from models.prediction.predictor import Predictor
from training.run.export.export import export


@dataclass(frozen=True)
class Exported:
    model: Predictor
    network: bytes
    answer: bytes


@pytest.fixture(scope="module", params=["mlp", "regression"])  # one scale for all pixels, one for each column
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    store = tmp_path_factory.mktemp("store")
    checkpoint = load(export(load(save_model(store, request.param)), store).folder)
    assert isinstance(checkpoint.model, Predictor)
    assert checkpoint.graph is not None
    assert checkpoint.answer is not None
    return Exported(checkpoint.model, checkpoint.graph, checkpoint.answer)


def test_it_answers_raw_rows_as_the_model_does(exported: Exported) -> None:
    model = exported.model
    content = join_graphs(exported.network, exported.answer, model.inputs)
    assert content is not None
    rows = model.inputs.example(3) + torch.rand(3, *model.inputs.shape) * model.inputs.scale[0]
    functions = graph_functions(
        exported.network, model.posterior, model.row_bytes, model.draw_bytes, torch.device("cpu")
    )
    draws = model.with_functions(functions).with_mean_function(model.posterior.sample(5, 20))
    row_of, draw_of = pairs(3, 21, torch.device("cpu"))
    arrays = {name: tensor.numpy() for name, tensor in draws.items()}
    graph = JoinedGraph(content, weighs_evidence=False)
    statistics, evidence = graph.answer(rows.numpy(), arrays, row_of.numpy(), draw_of.numpy())
    assert evidence == {}
    expected = model.predict(rows, 20, seed=5)
    for name, values in statistics.items():
        np.testing.assert_allclose(values, getattr(expected, name).numpy(), rtol=1e-4, atol=1e-5, err_msg=name)


def test_it_is_not_made_where_names_or_rows_do_not_allow_it(exported: Exported) -> None:
    inputs = exported.model.inputs
    assert join_graphs(exported.network, exported.answer, msgspec.structs.replace(inputs, ragged=True)) is None
    for taken in (RAW, "joined.grid"):
        network = onnx.load_model_from_string(exported.network)
        for node in network.graph.node:
            for names in (node.input, node.output):
                names[:] = [taken if name == network.graph.node[1].output[0] else name for name in names]
        assert join_graphs(network.SerializeToString(), exported.answer, inputs) is None
    network = onnx.load_model_from_string(exported.network)
    network.opset_import[0].version += 1
    assert join_graphs(network.SerializeToString(), exported.answer, inputs) is None
    assert ROWS in {value.name for value in network.graph.input}
