"""Does a captured network answer as the one that it was made of does, and each row for itself?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from models.graphs import Session
from models.noise import draw_noise
from models.prediction.graph import DRAW_OF, FEATURES, OUTPUTS, ROW_OF, ROWS
from models.prediction.graph_network import WEIGHTS
from training.errors import ImportModelError
from training.run.export.check import TOLERANCE, difference
from training.run.importing.capture import Captured, CapturedModule
from training.run.importing.explain import explain_count, explain_modes, explain_values
from training.run.importing.heads import arrange
from training.run.importing.run_rows import try_rows
from training.run.importing.trace import keeping_modes

_SAMPLES, _SEED = 2, 0
_FAR_TOLERANCE = 1e-3
"""Largest difference that is rounding of rows of any size, whose sums may be large where the answer is small."""
Evaluate = Callable[[Tensor, Mapping[str, Tensor], Sequence[int]], Sequence[Tensor]]


@torch.no_grad()
def check_capture(network: nn.Module, captured: CapturedModule, rows: Tensor, far: Tensor | None = None) -> float:
    """Return the largest difference between a graph and the network that it was made of.

    Args:
        network: The network, whose modes stay as they are.
        captured: The network taken apart.
        rows: Some rows ``(B, *input_shape)``, two or more that differ.
        far: Rows of many sizes ``(B, *input_shape)``, if they shall be compared too.

    Raises:
        ImportModelError: if it is no rounding, or if a row's answer depends on the rows beside it.
    """
    evaluated = evaluate_network(network, captured, rows)
    if not evaluated.isfinite().all():
        raise ImportModelError("the network answers nan or inf in evaluation mode, on standardised rows of noise")
    without = difference(_undropped(captured, rows), evaluated)
    again = difference(evaluate_network(network, captured, rows), evaluated)
    if not max(without, again) <= TOLERANCE:
        raise ImportModelError(explain_modes(network, rows, without, again))
    for count in range(1, len(rows)):
        few = rows[:count]
        less = difference(_undropped(captured, few), evaluate_network(network, captured, few))
        if not less <= TOLERANCE:
            raise ImportModelError(explain_count(network, rows, count, less))

    def evaluate(of_pairs: Tensor, draws: Mapping[str, Tensor], draw_of: Sequence[int]) -> tuple[Tensor, Tensor]:
        return evaluate_function(captured, of_pairs, draws, draw_of)

    compared = compare_graph(captured, rows, evaluate, "torch's")
    if far is not None:
        _check_far(network, captured, far)
    return max(without, compared)


def _undropped(captured: CapturedModule, rows: Tensor) -> Tensor:
    """Return the outputs that torch computes with nothing dropped."""
    ones = {site.mask: torch.ones(1, *site.shape) for site in captured.sites}
    return evaluate_function(captured, rows, ones, [0] * len(rows))[0]


def _check_far(network: nn.Module, captured: CapturedModule, far: Tensor) -> None:
    """Compare a graph with the network where a branch on values may go the other way, row by row."""
    for i, mine in enumerate(answer_apart(captured, far)):
        row = far[i : i + 1]
        worst = _far_difference(mine, evaluate_network(network, captured, row)[0])
        if not worst <= _FAR_TOLERANCE:
            raise ImportModelError(explain_values(network, far[:1], row, worst))


def answer_apart(captured: Captured, far: Tensor) -> Tensor:
    """Return the outputs ``(B, *positions, outputs)`` that a graph computes of each row alone, with nothing dropped.

    Args:
        captured: The network taken apart.
        far: Rows of many sizes ``(B, *input_shape)``.

    Raises:
        ImportModelError: if they are others where the rows are together.
    """
    session, tensors = Session(captured.graph, far.device), {f"{WEIGHTS}.{n}": t for n, t in captured.tensors.items()}
    ones = {site.mask: torch.ones(1, *site.shape) for site in captured.sites}
    together = run_graph(session, far, ones, list(range(len(far))), [0] * len(far), tensors)[0]
    alone = torch.cat([run_graph(session, row, ones, [0], [0], tensors)[0] for row in torch.split(far, 1)])
    company = max(_far_difference(*pair) for pair in zip(together, alone, strict=True))
    if not company <= _FAR_TOLERANCE:
        raise ImportModelError(_company(company))
    return alone


def _far_difference(one: Tensor, other: Tensor) -> float:
    """Return the largest difference of two answers to one row where both are numbers, relative to values beyond 1."""
    finite = one.isfinite() & other.isfinite()
    return difference(one.where(finite, 0), other.where(finite, 0))


def _company(by: float) -> str:
    return f"a row's answer depends on the rows beside it, by {by:.1e}: the network must treat each for itself"


def compare_graph(captured: Captured, rows: Tensor, evaluate: Evaluate, whose: str) -> float:
    """Return the largest difference between what a graph makes of pairs and what something else does.

    Args:
        captured: The network taken apart.
        rows: Some rows ``(B, *input_shape)``, two or more that differ.
        evaluate: Function of the row of each pair, the masks ``(S, *site shape)`` and the draw of each pair, which
            returns outputs and features.
        whose: Owner of that function, in words.

    Raises:
        ImportModelError: if it is no rounding, or if a row's answer depends on the rows beside it.
    """
    session, tensors = Session(captured.graph, rows.device), {f"{WEIGHTS}.{n}": t for n, t in captured.tensors.items()}
    draws = draw_noise([site.noise for site in captured.sites], _SEED, _SAMPLES)
    count = _SAMPLES if draws else 1
    row_of = list(range(len(rows))) * count
    draw_of = [s for s in range(count) for _ in rows]
    together = run_graph(session, rows, draws, row_of, draw_of, tensors)
    pairs = zip(row_of, draw_of, strict=True)
    alone = [run_graph(session, rows[r : r + 1], draws, [0], [s], tensors) for r, s in pairs]
    apart = [torch.cat(parts) for parts in zip(*alone, strict=True)]
    company = max(difference(*pair) for pair in zip(together, apart, strict=True))
    if not company <= TOLERANCE:
        raise ImportModelError(_company(company))
    theirs = evaluate(rows[row_of], draws, draw_of)
    worst = max(difference(*pair) for pair in zip(together, theirs, strict=True))
    if not worst <= TOLERANCE:
        raise ImportModelError(f"the graph's results differ from {whose} by {worst:.1e}, and {TOLERANCE} is allowed")
    return max(company, worst)


def evaluate_network(network: nn.Module, captured: CapturedModule, rows: Tensor) -> Tensor:
    """Return the outputs ``(B, *positions, outputs)`` of a network in evaluation mode.

    Args:
        network: The network, whose modes stay as they are.
        captured: The network taken apart.
        rows: Rows ``(B, *input_shape)``.

    Raises:
        ImportModelError: if it does not take them, or if it returns another number of results than in training mode.
    """
    with keeping_modes(network):
        results = [_with_rows(one, len(rows)) for one in pytree.tree_leaves(try_rows(network.eval(), rows))]
    if len(results) != captured.function.results:
        raise ImportModelError(
            f"the network returns {captured.function.results} results in training mode and {len(results)} in evaluation"
            " mode: return the same"
        )
    return arrange(results, captured.function.heads)


def _with_rows(result: Any, rows: int) -> Any:
    """Return a result with the axis of a single row that ``squeeze()`` has removed, which a graph keeps."""
    squeezed = rows == 1 and isinstance(result, Tensor) and result.shape[:1] != (1,)
    return result.unsqueeze(0) if squeezed else result


def evaluate_function(
    captured: CapturedModule, rows: Tensor, draws: Mapping[str, Tensor], draw_of: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Return the outputs and features that torch computes.

    Args:
        captured: The network taken apart.
        rows: Row of each pair, ``(P, *input_shape)``.
        draws: Masks ``(S, *site shape)``.
        draw_of: Draw of each pair.
    """
    masks = (draws[site.mask][list(draw_of)] for site in captured.sites)
    outputs, features = captured.function(rows, *masks, *captured.tensors.values())
    return outputs, features


def run_graph(
    session: Session,
    rows: Tensor,
    draws: Mapping[str, Tensor],
    row_of: Sequence[int],
    draw_of: Sequence[int],
    tensors: Mapping[str, Tensor] = {},
) -> list[Tensor]:
    """Return the outputs and features that a graph computes of pairs of a row and a draw.

    Args:
        session: The graph.
        rows: Rows ``(B, *input_shape)``.
        draws: Masks ``(S, *site shape)``; none for a graph of one function.
        row_of: Row of each pair.
        draw_of: Draw of each pair.
        tensors: Weights by the names of the graph's inputs, where they are inputs.
    """
    pairs = {ROW_OF: torch.tensor(row_of), DRAW_OF: torch.tensor(draw_of)} if draws else {}
    return session.run(
        {ROWS: rows, **draws, **pairs, **tensors}, [OUTPUTS, FEATURES], {ROWS: len(rows), "pairs": len(row_of)}
    )
