"""The network that a command line names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from models.specs import Task
from training.errors import ImportModelError
from training.run.importing.foreign_network import ForeignNetwork, TorchNetwork
from training.run.importing.onnx_files.network import OnnxNetwork
from training.run.importing.source import build_network, load_weights


def open_network(
    place: str | None,
    onnx: Path | None,
    outputs: Sequence[str],
    input_shape: tuple[int, ...],
    task: Task | None,
    files: Sequence[Path],
) -> ForeignNetwork:
    """Return a network, with its weights where there is one file of them.

    Args:
        place: ``MODULE:NAME`` of the user's own code.
        onnx: An ONNX file.
        outputs: Names of the results of it that are taken.
        input_shape: Shape of one row.
        task: Kind of outcome that the user names.
        files: Files of weights.

    Raises:
        ImportModelError: if it is not exactly one network, or if it cannot be opened.
    """
    if (place is None) == (onnx is None):
        raise ImportModelError("a network comes --from MODULE:NAME or as --onnx FILE: give one of them")
    if onnx is not None:
        if files:
            raise ImportModelError("--weights goes with --from: an ONNX file holds its own")
        return OnnxNetwork(onnx, input_shape, task, outputs)
    if outputs:
        raise ImportModelError("--output goes with --onnx: of your own module return what shall be taken")
    module = build_network(str(place))
    if len(files) == 1:
        load_weights(module, files[0])
    return TorchNetwork(module, input_shape, () if files else ("its weights are those that the code builds it with",))
