"""A network that was trained elsewhere, in whatever form it comes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor, nn

from models.specs import InputSpec
from training.run.importing.capture import Captured, CapturedModule, capture
from training.run.importing.check import check_capture
from training.run.importing.members import check_members, load_members
from training.run.importing.values import probe_rows


class ForeignNetwork(ABC):
    """A network that becomes a graph of this house's form.

    Args:
        told: Sentences on what was decided for the user when it was opened.
    """

    def __init__(self, told: Sequence[str]) -> None:
        self.told = tuple(told)

    @property
    @abstractmethod
    def places(self) -> list[str]:
        """Names of the parts whose output a dropout can be added to."""

    @abstractmethod
    def capture(self, dropout: Mapping[str, float], *, dropping: bool, drawing: bool = False) -> Captured:
        """Take the network apart.

        Args:
            dropout: Probabilities by the name of a dropout, or of a part whose output shall be dropped.
            dropping: ``False`` for the network as it is in evaluation mode, as one function.
            drawing: Whether its weights are inputs of the graph.

        Raises:
            ImportModelError: in one line, with the remedy.
        """

    @abstractmethod
    def check(
        self, captured: Captured, files: Sequence[Path], rows: Tensor, far: Tensor | None = None
    ) -> tuple[float, Sequence[Mapping[str, Tensor]]]:
        """Return the largest difference between a graph and the network, and the weights of each member or epoch.

        Args:
            captured: The network taken apart.
            files: Files of weights of the members or epochs; none if its weights are in the graph.
            rows: Some rows ``(B, *input_shape)``, two or more that differ.
            far: Rows of many sizes ``(B, *input_shape)``, if they shall be compared too.

        Raises:
            ImportModelError: if it is no rounding.
        """


class TorchNetwork(ForeignNetwork):
    """A module of torch.

    Args:
        module: The module, in evaluation mode.
        inputs: Specification of the inputs.
        told: Sentences on what was decided for the user when it was built.
    """

    def __init__(self, module: nn.Module, inputs: InputSpec, told: Sequence[str] = ()) -> None:
        super().__init__(told)
        self._module, self._inputs = module, inputs

    @property
    def places(self) -> list[str]:
        return [name for name, _ in self._module.named_modules() if name]

    def capture(self, dropout: Mapping[str, float], *, dropping: bool, drawing: bool = False) -> Captured:
        probes = probe_rows(self._inputs)
        return capture(self._module, self._inputs.shape, dropout, dropping=dropping, drawing=drawing, probes=probes)

    def check(
        self, captured: Captured, files: Sequence[Path], rows: Tensor, far: Tensor | None = None
    ) -> tuple[float, Sequence[Mapping[str, Tensor]]]:
        assert isinstance(captured, CapturedModule)  # as it was captured here
        if not captured.tensors:
            return check_capture(self._module, captured, rows, far), ()
        members = load_members(self._module, captured, files)
        return check_members(self._module, captured, files, members, rows, far), members
