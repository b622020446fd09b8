"""Functions of a posterior that ONNX Runtime evaluates, from a graph that has the draws as inputs.

A graph takes standardised rows ``rows`` ``(B, *input_shape)`` and the tensors of draws by the network's names. Its
other inputs tell which of three forms it has:

* *pairs*: masks ``(S, ...)`` with ``row_of`` and ``draw_of`` ``(P,)``, which row and which draw each pair is made of;
* *all draws*: weights with the axis ``draws``, ``(S, ...)``;
* *one draw*: weights as the network has them, for drawn kernels of convolutions and for a network that is one function.

It returns ``outputs`` ``(B, *positions, outputs)`` and the ``features`` ``(B, features)`` that the last layer read, of
every pair or draw.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain

import torch
from torch import Tensor

from models.graphs import Session
from models.prediction.draws import CHUNK_BYTES, Draws, Functions, count
from models.prediction.graph_network import GraphNetwork
from models.prediction.masks import Mask
from models.prediction.posterior import Posterior

ROWS, DRAWS, ROW_OF, DRAW_OF = "rows", "draws", "row_of", "draw_of"
OUTPUTS, FEATURES = "outputs", "features"


class GraphFunctions(ABC):
    """The functions of a posterior, evaluated by a graph.

    Args:
        session: The graph.
        posterior: The posterior, whose own tensors stand in for those that a draw leaves as they are.
        row_bytes: Bytes of the activations of the whole network for one row.
        draw_bytes: Bytes of those that every draw has its own of.
    """

    def __init__(self, session: Session, posterior: Posterior, row_bytes: int, draw_bytes: int) -> None:
        self.session = session
        self._posterior = posterior
        self._rows = max(1, CHUNK_BYTES // max(1, row_bytes))
        self._draw_bytes = draw_bytes
        self._names = [name for name in session.inputs if name not in (ROWS, ROW_OF, DRAW_OF)]

    def functions(self) -> Functions:
        """Return the functions as a model takes them."""
        return Functions(self.outputs, self.observe)

    def outputs(self, x: Tensor, draws: Draws, *, vectorise: bool = True) -> Iterator[Tensor]:
        """Yield what :func:`~models.prediction.draws.evaluate_in_chunks` does of the network.

        Args:
            x: Standardised rows ``(B, *input_shape)``.
            draws: Tensors with ``S`` draws leading; if empty, the network itself is the one draw.
            vectorise: No matter here: the graph has its own way.
        """
        draws = self._complete(draws)
        size = self._chunk(x)
        for start in range(0, max(1, count(draws)), size):
            chunk = {n: tensor[start : start + size] for n, tensor in draws.items()}
            yield self._run_in_parts(x, chunk, [OUTPUTS])[0]

    def _chunk(self, x: Tensor) -> int:
        """Return the number of draws whose activations fit in :data:`CHUNK_BYTES`."""
        return max(1, CHUNK_BYTES // max(1, self._draw_bytes * min(len(x), self._rows)))

    def _run_in_parts(self, x: Tensor, draws: Draws, names: Sequence[str]) -> list[Tensor]:
        """Return outputs of the graph ``(S, B, ...)``, of so many rows at a time as fit in memory."""
        if len(x) <= self._rows:
            return self._run(x, draws, names)
        parts = [self._run(part, draws, names) for part in torch.split(x, self._rows)]
        return [torch.cat(results, 1) for results in zip(*parts, strict=True)]

    def observe(self, x: Tensor, draw: Draws) -> tuple[Tensor, Tensor]:
        """Return the output of one function, and the features that its last layer read.

        Args:
            x: Standardised rows ``(B, *input_shape)``.
            draw: One function, tensors ``(1, ...)``; empty if the network itself is it.
        """
        outputs, features = self._run(x, self._complete(draw), [OUTPUTS, FEATURES])
        return outputs[0], features[0]

    @abstractmethod
    def _run(self, x: Tensor, draws: Draws, names: Sequence[str]) -> list[Tensor]:
        """Return outputs of the graph, ``(S, B, ...)`` each."""

    def _complete(self, draws: Draws) -> dict[str, Tensor]:
        """Return the tensors that the graph takes, in place of a draw of none those of the network itself."""
        return {name: draws[name] if name in draws else self._own(name) for name in self._names}

    def _own(self, name: str) -> Tensor:
        if isinstance(self._posterior.network, GraphNetwork):
            return self._posterior.network.own(name)
        owner, _, leaf = name.rpartition(".")
        module = self._posterior.network.get_submodule(owner)
        if isinstance(module, Mask):
            return _ones(tuple(self.session.inputs[name][1:]), module.mask.device)
        return module.get_parameter(leaf).detach().unsqueeze(0)


class PairsGraph(GraphFunctions):
    """Masks: the trunk runs once a row, the rest once a pair of a row and a draw."""

    def functions(self) -> Functions:
        """Return the functions, of which one more is one more pair: the trunk has run already."""
        return Functions(self.outputs, self.observe, self._together, self._complete)

    def _together(self, x: Tensor, draws: Draws, own: Tensor | None = None) -> tuple[Iterator[Tensor], Tensor, Tensor]:
        if own is not None:
            outputs, features = self._run_own(x, draws, own)
            return iter([outputs[1:]]), outputs[0], features[0]
        size = 1 + self._chunk(x)
        chunk = {name: tensor[:size] for name, tensor in draws.items()}
        outputs, features = self._run_in_parts(x, chunk, [OUTPUTS, FEATURES])
        rest = {name: tensor[size:] for name, tensor in draws.items()} if count(draws) > size else {}
        others = self.outputs(x, rest) if rest else iter(())
        return chain([outputs[1:]], others), outputs[0], features[0]

    def _run_own(self, x: Tensor, draws: Draws, own: Tensor) -> list[Tensor]:
        """Return outputs of the graph for rows with draws of their own, of so many rows at a time as fit in memory."""
        number = len(own)
        size = max(1, min(self._rows, CHUNK_BYTES // max(1, self._draw_bytes * number)))
        parts = []
        for rows, places in zip(torch.split(x, size), torch.split(own, size, 1), strict=True):
            parts.append(self._run_pairs(rows, draws, [OUTPUTS, FEATURES], places))
        return [torch.cat(results, 1) for results in zip(*parts, strict=True)]

    def _run(self, x: Tensor, draws: Draws, names: Sequence[str]) -> list[Tensor]:
        _, draw_of = pairs(len(x), count(draws), x.device)
        return self._run_pairs(x, draws, names, draw_of.view(-1, len(x)))

    def _run_pairs(self, x: Tensor, draws: Draws, names: Sequence[str], places: Tensor) -> list[Tensor]:
        """Return outputs of the graph for rows with the draws at these places, ``(S, B)``."""
        number, rows = places.shape
        row_of, _ = pairs(rows, number, x.device)
        feeds = {**draws, ROWS: x, ROW_OF: row_of, DRAW_OF: places.reshape(-1)}
        results = self.session.run(feeds, names, {"pairs": rows * number})
        return [result.view(number, rows, *result.shape[1:]) for result in results]


@lru_cache(maxsize=64)
def pairs(rows: int, draws: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the row and the draw of each pair, one draw after the other."""
    with torch.inference_mode(False):  # training may ask for them next
        row_of = torch.arange(rows, device=device).repeat(draws)
        return row_of, torch.arange(draws, device=device).repeat_interleave(rows)


@lru_cache(maxsize=64)
def _ones(shape: tuple[int, ...], device: torch.device) -> Tensor:
    """Return one mask that drops nothing, ``(1, *shape)``."""
    with torch.inference_mode(False):
        return torch.ones(1, *shape, device=device)


class AllDrawsGraph(GraphFunctions):
    """Weights of all draws at once, in batched products."""

    def _run(self, x: Tensor, draws: Draws, names: Sequence[str]) -> list[Tensor]:
        return self.session.run({**draws, ROWS: x}, names, {ROWS: len(x), DRAWS: count(draws)})


class OneDrawGraph(GraphFunctions):
    """Weights of one draw after the other."""

    def _run(self, x: Tensor, draws: Draws, names: Sequence[str]) -> list[Tensor]:
        functions = [{n: tensor[s] for n, tensor in draws.items()} for s in range(max(1, count(draws)))]
        results = [self.session.run({**one, ROWS: x}, names, {ROWS: len(x)}) for one in functions]
        return [torch.stack(parts) for parts in zip(*results, strict=True)]


def graph_functions(
    content: bytes, posterior: Posterior, row_bytes: int, draw_bytes: int, device: torch.device
) -> Functions:
    """Return the functions that a serialised graph evaluates, by its form.

    Args:
        content: The graph.
        posterior: The posterior, on the device.
        row_bytes: Bytes of the activations of the whole network for one row.
        draw_bytes: Bytes of those that every draw has its own of.
        device: Device of all tensors.

    Raises:
        CheckpointError: if ONNX Runtime does not take the graph.
    """
    session = Session(content, device)
    leading = {shape[0] for name, shape in session.inputs.items() if name != ROWS and shape}
    form = PairsGraph if ROW_OF in session.inputs else AllDrawsGraph if DRAWS in leading else OneDrawGraph
    return form(session, posterior, row_bytes, draw_bytes).functions()
