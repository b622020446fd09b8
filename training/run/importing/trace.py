"""The trace of a network in which every dropout is a node."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode, free_unbacked_symbols

from training.errors import ImportModelError
from training.run.importing.following import parting, place_of_length
from training.run.importing.lines import line_of_error, line_of_node, quote
from training.run.importing.other_generators import DROPOUT_REMEDY, run_without_generators
from training.run.importing.results import refuse_objects
from training.run.importing.run_rows import first_line, is_interrupt
from training.run.importing.value_reads import RANDOM, ROWS, find_reads

EXAMPLE_ROWS = 7
"""Length of the axis of rows in the example that is traced."""
BEFORE = "before:"
"""Prefix of the name of a dropout that is added to what a module reads, not to what it returns."""
_DROPPING = (
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.Dropout3d,
    nn.AlphaDropout,
    nn.FeatureAlphaDropout,
    nn.MultiheadAttention,
    nn.RNNBase,
)
"""Modules of torch that drop in training mode. Its others have another one for other reasons."""
_NORMALISING = (
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm),
    *(nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d),
)


class Traced(nn.Module):
    """A network as it is traced, with the dropouts that are added to it.

    Args:
        network: Network.
        added: Names of modules whose outputs are dropped, or whose inputs if :data:`BEFORE` is the prefix.
    """

    def __init__(self, network: nn.Module, added: Iterable[str]) -> None:
        super().__init__()
        self.network = network
        self.names = tuple(added)
        self.dropouts = nn.ModuleList(nn.Dropout() for _ in self.names)

    def forward(self, rows: Tensor) -> Any:
        """Return whatever the network does of rows ``(B, *input_shape)``."""
        return self.network(rows)

    @contextmanager
    def dropping(self) -> Iterator[None]:
        """Let the dropouts that were added act, and every module be in the mode in which dropout does."""
        handles = [self._hook(name, dropout) for name, dropout in zip(self.names, self.dropouts, strict=True)]
        try:
            with keeping_modes(self):
                for module in self.modules():
                    module.training = _drops(module)
                yield
        finally:
            for handle in handles:
                handle.remove()

    def _hook(self, name: str, dropout: nn.Module) -> Any:
        module = self.network.get_submodule(name.removeprefix(BEFORE))
        if name.startswith(BEFORE):
            return module.register_forward_pre_hook(lambda _module, inputs: (dropout(inputs[0]), *inputs[1:]))
        return module.register_forward_hook(lambda _module, _inputs, output: _drop_first(dropout, output))


def _drop_first(dropout: nn.Module, output: Any) -> Any:
    """Return a module's output with dropout; of several results, as of attention and its weights, of the first."""
    return (dropout(output[0]), *output[1:]) if isinstance(output, tuple) else dropout(output)


@contextmanager
def keeping_modes(network: nn.Module) -> Iterator[None]:
    """Restore which modules are in training mode."""
    modes = {module: module.training for module in network.modules()}
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


@contextmanager
def _keeping_buffers(network: nn.Module) -> Iterator[None]:
    """Restore statistics that a network keeps in training mode."""
    known = [
        (module._buffers, name, one, one.clone())
        for module in network.modules()
        for name, one in module._buffers.items()
        if one is not None
    ]
    try:
        yield
    finally:
        for buffers, name, buffer, values in known:
            buffers[name] = buffer.copy_(values)


def _drops(module: nn.Module) -> bool:
    foreign = any(not kind.__module__.startswith(("torch.", "builtins")) for kind in type(module).__mro__)
    return isinstance(module, _DROPPING) or (foreign and not isinstance(module, _NORMALISING))


def trace(network: Traced, input_shape: tuple[int, ...], *, dropping: bool) -> torch.export.ExportedProgram:
    """Return the trace of a network for any number of rows.

    Args:
        network: The network, whose modes stay as they are.
        input_shape: Shape of one row.
        dropping: ``True`` for the mode in which dropout acts, ``False`` for evaluation.

    Raises:
        ImportModelError: naming the line that torch cannot follow.
    """
    _refuse_kinds(network)
    rows = torch.zeros(EXAMPLE_ROWS, *input_shape)
    with torch.no_grad(), _quiet(), network.dropping():
        if not dropping:
            network.eval()
        with _keeping_buffers(network):
            refuse_objects(run_without_generators(network, rows))
        try:
            program = torch.export.export(network, (rows,), dynamic_shapes=({0: torch.export.Dim("batch")},))
        except BaseException as error:  # whatever torch may raise of a network that it cannot follow
            if is_interrupt(error):
                raise
            raise ImportModelError(_reason(error, network, rows)) from error
    _refuse_sizes(program.graph)
    return program


def _refuse_sizes(graph: fx.Graph) -> None:
    """Refuse what makes a tensor whose size depends on the values of a row."""
    for node in graph.nodes:
        value = node.meta.get("val")
        if isinstance(value, Tensor) and free_unbacked_symbols(value.shape):
            raise ImportModelError(
                f"{quote(line_of_node(node))}how many values there are depends here on the values of a row, which no"
                " graph can: compute all of them and choose by torch.where"
            )


def _refuse_kinds(network: nn.Module) -> None:
    """Refuse modules that are no Python code, and weights that are not of the numbers that a service computes with."""
    scripts = [name for name, module in network.named_modules() if isinstance(module, torch.jit.ScriptModule)]
    if scripts:
        raise ImportModelError("a TorchScript module cannot be taken apart: give the Python module that it was made of")
    quantised = [name for name, module in network.named_modules() if "quantized" in type(module).__module__]
    if quantised:
        name = quantised[0].removeprefix("network.")
        raise ImportModelError(f"{name} is quantised, which cannot be traced: give the network before it was quantised")
    numbers = {tensor.dtype for tensor in (*network.parameters(), *network.buffers()) if tensor.is_floating_point()}
    if numbers - {torch.float32}:
        listed = ", ".join(sorted(str(kind).removeprefix("torch.") for kind in numbers))
        raise ImportModelError(f"the network's weights are {listed}: call float() on it")


@contextmanager
def _quiet() -> Iterator[None]:
    """Let nothing be logged, as the error says it, and keep multi-head attention on the path that has dropout."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
        torch.backends.mha.set_fastpath_enabled(fast)


def _reason(error: BaseException, network: nn.Module, rows: Tensor) -> str:
    """Return what a network does that cannot be traced, with the line and the remedy."""
    place, line = line_of_error(error), first_line(error)
    if isinstance(error, GuardOnDataDependentSymNode) or "data-dependent" in str(error):
        return f"{quote(place)}{_why_read(find_reads(network, rows).get(place))}"
    if line.startswith("Constraints violated"):
        place = place_of_length(lambda: network(rows), len(rows))
        place = place if place[0] else parting(lambda: network(rows[:2]), lambda: network(rows[:3]))
        return (
            f"{quote(place)}the network makes the number of rows a constant, as len() of a tensor, a loop over rows or"
            " a question how many there are does: use shape[0] in the shapes of tensors alone"
        )
    if ".numpy()" in line:
        return f"{quote(place)}NumPy computes here, which no graph can: use torch"
    return f"{quote(place)}torch cannot trace the network: {line}"


def _why_read(made_of: set[str] | None) -> str:
    """Return why a number of Python cannot be read out of a tensor here, and the remedy."""
    if made_of is None or ROWS in made_of:
        return "what runs here depends on the values of a row, which no graph can: compute both cases and torch.where"
    if RANDOM in made_of:
        return f"a random number decides here what runs, which a graph would freeze: {DROPOUT_REMEDY}"
    return (
        "a number is read out of a weight or buffer here, which torch cannot trace: keep it as a number of Python, as"
        " self.rate = 0.35 in __init__"
    )


def graph_module(program: torch.export.ExportedProgram) -> fx.GraphModule:
    """Return a trace as a module without what torch has added to check its inputs, or to keep statistics."""
    module = program.module()
    assert isinstance(module, fx.GraphModule)
    for node in reversed(module.graph.nodes):
        if _checks(node) or _keeps(node):
            module.graph.erase_node(node)
    for node in module.graph.nodes:
        if node.target in _SQUEEZES:
            _squeeze_ones(node)
        if node.target is torch.ops.aten.clamp.default:
            node.args = (
                node.args[0],
                *(one if one is None else float(one) for one in node.args[1:]),
            )  # ONNX has one kind
        if node.target is torch.ops.aten.batch_norm.default and node.args[3] is not None:
            node.args = (*node.args[:5], False, *node.args[6:])  # by its statistics, as in evaluation mode
    module.graph.eliminate_dead_code(_has_effect)
    return module


def _squeeze_ones(node: fx.Node) -> None:
    """Let ``squeeze`` remove the axes that always have length one, and not that of a single row."""
    (read,) = node.all_input_nodes
    shape = read.meta["val"].shape
    asked: Any = node.args[1] if len(node.args) > 1 else range(len(shape))
    axes = [asked] if isinstance(asked, int) else list(asked)
    ones = [axis for axis in axes if isinstance(shape[axis], int) and shape[axis] == 1]
    node.target, node.args = torch.ops.aten.squeeze.dims, (read, ones)
    if not ones:
        node.replace_all_uses_with(read)


_SQUEEZES = (torch.ops.aten.squeeze.default, torch.ops.aten.squeeze.dim, torch.ops.aten.squeeze.dims)


def _checks(node: fx.Node) -> bool:
    name = str(node.target)
    return node.target == "_guards_fn" or name.startswith(("aten._assert", "aten.sym_constrain"))


def _keeps(node: fx.Node) -> bool:
    written = node.all_input_nodes[:1]
    return node.target is torch.ops.aten.copy_.default and written[0].op == "get_attr" and not node.users


def _has_effect(node: fx.Node) -> bool:
    mutable = isinstance(node.target, torch._ops.OpOverload) and node.target._schema.is_mutable
    return node.op in ("placeholder", "output") or mutable
