"""The Open Inference Protocol, version 2: its tensors, as JSON or as bytes behind a JSON header.

References:
    https://github.com/kserve/open-inference-protocol, and Triton's extensions for binary tensors and for the index of
    models.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.specs import InputSpec
from service.errors import InvalidRequestError, TooLargeError
from service.handlers.arrays import encode_json
from service.handlers.open_inference_models import INPUT
from service.handlers.open_inference_parameters import (
    Form,
    Parameters,
    read_form,
    read_parameters,
)
from service.handlers.open_inference_tensors import (
    HEADER_LENGTH,
    NUMBERS,
    Tensor,
    read_columns,
    read_inputs,
    read_numbers,
)
from service.handlers.parts import Named
from service.http import request_body
from service.runtime.registry import ServedPredictor
from service.settings import Settings

_LONGEST_ID = 256


class Wanted(msgspec.Struct):
    """An output that is asked for."""

    name: str
    parameters: dict[str, Any] = {}


class Request(msgspec.Struct):
    """A prediction; `parameters` are options of `POST /predict`."""

    inputs: list[Tensor]
    outputs: list[Wanted] = []
    parameters: dict[str, Any] = {}
    id: str | None = None


class Output(msgspec.Struct, omit_defaults=True):
    """Tensor of an answer: one statistic of every row."""

    name: str
    shape: list[int]
    datatype: Literal["FP64", "INT64", "BYTES"]
    data: list[Any] | None = None
    parameters: dict[str, Any] | None = None


class Answer(msgspec.Struct, omit_defaults=True):
    """Statistics of the predictive distribution; `parameters` say with which draws."""

    model_name: str
    model_version: str
    parameters: dict[str, Any]
    outputs: list[Output]
    id: str | None = None


@dataclass(frozen=True)
class Inference:
    """A request, read.

    Attributes:
        rows: Values of the one input, in the shape that the request gives; or those of each column, or each input.
        parameters: Parameters of the request as a whole.
        outputs: Names of the tensors asked for, with the form of each; empty for all.
        id: Text to be sent back.
    """

    rows: NDArray[Any] | Named
    parameters: Parameters
    outputs: Mapping[str, Form]
    id: str | None

    @property
    def wants_bytes(self) -> bool:
        """``True`` if the answer has bytes after its JSON."""
        forms = self.outputs.values()
        return any(form.as_bytes for form in forms) if forms else self.parameters.as_bytes


def read(body: bytes, header_length: str | None, settings: Settings, spec: InputSpec) -> Inference:
    """Return the request that a body holds.

    Args:
        body: The body.
        header_length: Header :data:`HEADER_LENGTH`, if there is one.
        settings: Settings with the limits.
        spec: Input of the model.

    Raises:
        ServiceError: saying what is wrong and what is allowed.
    """
    header, rest = _parts(body, header_length)
    if len(header) > settings.max_json_bytes:
        raise TooLargeError(f"the JSON is too long; allowed are {settings.max_json_bytes} bytes: send binary tensors")
    content = request_body.parse_json(header, settings.max_json_depth)
    _check_keys(content)
    try:
        request = msgspec.convert(content, Request)
    except msgspec.ValidationError as error:
        reason = f"the request is not one of this protocol: {_readable(error)}"
        raise InvalidRequestError(reason, _pointer(error)) from error
    if request.id is not None and not (request.id.isprintable() and len(request.id) <= _LONGEST_ID):
        raise InvalidRequestError(f"id is not allowed; allowed are {_LONGEST_ID} characters that can be printed", "/id")
    parameters = read_parameters(request.parameters, "/parameters")
    outputs = _forms(request.outputs, parameters.as_bytes)
    return Inference(_rows(request.inputs, rest, settings.max_rows, spec), parameters, outputs, request.id)


def write(served: ServedPredictor, entries: Mapping[str, Any], outputs: Mapping[str, NDArray[Any]],
          inference: Inference) -> tuple[bytes, int | None]:  # fmt: skip
    """Return the body of an answer, and the length of its JSON part if bytes follow.

    Args:
        served: Model that answers.
        entries: Entries of the answer, as :func:`service.handlers.prediction.metadata` has them.

        outputs: All tensors there are, by name.
        inference: The request.

    Raises:
        InvalidRequestError: if a wanted tensor is not among them.
    """
    wanted = inference.outputs or dict.fromkeys(outputs, Form(inference.parameters.as_bytes))
    if missing := wanted.keys() - outputs.keys():
        place = list(wanted).index(min(missing))
        raise InvalidRequestError(
            f"there is no such output for this request; there are: {', '.join(outputs)}", f"/outputs/{place}"
        )
    tensors, tail = [], []
    for i, (name, form) in enumerate(wanted.items()):
        array = most_probable(served, name, outputs[name], form.classes, i) if form.classes else outputs[name]
        tensor = Output(name, list(array.shape), _datatype(array))
        if form.as_bytes:
            tail.append(_bytes(array))
            tensor.parameters = {"binary_data_size": len(tail[-1])}
        else:
            tensor.data = array.ravel().tolist()
        tensors.append(tensor)
    told = ("seed", "samples", "stop_reason", "interval_method", "adapted_level", "decision_reason")
    parameters = {name: entries[name] for name in told if name in entries}
    if "ignored" in entries:
        parameters["ignored"] = encode_json(entries["ignored"]).decode()  # a parameter is no list
    model = served.manifest
    answer = Answer(model.name, str(model.version), parameters, tensors, inference.id)
    header = msgspec.json.encode(answer)
    return header + b"".join(tail), len(header) if tail else None


def most_probable(served: ServedPredictor, name: str, array: NDArray[Any], count: int, place: int) -> NDArray[np.str_]:
    """Return the most probable classes of each row, ``(B, count)``, as texts ``probability:index:name``.

    Args:
        served: Model that answers.
        name: Name of the output.
        array: Probabilities, ``(B, C)``.
        count: Number of classes to name; all if there are not so many.
        place: Index of the output in the request.

    References:
        Triton's extension_classification.md.
    """
    outputs = served.spec.outputs
    if name != "mean" or outputs.outcome == "regression" or array.ndim != 2:
        raise InvalidRequestError(
            'classification is for the probabilities of a row\'s classes, the output "mean" of a classification; leave '
            "it out",
            f"/outputs/{place}/parameters/classification",
        )
    order = np.argsort(-array, axis=1, kind="stable")[:, :count]
    texts = [
        ["" if np.isnan(row[i]) else f"{row[i]:.9g}:{i}:{outputs.names[i]}" for i in best]  # nothing is known of it
        for row, best in zip(array, order, strict=True)
    ]
    return np.array(texts, dtype=np.str_).reshape(order.shape)


def _rows(tensors: Sequence[Tensor], rest: bytes, max_rows: int, spec: InputSpec) -> NDArray[Any] | Named:
    if spec.parts:
        return read_inputs(tensors, rest, max_rows)
    if spec.kind == "table" and spec.names and [tensor.name for tensor in tensors] != [INPUT]:
        return read_columns(tensors, rest, max_rows)
    if [tensor.name for tensor in tensors] != [INPUT]:
        raise InvalidRequestError(f'the model takes one tensor; allowed is one of the name "{INPUT}"', "/inputs")
    rows = read_numbers(tensors[0], rest)
    if len(rows) > max_rows:
        raise request_body.too_many_rows(len(rows), max_rows)
    return rows


def _forms(outputs: Sequence[Wanted], as_bytes: bool) -> dict[str, Form]:
    """Return the outputs that are asked for, each with its form."""
    forms: dict[str, Form] = {}
    for i, wanted in enumerate(outputs):
        if wanted.name in forms:
            raise InvalidRequestError("an output is asked for twice; leave one out", f"/outputs/{i}")
        forms[wanted.name] = read_form(wanted.parameters, as_bytes, f"/outputs/{i}/parameters")
    return forms


def _check_keys(content: Mapping[str, Any]) -> None:
    """Refuse keys that the protocol does not have; msgspec would repeat them."""
    found: list[tuple[str, Any, type[msgspec.Struct]]] = [("", content, Request)]
    for name, kind in (("inputs", Tensor), ("outputs", Wanted)):
        listed = content.get(name)
        found += [(f"/{name}/{i}", one, kind) for i, one in enumerate(listed if isinstance(listed, list) else ())]
    for place, one, schema in found:
        if isinstance(one, dict) and one.keys() - set(schema.__struct_fields__):
            raise InvalidRequestError(f"there is no such key; keys are: {', '.join(schema.__struct_fields__)}", place)


def _parts(body: bytes, header_length: str | None) -> tuple[bytes, bytes]:
    if header_length is None:
        return body, b""
    length = int(header_length) if re.fullmatch("[0-9]{1,10}", header_length) else -1
    if not 0 <= length <= len(body):
        raise InvalidRequestError(f"{HEADER_LENGTH} is not allowed; allowed is a length within the body")
    return body[:length], body[length:]


def _datatype(array: NDArray[Any]) -> Literal["FP64", "INT64", "BYTES"]:
    return "FP64" if array.dtype.kind == "f" else "INT64" if array.dtype.kind == "i" else "BYTES"


def _bytes(array: NDArray[Any]) -> bytes:
    """Return numbers as they lie in memory, and texts each behind its length."""
    if array.dtype.kind in "fi":
        return np.ascontiguousarray(array, NUMBERS[_datatype(array)]).tobytes()
    texts = [str(text).encode() for text in array.ravel()]
    return b"".join(len(text).to_bytes(4, "little") + text for text in texts)


def _pointer(error: msgspec.ValidationError) -> str:
    """Return the path at the end of a message of msgspec's, such as ``$.inputs[0].shape``, as a JSON pointer."""
    steps = re.search(r"`\$([.\w\[\]]*)`$", str(error))
    return re.sub(r"\.|\[", "/", steps[1].replace("]", "")) if steps else ""


def _readable(error: msgspec.ValidationError) -> str:
    """Return the message of an error of msgspec, which names types and places, and nothing of the input."""
    text = str(error)
    return text[0].lower() + text[1:]
