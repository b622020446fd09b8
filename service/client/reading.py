"""Responses read into answers."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.client.answers import Acquired, Encoded, Generated, Prediction, Projected, Reconstructed
from service.client.errors import ClientError

_P_VALUES = "p_values_"
_RENAMED = {"interval_lower": "lower", "interval_upper": "upper"}


def read_prediction(response: httpx.Response) -> Prediction:
    """Read a prediction from an .npz file."""
    with np.load(io.BytesIO(response.content), allow_pickle=False) as archive:
        entries: dict[str, Any] = {_RENAMED.get(name, name): value for name, value in archive.items()}
    known = {field.name for field in fields(Prediction)}
    values = {name: value.item() if value.ndim == 0 else value for name, value in entries.items() if name in known}
    for name in ("classes", "targets", "ignored"):
        if name in values:
            values[name] = tuple(values[name].tolist())
    for name in ("outside", "unknown"):
        if name in values:
            values[name] = tuple(tuple(json.loads(names)) for names in values[name])
    p_values = {name.removeprefix(_P_VALUES): value for name, value in entries.items() if name.startswith(_P_VALUES)}
    return Prediction(**values, p_values=p_values)


def read_acquisition(response: httpx.Response) -> Acquired:
    """Read chosen rows from JSON."""
    answer = response.json()
    floats = {name: answer[name] for name in ("gain", "joint_information")}
    arrays: dict[str, Any] = {name: None if value is None else np.array(value) for name, value in floats.items()}
    return Acquired(**{**answer, **arrays, "rows": np.array(answer["rows"], np.int64)})


def read_images(response: httpx.Response) -> Generated:
    """Read images, each an .npy file inside JSON."""
    answer = response.json()
    pixels = np.stack([np.load(io.BytesIO(base64.b64decode(image))) for image in answer["images"]])
    return Generated(pixels=pixels, seeds=tuple(answer["seeds"]), codes=answer["codes"], **_model(answer))


def read_codes(response: httpx.Response) -> Encoded:
    """Read latent codes from JSON."""
    answer = response.json()
    return Encoded(codes=_codes(answer), **_model(answer))


def read_reconstruction(response: httpx.Response) -> Reconstructed:
    """Read codes and statistics of pixels from JSON."""
    answer = response.json()
    statistics = ("mean", "aleatoric_variance", "epistemic_variance", "total_variance")
    arrays: dict[str, Any] = {name: None if answer[name] is None else np.array(answer[name]) for name in statistics}
    return Reconstructed(
        **arrays, seed=answer["seed"], samples=answer["samples"], codes=_codes(answer), **_model(answer)
    )


def read_projection(job: Mapping[str, Any]) -> Projected:
    """Read the result of a search from its job.

    Raises:
        ClientError: if the search failed or was cancelled.
    """
    if job["state"] != "done":
        raise ClientError(f"the search {job['state']}: {job['detail']}")
    image = Image.open(io.BytesIO(base64.b64decode(job["image"])))
    return Projected(w=np.array(job["w"]), loss=job["loss"], image=image, **_model(job))


def _model(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {name: answer[name] for name in ("model", "version", "family")}


def _codes(answer: Mapping[str, Any]) -> dict[str, dict[str, NDArray[Any]]]:
    return {name: {part: np.array(value) for part, value in code.items()} for name, code in answer["codes"].items()}
