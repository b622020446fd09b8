"""The network that a command line names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn

from models.specs import InputSpec, Task
from training.errors import ImportModelError
from training.run.importing.foreign_network import ForeignNetwork, TorchNetwork
from training.run.importing.onnx_files.network import OnnxNetwork
from training.run.importing.several_inputs import as_ids, check_single_input, read_parts
from training.run.importing.source import build_network, load_weights, read_weights
from training.run.importing.timm_model import build_timm


def open_network(
    place: str | None,
    onnx: Path | None,
    timm: str | None,
    outputs: Sequence[str],
    inputs: InputSpec,
    task: Task | None,
    files: Sequence[Path],
) -> ForeignNetwork:
    """Return a network, with its weights where there is one file of them.

    Args:
        place: ``MODULE:NAME`` of the user's own code.
        onnx: An ONNX file.
        timm: Name of a model of timm.
        outputs: Names of the results of it that are taken.
        inputs: Specification of the inputs.
        task: Kind of outcome that the user names.
        files: Files of weights.

    Raises:
        ImportModelError: if it is not exactly one network, or if it cannot be opened.
    """
    if sum(source is not None for source in (place, onnx, timm)) != 1:
        raise ImportModelError("a network comes --from MODULE:NAME, as --onnx FILE or as --timm NAME: give one of them")
    if onnx is not None:
        if files:
            raise ImportModelError("--weights goes with --from and --timm: an ONNX file holds its own")
        return OnnxNetwork(onnx, inputs, task, outputs)
    if outputs:
        raise ImportModelError("--output goes with --onnx: of your own module return what shall be taken")
    if inputs.parts and timm is not None:
        raise ImportModelError("a model of timm takes one input: --inputs image:3x224x224, without a name")
    if timm is not None:
        module, told = build_timm(timm, inputs.shape, read_weights(files[0]) if files else None)
    else:
        module, told = build_network(str(place)), "its weights are those that the code builds it with"
    if len(files) == 1:
        load_weights(module, files[0])
    if inputs.parts:
        read_parts(module, inputs)
    else:
        check_single_input(module)
    if inputs.kind == "tokens":
        module.register_forward_pre_hook(_read_ids)
    return TorchNetwork(module, inputs, () if files else (told,))


def _read_ids(_network: nn.Module, rows: tuple[Tensor]) -> tuple[Tensor]:
    return (as_ids(rows[0]),)
