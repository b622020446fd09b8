"""A stranger's network as it is handed over: code that builds it, and files of its weights."""

from __future__ import annotations

import importlib
import sys
import traceback
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

from training.errors import ImportModelError
from training.run.importing.run_rows import is_interrupt

_INSIDE = ("state_dict", "model_state_dict", "model")
"""Names under which checkpoints of other code keep their weights."""
_PARALLEL = "module."
"""Prefix that nn.DataParallel gives to every name."""
_MOST_NAMES = 3


def build_network(place: str) -> nn.Module:
    """Return what ``my_package.my_module:build`` names, a module or a function that returns one, in evaluation mode.

    It is the user's own code, which runs here and never in the service. The folder that the command is run in is
    searched first.

    Raises:
        ImportModelError: if there is no such thing, if it fails, or if it is no module.
    """
    name, _, attribute = place.partition(":")
    if not name or not attribute:
        raise ImportModelError(f"--from {place} is no MODULE:NAME, such as my_package.my_module:build")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(importlib.import_module(name), attribute)
        network = found if isinstance(found, nn.Module) else found()
    except BaseException as error:  # whatever the user's code may raise
        if is_interrupt(error):
            raise
        raise ImportModelError(f"--from {place}: {_told(error)}") from error
    finally:
        sys.path.remove(str(Path.cwd()))
    if not isinstance(network, nn.Module):
        raise ImportModelError(f"--from {place} gives a {type(network).__name__}, not a torch.nn.Module")
    return network.eval()


def load_weights(network: nn.Module, path: Path) -> None:
    """Put the weights of a file into a network: safetensors, or what ``torch.save(network.state_dict())`` wrote.

    Raises:
        ImportModelError: if it is no file of weights alone, or if they are another network's.
    """
    weights = read_weights(path)
    if weights and all(name.startswith(_PARALLEL) for name in weights):
        weights = {name.removeprefix(_PARALLEL): tensor for name, tensor in weights.items()}
    own = network.state_dict()
    for what, names in (("lacks", own.keys() - weights.keys()), ("has besides", weights.keys() - own.keys())):
        if names:
            listed = ", ".join(sorted(names)[:_MOST_NAMES])
            more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
            raise ImportModelError(f"{path.name} {what} {listed}{more}: it has the weights of another network")
    for name, tensor in weights.items():
        if tensor.shape != own[name].shape:
            raise ImportModelError(
                f"{path.name}: {name} is {tuple(tensor.shape)}, and the network's is {tuple(own[name].shape)}"
            )
    network.load_state_dict(weights)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file by their names: safetensors, or what ``torch.save`` wrote of a dictionary of them.

    Raises:
        ImportModelError: if it is no file of weights alone.
    """
    if not path.is_file():
        raise ImportModelError(f"there is no file {path}")
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)  # tensors by name, no code
    except Exception as error:  # damaged files raise errors of many kinds
        raise ImportModelError(
            f"{path.name} is no file of weights alone: save it again with torch.save(network.state_dict(), ...), or as"
            " safetensors; nothing else is loaded, as it could run code"
        ) from error
    for name in _INSIDE:
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            content = content[name]
    if not isinstance(content, dict) or not all(isinstance(tensor, Tensor) for tensor in content.values()):
        raise ImportModelError(f"{path.name} is no state dictionary, which holds tensors by name")
    return content


def _told(error: BaseException) -> str:
    """Return an error of the user's code on one line, with the place that raised it."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    theirs = last.filename != __file__ and "importlib" not in last.filename
    place = f"{Path(last.filename).name}:{last.lineno}: " if theirs else ""
    return f"{place}{type(error).__name__}: {' '.join(str(error).split())}"
