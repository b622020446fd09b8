"""Why a captured network answers otherwise than the one that it was made of: the line, and the remedy."""

from __future__ import annotations

from torch import Tensor, nn

from training.run.export.check import TOLERANCE
from training.run.importing.dropouts import find_dropouts
from training.run.importing.following import parting
from training.run.importing.lines import line_of_node, quote
from training.run.importing.trace import Traced, graph_module, keeping_modes, trace


def explain_modes(network: nn.Module, rows: Tensor, without: float, again: float) -> str:
    """Return why a network in evaluation mode is another one than in training mode without dropout.

    Args:
        network: The network, whose modes stay as they are.
        rows: Some rows ``(B, *input_shape)``.
        without: Difference of the two.
        again: Difference of two passes in evaluation mode.
    """
    with keeping_modes(network):
        network.eval()
        left = next((name for name, module in network.named_modules() if module.training), None)
    if left is not None:
        return (
            f"{left or 'the network'} is in training mode after eval(), as a train() of the network's own leaves it:"
            " leave train() as torch has it; draws are made without it"
        )
    module = graph_module(trace(Traced(network, ()), tuple(rows.shape[1:]), dropping=False))
    for one in find_dropouts(module.graph, ()):
        if one.site.probability:
            return (
                f"{quote(line_of_node(one.node))}this drops in evaluation mode as well: pass training=self.training,"
                " draws are made without it"
            )
    if again > TOLERANCE:
        return (
            f"the network answers otherwise when it is asked again, by {again:.1e}: let forward depend on its rows and"
            " weights alone, not on what it keeps from call to call"
        )
    place = parting(lambda: _dropping(network, rows), lambda: _evaluating(network, rows))
    return (
        f"{quote(place)}without dropout the network answers otherwise in training mode than in evaluation mode, by"
        f" {without:.1e}: nothing but dropout may depend on self.training"
    )


def explain_count(network: nn.Module, rows: Tensor, count: int, by: float) -> str:
    """Return where a network treats so many rows otherwise than several."""
    place = parting(lambda: _evaluating(network, rows[:count]), lambda: _evaluating(network, rows))
    return (
        f"{quote(place)}{count} {'row is' if count == 1 else 'rows are'} treated otherwise than several, by {by:.1e},"
        " and a graph treats any number alike: leave the question how many rows there are out of forward"
    )


def explain_values(network: nn.Module, one: Tensor, other: Tensor, by: float) -> str:
    """Return where a network treats two rows ``(1, *input_shape)`` otherwise, as their values differ."""
    place = parting(lambda: _evaluating(network, one), lambda: _evaluating(network, other))
    return (
        f"{quote(place)}what runs here depends on the values of a row, which no graph can: compute both cases and"
        f" torch.where (the graph differs by {by:.1e} on rows of other sizes)"
    )


def _evaluating(network: nn.Module, rows: Tensor) -> None:
    with keeping_modes(network):
        network.eval()(rows)


def _dropping(network: nn.Module, rows: Tensor) -> None:
    with Traced(network, ()).dropping():
        network(rows)
