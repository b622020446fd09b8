"""A checkpoint with the graph of its model, as the next version."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from models.checkpoints.checkpoint import Checkpoint, Manifest, Origin, load, save
from models.checkpoints.selftest import verify
from models.prediction.graph_network import GraphNetwork
from models.prediction.outputs import SentOutputs
from models.prediction.predictor import Predictor
from training.errors import ExportError
from training.run.export.answer import export_answer
from training.run.export.check import check_generator, check_network
from training.run.export.generator import export_generator
from training.run.export.graph import OPSET
from training.run.export.network import export_network


@dataclass(frozen=True)
class Exported:
    """A checkpoint that was saved with a graph.

    Attributes:
        folder: The new checkpoint's folder.
        size: Bytes of the graph.
        difference: Largest difference between the graph's outputs and those of torch, relative above 1.
    """

    folder: Path
    size: int
    difference: float


def export(checkpoint: Checkpoint, store: Path) -> Exported:
    """Save a model as the next version, with its graph beside the weights.

    Args:
        checkpoint: Checkpoint of any model; its weights and figures stay as they are.
        store: Folder of all checkpoints.

    Raises:
        ExportError: if the model cannot become a graph, or the graph does not answer as the model does.
    """
    model = checkpoint.model
    if isinstance(model, Predictor) and isinstance(model.posterior.network, SentOutputs):
        raise ExportError(
            f"{checkpoint.manifest.name} is a calibration of outputs, and its network is elsewhere: export that"
        )
    if isinstance(model, Predictor) and isinstance(model.posterior.network, GraphNetwork):
        raise ExportError(f"{checkpoint.manifest.name} was imported: its network is a graph already, which serves it")
    if isinstance(model, Predictor):
        graph = export_network(model)
        difference = check_network(model, graph)
        answer = export_answer(model, graph)
    else:
        graph, answer = export_generator(model), None
        difference = check_generator(model, graph)
    manifest = checkpoint.manifest
    folder = save(
        store,
        msgspec.structs.replace(manifest, origin=_origin(manifest)),
        model,
        checkpoint.examples,
        f"{checkpoint.card.rstrip()}\n\n{_section(manifest.graph_file, difference)}",
        checkpoint.pictures,
        checkpoint.calibration,
        graph,
        answer,
    )
    verify(load(folder))
    return Exported(folder, len(graph), difference)


def _origin(manifest: Manifest) -> Origin | None:
    if manifest.origin is None:
        return None
    command = f"{manifest.origin.command} && python -m training export {manifest.name}"
    return msgspec.structs.replace(manifest.origin, command=command)


def _section(file: str, difference: float) -> str:
    return f"""## Graph

`{file}` holds the model as an ONNX graph of operators of version {OPSET}, what is drawn as inputs. On random inputs
and draws its results differ from those of torch by at most {difference:.1e}.
"""
