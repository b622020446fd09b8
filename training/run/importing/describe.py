"""The draws of an imported network, in words for the user and the card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from training.run.importing.capture import Captured


def describe_draws(posterior: str, captured: Captured, files: Sequence[Path]) -> tuple[str, ...]:
    """Return sentences on what a draw is, and what was decided for the user.

    Args:
        posterior: Name of the posterior.
        captured: The network taken apart.
        files: Files of weights of the members, or of the epochs.
    """
    listed = ", ".join(file.name for file in files)
    statistics = len(captured.tensors.keys() - captured.trained)
    if posterior == "ensemble":
        own = f", each with its own {statistics} statistics of normalisation" if statistics else ""
        return (f"draws are {len(files)} networks{own}: {listed}",)
    if posterior == "swag":
        averaged = f"; {statistics} statistics of normalisation are averaged over them" if statistics else ""
        return (f"draws are weights about the mean of {len(files)} epochs, {listed}{averaged}",)
    if posterior == "laplace":
        return ("draws are last layers; dropout acts in none of them",)
    if posterior == "deterministic":
        why = "the dropouts are left out, as was asked" if captured.sites else "there is no dropout"
        return (f"one function, as {why}: nothing epistemic is estimated",)
    found = ", ".join(f"{site.name} {site.probability:g}" for site in captured.sites)
    many = "s" * (len(captured.sites) > 1)
    return (f"draws are masks of {len(captured.sites)} dropout{many}: {found}",)
