"""What a network may return."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.distributions import Distribution
from torch.utils import _pytree as pytree

from training.errors import ImportModelError

_KNOWN = (Tensor, int, float, str, type(None))


def refuse_objects(returned: Any) -> None:
    """Refuse an object of a class of its own among what a network returns, as no graph has any.

    Raises:
        ImportModelError: naming its class and what to return in its place.
    """
    for one in pytree.tree_leaves(returned):
        if isinstance(one, _KNOWN):
            continue
        if isinstance(one, Distribution):
            numbers = ", ".join(one.arg_constraints)
            remedy = f"return its tensors ({numbers}) in its place, such as {{'mean': loc, 'std': scale}} of a Normal"
        else:
            names = [name for name, value in getattr(one, "__dict__", {}).items() if isinstance(value, Tensor)]
            entries = ", ".join(f"{name!r}: ..." for name in names or ["mean", "log_var"])
            remedy = f"return a tensor, a tuple or a dictionary of tensors, as {{{entries}}}"
        raise ImportModelError(f"forward returns an object of {type(one).__name__}: {remedy}")
