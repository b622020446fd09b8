"""Models of timm, the user's own installation of it, as networks to import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from models.errors import did_you_mean
from training.errors import ImportModelError


def timm_inputs(name: str) -> tuple[str, str, str]:
    """Return what a model's weights were trained on: ``image:3x224x224``, and the mean and deviation of its pixels.

    Raises:
        ImportModelError: if timm is not installed, or has no such model.
    """
    config = _config(name)
    mean, scale = (",".join(map(repr, map(float, numbers))) for numbers in (config.mean, config.std))
    return "image:" + "x".join(map(str, config.input_size)), mean, scale


def build_timm(name: str, input_shape: tuple[int, ...], weights: Mapping[str, Tensor] | None) -> tuple[nn.Module, str]:
    """Return a model in evaluation mode, and in words which weights it has.

    Args:
        name: Name of the model, such as ``resnet18`` or ``resnet18.a1_in1k``.
        input_shape: Channels, height and width.
        weights: Weights that the caller will give it, which say how many classes it has; ``None`` for those that timm
            downloads.

    Raises:
        ImportModelError: if it cannot be built, or if its weights cannot be had.
    """
    timm, config = _timm(), _config(name)
    options: dict[str, Any] = {"in_chans": input_shape[0]}
    if config.fixed_input_size:
        options["img_size"] = input_shape[1:]
    head = weights.get(f"{config.classifier}.weight") if weights and isinstance(config.classifier, str) else None
    if head is not None:
        options["num_classes"] = len(head)
    downloads = weights is None and config.has_weights
    try:
        model: nn.Module = timm.create_model(name, pretrained=downloads, **options)
    except Exception as error:  # timm, its hub and the network have errors of many kinds
        remedy = "its weights cannot be had here: give --weights FILE" if downloads else "give other --inputs"
        raise ImportModelError(f"--timm {name}: {' '.join(str(error).split())[:200]}; {remedy}") from error
    if weights is not None:
        return model.eval(), ""
    own = f"its weights are timm's {config.tag or 'own'}, trained on other data"
    return model.eval(), own if downloads else "its weights are random, as timm has none for it: give --weights FILE"


def _timm() -> Any:
    try:
        import timm
    except ModuleNotFoundError as error:
        raise ImportModelError(f"--timm needs {error.name}: pip install timm") from error
    return timm


def _config(name: str) -> Any:
    timm = _timm()
    known = timm.list_models()
    if name.partition(".")[0] not in known:
        raise ImportModelError(f"--timm {name}: timm {timm.__version__} has no such model{did_you_mean(name, known)}")
    try:
        config = timm.get_pretrained_cfg(name)
    except (RuntimeError, ValueError) as error:
        raise ImportModelError(f"--timm {name}: {' '.join(str(error).split())}") from error
    if config is None:
        raise ImportModelError(f"--timm {name}: timm does not say what it reads; import it with --from")
    return config
