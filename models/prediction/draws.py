r"""Evaluate draws: many functions of one network, on one batch of rows.

A *draw* is one function, written down as the tensors that replace the network's own of the same names: sampled
weights, or dropout masks. Several draws are the same mapping with a leading axis of length ``S``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

Draws = Mapping[str, Tensor]
Hook = Callable[[nn.Module, Any, Any], None]


@dataclass(frozen=True)
class Functions:
    """A means of evaluating the functions of a posterior: the network itself, or a graph of it.

    Attributes:
        outputs: Function of standardised rows ``(B, *input_shape)``, draws and ``vectorise`` that yields what
            :func:`evaluate_in_chunks` does.
        observe: Function of standardised rows and one draw that returns its output and the features of each row, as
            :meth:`LastLayer.evaluate <models.prediction.last_layer.LastLayer.evaluate>` does.
        together: Function of standardised rows and draws that returns what ``outputs`` does of all draws but the first
            and ``observe`` of that one; ``None`` where both together are no cheaper than one after the other. With
            a third argument, places ``(S, B)`` among the draws, each row has draws of its own.
        complete: Function of draws that returns all tensors that these means take, with those of the network itself in
            place of a draw of none.
    """

    outputs: Callable[..., Iterator[Tensor]]
    observe: Callable[[Tensor, Draws], tuple[Tensor, Tensor]]
    together: Callable[..., tuple[Iterator[Tensor], Tensor, Tensor]] | None = None
    complete: Callable[[Draws], Draws] = dict


CHUNK_BYTES = 256 * 2**20
"""Memory that the activations of one chunk of draws may take."""


def evaluate(network: nn.Module, x: Tensor, draws: Draws, *, vectorise: bool = True) -> Tensor:
    """Return the outputs of every draw for every row.

    With ``vectorise`` the draws run as one batched program (``vmap``). Whatever does not depend on the draw stays
    unbatched there, so a deterministic trunk runs once for all draws. Without it, one draw runs after the other;
    that is faster where drawn convolution weights meet many rows. The answer is the same.

    Args:
        network: Any module; called with ``x`` and each draw's tensors in place of its own.
        x: One batch of rows, shape ``(B, *input_shape)``.
        draws: Tensors with ``S`` draws leading. If empty, the network itself is the one draw.

    Returns:
        Shape ``(S, B, ...)``.
    """

    if vectorise and count(draws) > 1:
        outputs: Tensor = vmap(functional_call, in_dims=(None, 0, None))(network, dict(draws), (x,))
        return outputs
    functions = [{name: t[s] for name, t in draws.items()} for s in range(count(draws))]
    return torch.stack([functional_call(network, function, (x,)) for function in functions or [{}]])


def evaluate_in_chunks(
    network: nn.Module, x: Tensor, draws: Draws, bytes_per_row: int, *, vectorise: bool = True
) -> Iterator[Tensor]:
    """Yield what :func:`evaluate` returns, in pieces along the draws whose activations fit in :data:`CHUNK_BYTES`.

    Args:
        bytes_per_row: Bytes of the activations of one draw for one row, from :func:`activation_bytes`.

    Yields:
        Shape ``(s, B, ...)``; the ``s`` add up to ``S``.
    """
    size = max(1, CHUNK_BYTES // max(1, bytes_per_row * len(x)))
    for start in range(0, max(1, count(draws)), size):
        chunk = {name: tensor[start : start + size] for name, tensor in draws.items()}
        yield evaluate(network, x, chunk, vectorise=vectorise)


def count(draws: Draws) -> int:
    """Return the number of draws ``S`` of tensors ``(S, ...)``; 0 if nothing was drawn."""
    return next((len(tensor) for tensor in draws.values()), 0)


def observe_zeros(
    network: nn.Module, input_shape: tuple[int, ...], hooks: Mapping[nn.Module, Hook], draw: Draws | None = None
) -> None:
    """Pass one row of zeros with forward hooks in place; the network is left as it was, its statistics too.

    Args:
        hooks: Called as PyTorch calls forward hooks, by the module that they watch.
        draw: One function, tensors of shape ``(1, ...)``, where the network alone is none.
    """
    handles = [module.register_forward_hook(hook) for module, hook in hooks.items()]
    training = network.training
    try:
        with torch.no_grad():
            one = {name: tensor[0] for name, tensor in (draw or {}).items()}
            functional_call(network.eval(), one, (torch.zeros(1, *input_shape),))
    finally:
        network.train(training)
        for handle in handles:
            handle.remove()


def activation_bytes(
    network: nn.Module, input_shape: tuple[int, ...], draw: Draws | None = None, of: nn.Module | None = None
) -> int:
    """Return the bytes of all layers' outputs for one row: at most what one draw of one row keeps in memory.

    Args:
        draw: One function, tensors of shape ``(1, ...)``, where the network alone is none.
        of: Part of the network whose layers count; ``None`` for all of them.
    """
    total = 0

    def add(_module: nn.Module, _inputs: object, output: object) -> None:
        nonlocal total
        total += _nbytes(output)

    leaves = [module for module in (of or network).modules() if not list(module.children())]
    observe_zeros(network, input_shape, dict.fromkeys(leaves, add), draw)
    return total


def _nbytes(output: object) -> int:
    if isinstance(output, Tensor):
        return output.nbytes
    return sum(map(_nbytes, output)) if isinstance(output, tuple | list) else 0
