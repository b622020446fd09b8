"""Several sets of weights of one network: the members of an ensemble, or the epochs of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from training.errors import ImportModelError
from training.run.importing.capture import CapturedModule
from training.run.importing.check import check_capture
from training.run.importing.source import load_weights

FEWEST = {"ensemble": 2, "swag": 3}
"""Number of files of weights that a posterior takes at least."""


def check_weights(posterior: str | None, files: Sequence[Path], *, calibrates: bool) -> None:
    """Refuse files of weights, or their lack, before anything is loaded.

    Args:
        posterior: Name of the posterior that is asked for.
        files: Files of weights.
        calibrates: Whether there are rows of the user's.

    Raises:
        ImportModelError: if the posterior takes another number of files, or rows.
    """
    fewest = FEWEST.get(posterior or "", 0)
    if len(files) < fewest:
        of_what = "networks that were trained apart" if posterior == "ensemble" else "epochs of one run"
        raise ImportModelError(
            f"{posterior} takes the weights of {fewest} or more {of_what}, and {len(files)} are given: repeat"
            " --weights FILE"
        )
    if len(files) > 1 and not fewest:
        raise ImportModelError(
            f"{len(files)} files of weights are given: say --posterior ensemble (networks that were trained apart) or"
            " swag (epochs of one run), or give one"
        )
    if posterior == "laplace" and not calibrates:
        raise ImportModelError("laplace is fitted to rows of yours: give --data")


def load_members(network: nn.Module, captured: CapturedModule, files: Sequence[Path]) -> list[dict[str, Tensor]]:
    """Return the weights of each file, by the network's names.

    Args:
        network: The network, whose weights become those of the last file.
        captured: The network taken apart, its weights as inputs of the graph.
        files: Files of weights.

    Raises:
        ImportModelError: naming a file that does not fit the network, or two that hold the same weights.
    """
    members: list[dict[str, Tensor]] = []
    for file in files:
        load_weights(network, file)
        own = network.state_dict()
        members.append({name: own[name].clone() for name in captured.tensors})
    for i, member in enumerate(members):
        same = next((j for j in range(i) if _equal(members[j], member)), None)
        if same is not None:
            raise ImportModelError(
                f"{files[same].name} and {files[i].name} hold the same weights: give files of different runs or epochs"
            )
    return members


def check_members(
    network: nn.Module,
    captured: CapturedModule,
    files: Sequence[Path],
    members: Sequence[Mapping[str, Tensor]],
    rows: Tensor,
    far: Tensor | None = None,
) -> float:
    """Return the largest difference between the graph with each file's weights and the network with them.

    Args:
        network: The network, whose weights become those of the last file.
        captured: The network taken apart.
        files: Files of weights.
        members: What they hold, as :func:`load_members` returns it.
        rows: Some rows ``(B, *input_shape)``, two or more that differ.
        far: Rows of many sizes ``(B, *input_shape)``, if they shall be compared too.

    Raises:
        ImportModelError: if it is no rounding.
    """
    differences = []
    for file, member in zip(files, members, strict=True):
        load_weights(network, file)
        try:
            differences.append(check_capture(network, replace(captured, tensors=dict(member)), rows, far))
        except ImportModelError as error:
            raise ImportModelError(f"with the weights of {file.name}: {error}") from error
    return max(differences)


def _equal(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return all(torch.equal(tensor, other[name]) for name, tensor in one.items())
