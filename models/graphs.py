"""Graphs that ONNX Runtime runs, on the device and from the memory that torch's tensors have."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.errors import CheckpointError
from models.graph_sizes import check_sizes

_TYPES: dict[torch.dtype, Any] = {torch.float32: np.float32, torch.float64: np.float64, torch.int64: np.int64}

_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
_STANDARD = {"", "ai.onnx"}
_SUBGRAPHS = (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS)
_SPARSE = (onnx.AttributeProto.SPARSE_TENSOR, onnx.AttributeProto.SPARSE_TENSORS)
_RANDOM = {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}
_FLOAT_BYTES = 4
_MOST_NODES = 20_000
"""Nodes beyond which a graph is refused: a hundred times what the networks of this house have."""
MOST_BYTES = 2**31 - 1
"""Bytes of a graph, which no protobuf can exceed."""


def check_graph(content: bytes) -> int:
    """Refuse a graph that is more than standard operators and the weights that it holds itself.

    Nothing of it is run. A graph without loops and branches takes as long as it has nodes and results of a bounded
    size, and one without custom operators runs no code but that of ONNX Runtime.

    Args:
        content: The serialised graph.

    Returns:
        The version of the ONNX operators.

    Raises:
        CheckpointError: saying what is wrong.
    """
    model = parse_graph(content)
    graph, opsets = model.graph, {one.domain: one.version for one in model.opset_import}
    foreign = {node.domain for node in graph.node} - _STANDARD
    nested = {node.op_type for node in graph.node for a in node.attribute if a.type in _SUBGRAPHS}
    attributes = [a for node in graph.node for a in node.attribute]
    tensors = (*graph.initializer, *(a.t for a in attributes), *(t for a in attributes for t in a.tensors))
    random = {node.op_type for node in graph.node if draws_numbers(node)}
    wrong = {
        f"operators of {', '.join(sorted(foreign))}, not of standard ONNX": foreign,
        "functions of its own": model.functions,
        f"loops or branches ({', '.join(sorted(nested))})": nested,
        "weights in other files (torch: external_data=False)": any(
            t.external_data or t.data_location == t.EXTERNAL for t in tensors
        ),
        "sparse weights": graph.sparse_initializer or any(a.type in _SPARSE for a in attributes),
        "steps of training": model.training_info,
        f"random numbers of its own ({', '.join(sorted(random))})": random,
    }
    found = [what for what, there in wrong.items() if there]
    if found:
        raise CheckpointError(f"the graph has {' and '.join(found)}: export it without")
    try:
        onnx.checker.check_model(model)
    except Exception as error:  # it has errors of several bases
        raise CheckpointError(f"this is no valid ONNX graph: {str(error).strip().splitlines()[0]}") from error
    check_sizes(model)
    return int(opsets.get("", opsets.get("ai.onnx", 0)))


def activation_bytes(content: bytes) -> tuple[int, int]:
    """Return the bytes of all results of a graph of pairs: for one row and one pair, and those of the pair alone."""
    row = pair = 0
    for value in parse_graph(content).graph.value_info:
        dims = value.type.tensor_type.shape.dim
        size = _FLOAT_BYTES * math.prod(dim.dim_value or 1 for dim in dims)
        row += size
        pair += size * any(dim.dim_param == "pairs" for dim in dims)
    return row, pair


def parse_graph(content: bytes) -> onnx.ModelProto:
    """Return a graph that may be anything.

    Raises:
        CheckpointError: if it is none.
    """
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:  # protobuf has errors of its own
        raise CheckpointError("this is no ONNX graph: it cannot be parsed") from error
    if not model.graph.node:
        raise CheckpointError("this is no ONNX graph: it has no node")
    if len(model.graph.node) > _MOST_NODES:  # before anything that looks at each of them
        raise CheckpointError(f"the graph has {len(model.graph.node)} nodes, of which {_MOST_NODES} are allowed")
    return model


def draws_numbers(node: onnx.NodeProto) -> bool:
    """Return whether an operator draws random numbers: of dropout, whether it may be in training mode."""
    return node.op_type in _RANDOM or (node.op_type == "Dropout" and len(node.input) > 2 and node.input[2] != "")


class Session:
    """A graph that runs on a device, from tensors to tensors that stay there.

    Where this build of ONNX Runtime cannot use the device (:func:`runs_on`), it runs on the CPU and they are copied.

    Args:
        content: The serialised graph.
        device: Device of all tensors.

    Attributes:
        inputs: Shape of each input by its name; an axis of any length has a name.
        results: Shape of each output by its name.

    Raises:
        CheckpointError: if ONNX Runtime does not take the graph.
    """

    def __init__(self, content: bytes, device: torch.device) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # torch has the same processors
        options.log_severity_level = 4  # its errors are raised
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=_providers(device))
        except Exception as error:  # its errors have no base of their own
            raise CheckpointError(f"ONNX Runtime does not take the graph: {str(error).splitlines()[0]}") from error
        self._device = device
        self._copies = self._session.get_providers()[0] == _CPU
        self._options = onnxruntime.RunOptions()
        self._options.only_execute_path_to_fetches = True
        self._options.log_severity_level = 4
        self.inputs = {value.name: value.shape for value in self._session.get_inputs()}
        self.results = {value.name: value.shape for value in self._session.get_outputs()}

    def run(self, feeds: Mapping[str, Tensor], names: Sequence[str], lengths: Mapping[str, int]) -> list[Tensor]:
        """Return some of the graph's outputs.

        Args:
            feeds: Tensor ``(...)`` of each input.
            names: Names of the outputs.
            lengths: Length of each axis that has a name.
        """
        if not self._copies:
            return self._run_bound(feeds, names, lengths)
        results = [torch.from_numpy(array) for array in self.run_arrays(feeds, names)]
        return results if self._device.type == "cpu" else [result.to(self._device) for result in results]

    def run_arrays(self, feeds: Mapping[str, Tensor], names: Sequence[str]) -> list[NDArray[Any]]:
        """Return some of the graph's outputs, computed from the CPU's memory.

        Args:
            feeds: Tensor ``(...)`` of each input.
            names: Names of the outputs.
        """
        # on the CPU there is nothing to copy, and an address for each tensor would take twice the time
        return self.run_numpy({name: tensor.detach().cpu().numpy() for name, tensor in feeds.items()}, names)

    def run_numpy(self, arrays: Mapping[str, NDArray[Any]], names: Sequence[str]) -> list[NDArray[Any]]:
        """Return some of the graph's outputs, from arrays in the CPU's memory."""
        results: list[NDArray[Any]] = self._session.run(names, arrays, self._options)
        return results

    def _run_bound(self, feeds: Mapping[str, Tensor], names: Sequence[str], lengths: Mapping[str, int]) -> list[Tensor]:
        """Run with all tensors where they lie on the device."""
        binding = self._session.io_binding()
        kept = {name: tensor.contiguous() for name, tensor in feeds.items()}
        kept |= {name: self._empty(self.results[name], lengths) for name in names}
        for name, tensor in kept.items():
            bind = binding.bind_output if name in names else binding.bind_input
            index, kind = tensor.device.index or 0, _TYPES[tensor.dtype]
            bind(name, tensor.device.type, index, kind, tuple(tensor.shape), tensor.data_ptr())
        torch.cuda.synchronize(self._device)  # the graph has a stream of its own
        self._session.run_with_iobinding(binding, self._options)
        return [kept[name] for name in names]

    def _empty(self, shape: Sequence[int | str], lengths: Mapping[str, int]) -> Tensor:
        return torch.empty([lengths[n] if isinstance(n, str) else n for n in shape], device=self._device)


def runs_on(device: torch.device) -> bool:
    """Return whether ONNX Runtime can run graphs on a device: its usual build knows no GPU."""
    return device.type == "cpu" or _CUDA in onnxruntime.get_available_providers()


def _providers(device: torch.device) -> list[str | tuple[str, dict[str, int]]]:
    if device.type == "cpu" or not runs_on(device):
        return [_CPU]
    return [(_CUDA, {"device_id": device.index or 0, "use_tf32": 0}), _CPU]
