"""The matrix products and convolutions of a computation: recorded as they run, counted, and run again alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry


class Products(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A record of every product that torch computes while it is entered.

    Attributes:
        operations: Multiplications and additions.
        bytes: Bytes of the factors and of the results, each counted once a product.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._calls: list[tuple[Any, tuple[Any, ...], Mapping[str, Any]]] = []
        self.operations = 0
        self.bytes = 0

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call one of torch's operators, and record it if it is a product."""
        named = kwargs or {}
        result = func(*args, **named)
        if (operations := flop_registry.get(func.overloadpacket)) is not None:
            self._calls.append((func, args, named))
            self.operations += operations(*args, **named, out_val=result)
            self.bytes += sum(one.nbytes for one in (*args, result) if isinstance(one, Tensor))
        return result

    def run(self) -> None:
        """Compute the products again, and nothing else."""
        for func, args, kwargs in self._calls:
            func(*args, **kwargs)


@torch.no_grad()  # in inference mode a linear layer is seen as such, and not as the product that it becomes
def record(work: Callable[[], object]) -> Products:
    """Return the products of a piece of work."""
    products = Products()
    with products:
        work()
    return products
