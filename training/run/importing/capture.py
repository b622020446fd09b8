"""A stranger's network, taken apart: a graph without randomness, and the dropouts whose masks are its inputs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import torch
from torch import Tensor, fx, nn
from torch._ops import OpOverload
from torch.fx.graph import CodeGen
from torch.utils import _pytree as pytree

from models.errors import did_you_mean
from models.prediction.graph import FEATURES, OUTPUTS, ROWS
from models.prediction.graph_network import WEIGHTS
from training.errors import ExportError, ImportModelError
from training.run.export.graph import export_module, serialise
from training.run.export.pairs import BATCH, make_pairs
from training.run.importing.dropouts import Dropout, DropoutSite, find_dropouts, multiply_masks, skip_dropouts
from training.run.importing.heads import Head, Outputs, arrange, describe_outputs, find_heads
from training.run.importing.last_layer import Features, find_features, find_last_layer
from training.run.importing.lines import error_chain, line_of_node, quote
from training.run.importing.run_rows import try_rows
from training.run.importing.trace import BEFORE, EXAMPLE_ROWS, Traced, graph_module, keeping_modes, trace
from training.run.importing.values import judge_values
from training.run.importing.weights import make_inputs


class Function(nn.Module):
    """A captured network for torch, without randomness.

    Args:
        trace: Module of rows and masks, which returns all results of the network, and what its last layer reads.
        results: Number of the network's results.
        heads: Results that are taken.
        features: Form of what the last layer reads.
    """

    def __init__(self, trace: fx.GraphModule, results: int, heads: Sequence[Head], features: Features) -> None:
        super().__init__()
        self.trace, self.results, self.heads, self.features = trace, results, tuple(heads), features

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return outputs ``(B, *positions, outputs)`` and features ``(B, features)``.

        Args:
            inputs: Rows ``(B, *input_shape)``, a mask ``(B, *site shape)`` of each site, and the weights, where they
                are inputs.
        """
        *results, read = self.trace(*inputs)
        return arrange(results, self.heads), self.features.pool(read)


@dataclass(frozen=True)
class Captured:
    """A network taken apart.

    Attributes:
        graph: Serialised graph in the form that :mod:`models.prediction.graph` describes: of pairs if there are sites,
            else of one function.
        sites: Dropouts, in the order in which the network reaches them.
        outputs: Form of the outputs.
        tensors: Weights and statistics that are inputs of the graph, by the network's names; none if it holds them.
        trained: Names of those that are weights.
    """

    graph: bytes
    sites: tuple[DropoutSite, ...]
    outputs: Outputs
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    trained: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class CapturedModule(Captured):
    """A module of torch taken apart.

    Attributes:
        function: The graph's function for torch.
    """

    function: Function


def capture(
    network: nn.Module,
    input_shape: tuple[int, ...],
    overrides: Mapping[str, float] | None = None,
    *,
    dropping: bool = True,
    drawing: bool = False,
    probes: Tensor | None = None,
) -> CapturedModule:
    """Take a network apart.

    Args:
        network: Network of rows ``(B, *input_shape)``, which stays as it is.
        input_shape: Shape of one row.
        overrides: Probabilities by the name of a site, or by the name of a module whose output shall be dropped; with
            ``before:`` ahead of it, of one whose input shall be. Zero switches a dropout off.
        dropping: ``False`` for the network as it is in evaluation mode, as one function.
        drawing: Whether its weights are inputs of the graph.
        probes: Rows of noise ``(B, *input_shape)`` that its outputs are judged by; ``None`` for the graph alone.

    Raises:
        ImportModelError: in one line, with the line of the user's code that is in the way and the remedy.
    """
    wanted = dict(overrides or {})
    module, structure, dropouts = _taken_apart(network, input_shape, (), dropping=dropping)
    if not dropping:
        _refuse_randomness_in_evaluation(dropouts)
    added = _added(network, wanted, [one.site.name for one in dropouts])
    if added:
        module, structure, dropouts = _taken_apart(network, input_shape, added, dropping=dropping)
    heads, taken = find_heads(module.graph, structure)
    _refuse_dropped_outputs(module.graph, dropouts, added)
    outputs = describe_outputs(module.graph, heads, taken)
    if probes is not None:
        heads, outputs = judge_values(heads, outputs, _answers(network, probes, heads))
    sites = _make_data(module.graph, [_overridden(one, wanted) for one in dropouts])
    function = _function(module, heads)
    tensors = make_inputs(function.trace.graph, network) if drawing else {}
    function.trace.recompile()
    graph = _export(function, input_shape, sites, tensors)
    trained = frozenset(name for name, _ in network.named_parameters(remove_duplicate=False))
    return CapturedModule(graph, sites, outputs, tensors, trained, function=function)


def _taken_apart(
    network: nn.Module, input_shape: tuple[int, ...], added: tuple[str, ...], *, dropping: bool
) -> tuple[fx.GraphModule, Any, list[Dropout]]:
    """Return the trace, what the network returns with the position of each result in its place, and the dropouts."""
    program = trace(Traced(network, added), input_shape, dropping=dropping)
    module, spec = graph_module(program), program.call_spec.out_spec
    assert spec is not None
    return module, spec.unflatten(range(spec.num_leaves)), find_dropouts(module.graph, added)


@torch.no_grad()
def _answers(network: nn.Module, rows: Tensor, heads: Sequence[Head]) -> list[Tensor]:
    """Return the results of a network in evaluation mode."""
    with keeping_modes(network):
        results = pytree.tree_leaves(try_rows(network.eval(), rows.clone()))
    if len(results) <= max(head.index for head in heads):
        raise ImportModelError("the network returns fewer results in evaluation mode than in training mode")
    return results


def _added(network: nn.Module, wanted: Mapping[str, float], found: Sequence[str]) -> tuple[str, ...]:
    """Return the names of dropouts that a network does not have."""
    for name, probability in wanted.items():
        if not 0 <= probability < 1:
            raise ImportModelError(f"dropout {name}={probability:g}: a probability is 0 or more and less than 1")
    uses = {name.partition("#")[0] for name in found}
    added = tuple(name for name in wanted if name not in found and name not in uses)
    modules = dict(network.named_modules())
    for name in added:
        if name.removeprefix(BEFORE) not in modules or name in ("", BEFORE):
            listed = f"its dropouts are {', '.join(found)}" if found else "it has no dropout"
            known = [*found, *filter(None, modules)]
            raise ImportModelError(
                f"dropout {name}: the network has no such dropout or module{did_you_mean(name, known)}; {listed}; any"
                f" module's name adds one to its output, {BEFORE}NAME to its input"
            )
    return added


def _refuse_randomness_in_evaluation(dropouts: Sequence[Dropout]) -> None:
    for one in dropouts:
        if one.site.probability:
            place = quote(line_of_node(one.node))
            raise ImportModelError(f"{place}this dropout acts in evaluation mode too: pass training=self.training")


def _refuse_dropped_outputs(graph: fx.Graph, dropouts: Sequence[Dropout], added: Sequence[str]) -> None:
    """Refuse a dropout that was added to the last layer, whose outputs are the answer itself."""
    layer = find_last_layer(graph, graph.output_node().all_input_nodes)
    for one in dropouts:
        if one.site.name in added and layer in one.node.all_input_nodes:
            name = one.site.name
            raise ImportModelError(
                f"dropout {name} would drop the outputs themselves: {BEFORE}{name} drops what it reads"
            )


def _overridden(dropout: Dropout, wanted: Mapping[str, float]) -> Dropout:
    """Return a dropout with the probability that was asked for, of it or of all uses of its module."""
    name = dropout.site.name
    probability = wanted.get(name, wanted.get(name.partition("#")[0], dropout.site.probability))
    return replace(dropout, site=replace(dropout.site, probability=probability))


def _make_data(graph: fx.Graph, dropouts: Sequence[Dropout]) -> tuple[DropoutSite, ...]:
    """Turn the dropouts into products with masks, and remove those that drop nothing."""
    active = [one for one in dropouts if one.site.probability > 0]
    skip_dropouts(graph, [one for one in dropouts if one.site.probability == 0])
    multiply_masks(graph, active)
    return tuple(one.site for one in active)


def _function(module: fx.GraphModule, heads: Sequence[Head]) -> Function:
    graph = module.graph
    (results,) = cast("tuple[tuple[Any, ...]]", graph.output_node().args)
    read, features = find_features(graph, [results[head.index] for head in heads])
    graph.output_node().args = ((*results, read),)
    graph.set_codegen(CodeGen())  # the arguments are placeholders, as they stand
    return Function(fx.GraphModule(module, graph), len(results), heads, features)


def _export(
    function: Function, input_shape: tuple[int, ...], sites: Sequence[DropoutSite], tensors: Mapping[str, Tensor]
) -> bytes:
    example = {ROWS: torch.zeros(EXAMPLE_ROWS, *input_shape)}
    example |= {site.mask: torch.ones(EXAMPLE_ROWS, *site.shape) for site in sites}
    axes: dict[str, tuple[str, ...]] = dict.fromkeys(example, (BATCH if sites else ROWS,))
    weights = {f"{WEIGHTS}.{name}": tensor for name, tensor in tensors.items()}
    axes |= dict.fromkeys(weights, ())
    try:
        graph = export_module(function, example | weights, axes, [OUTPUTS, FEATURES])
    except ExportError as error:
        raise ImportModelError(_reason(function.trace.graph, error)) from error
    if sites:
        make_pairs(graph.graph)
    return serialise(graph)


def _reason(graph: fx.Graph, error: ExportError) -> str:
    """Return which operator of a trace ONNX does not have, with the line of the user's code; else what torch says."""
    missing = next((found for one in error_chain(error) if (found := _MISSING.search(str(one)))), None)
    if missing is None:
        return str(error)
    name = missing["operator"]
    operators = (node for node in graph.nodes if isinstance(node.target, OpOverload))
    alike = (node for node in operators if node.target.overloadpacket.__name__.startswith(name.lstrip("_")))
    place = quote(next((line_of_node(node) for node in alike), ("", 0)))
    return f"{place}ONNX has no operator for {name}: compute it from others, or leave it out"


_MISSING = re.compile(r"No ONNX function found for <OpOverload\(op='\w+\.(?P<operator>\w+)'")
