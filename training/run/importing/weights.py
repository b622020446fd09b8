"""Weights as data: a pass over a trace that turns each tensor of a network into an input of its own."""

from __future__ import annotations

from torch import Tensor, fx, nn

_WRAPPED = "network."
"""Prefix of the names of a network's tensors in its trace."""


def make_inputs(graph: fx.Graph, network: nn.Module) -> dict[str, Tensor]:
    """Turn the tensors of a network that a trace reads into further placeholders, in place.

    Whole numbers, and what is no part of the state dictionary, stay constants.

    Args:
        graph: The trace.
        network: The network that was traced.

    Returns:
        The tensors by the network's names, in the order of the placeholders.
    """
    own = {name: tensor for name, tensor in network.state_dict().items() if tensor.is_floating_point()}
    read: dict[str, list[fx.Node]] = {}
    for node in graph.nodes:
        name = str(node.target).removeprefix(_WRAPPED)
        if node.op == "get_attr" and name in own:
            read.setdefault(name, []).append(node)
    last = next(node for node in reversed(graph.nodes) if node.op == "placeholder")
    for number, nodes in enumerate(read.values()):
        with graph.inserting_after(last):
            last = graph.placeholder(f"tensor_{number}")
        last.meta = dict(nodes[0].meta)
        for node in nodes:
            node.replace_all_uses_with(last)
            graph.erase_node(node)
    return {name: own[name].detach().clone() for name in read}
