"""The Open Inference Protocol, version 2: its tensors, as JSON or as bytes behind a JSON header.

References:
    https://github.com/kserve/open-inference-protocol, and Triton's extensions for binary tensors and for the index of
    models.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from service.errors import InvalidRequestError
from service.handlers.open_inference_models import INPUT
from service.handlers.open_inference_parameters import (
    Form,
    Parameters,
    check_content_type,
    check_names,
    read_form,
    read_parameters,
)
from service.http import request_body
from service.runtime.registry import ServedPredictor

HEADER_LENGTH = "Inference-Header-Content-Length"
"""Header with the length of the JSON part of a body that has bytes after it."""

_NUMBERS = {
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
    "INT8": "<i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "UINT8": "<u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
}
_MOST_AXES = 8
_LONGEST_ID = 256


class Tensor(msgspec.Struct):
    """Tensor of a request: numbers in row-major order, or as bytes behind the JSON."""

    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, Any] = {}
    data: list[Any] | None = None


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
        values: Values of the one input, in the shape that the request gives.
        parameters: Parameters of the request as a whole.
        outputs: Names of the tensors asked for, with the form of each; empty for all.
        id: Text to be sent back.
    """

    values: NDArray[Any]
    parameters: Parameters
    outputs: Mapping[str, Form]
    id: str | None

    @property
    def wants_bytes(self) -> bool:
        """``True`` if the answer has bytes after its JSON."""
        forms = self.outputs.values()
        return any(form.as_bytes for form in forms) if forms else self.parameters.as_bytes


def read(body: bytes, header_length: str | None, max_depth: int) -> Inference:
    """Return the request that a body holds.

    Args:
        body: The body.
        header_length: Header :data:`HEADER_LENGTH`, if there is one.
        max_depth: Deepest nesting of the JSON.

    Raises:
        ServiceError: saying what is wrong and what is allowed.
    """
    header, rest = _parts(body, header_length)
    content = request_body.parse_json(header, max_depth)
    _check_keys(content)
    try:
        request = msgspec.convert(content, Request)
    except msgspec.ValidationError as error:
        reason = f"the request is not one of this protocol: {_readable(error)}"
        raise InvalidRequestError(reason, _pointer(error)) from error
    if request.id is not None and not (request.id.isprintable() and len(request.id) <= _LONGEST_ID):
        raise InvalidRequestError(f"id is not allowed; allowed are {_LONGEST_ID} characters that can be printed", "/id")
    if [tensor.name for tensor in request.inputs] != [INPUT]:
        raise InvalidRequestError(f'the model takes one tensor; allowed is one of the name "{INPUT}"', "/inputs")
    parameters = read_parameters(request.parameters, "/parameters")
    outputs = _forms(request.outputs, parameters.as_bytes)
    return Inference(_values(request.inputs[0], rest), parameters, outputs, request.id)


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
    parameters = {
        name: entries[name] for name in ("seed", "samples", "stop_reason", "interval_method") if name in entries
    }
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
    texts = [[f"{row[i]:.9g}:{i}:{outputs.names[i]}" for i in best] for row, best in zip(array, order, strict=True)]
    return np.array(texts, dtype=np.str_).reshape(order.shape)


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


def _values(tensor: Tensor, rest: bytes) -> NDArray[Any]:
    dtype = _NUMBERS.get(tensor.datatype)
    if dtype is None:
        raise InvalidRequestError(
            f"the datatype is not allowed; allowed are: {', '.join(_NUMBERS)}", "/inputs/0/datatype"
        )
    if not 1 <= len(tensor.shape) <= _MOST_AXES or not all(0 <= side < 2**31 for side in tensor.shape):
        raise InvalidRequestError(f"the shape is not allowed; allowed are 1 to {_MOST_AXES} sides", "/inputs/0/shape")
    check_names(tensor.parameters, ("binary_data_size", "content_type"), "/inputs/0/parameters")
    check_content_type(tensor.parameters, "/inputs/0/parameters")
    size = tensor.parameters.get("binary_data_size")
    if (size is None) == (tensor.data is None):
        raise InvalidRequestError("a tensor has either data or binary_data_size", "/inputs/0")
    if tensor.data is not None:
        if rest:
            raise InvalidRequestError("the body has bytes after its JSON that no tensor is made of")
        values: NDArray[Any] = request_body.numbers_from_json(tensor.data, at="/inputs/0/data")
        if values.dtype == object:
            raise InvalidRequestError("the lists in data differ in length; allowed are rows of one", "/inputs/0/data")
        if not _fits(tensor.data, np.dtype(dtype)):
            raise InvalidRequestError(
                f"data holds a number that is no {tensor.datatype}; allowed are whole numbers of its range",
                "/inputs/0/data",
            )
    else:
        if type(size) is not int or size != len(rest) or size != math.prod(tensor.shape) * np.dtype(dtype).itemsize:
            raise InvalidRequestError(
                "binary_data_size is not allowed; allowed is what shape and datatype take, and as many bytes after the "
                f"JSON, whose length the header {HEADER_LENGTH} tells",
                "/inputs/0/parameters/binary_data_size",
            )
        values = request_body.as_float32(np.frombuffer(rest, dtype))
    if values.size != math.prod(tensor.shape):
        raise InvalidRequestError("data does not have as many numbers as shape says", "/inputs/0/data")
    return values.reshape(tensor.shape)


def _fits(data: list[Any], dtype: np.dtype[Any]) -> bool:
    """Return ``True`` unless the type is one of whole numbers and a number is not; their own types keep every digit."""
    if dtype.kind == "f":
        return True
    given, limits = np.asarray(data), np.iinfo(dtype)
    with np.errstate(invalid="ignore"):  # infinity has no remainder
        return bool(((given % 1 == 0) & (given >= limits.min) & (given <= limits.max)).all())


def _datatype(array: NDArray[Any]) -> Literal["FP64", "INT64", "BYTES"]:
    return "FP64" if array.dtype.kind == "f" else "INT64" if array.dtype.kind == "i" else "BYTES"


def _bytes(array: NDArray[Any]) -> bytes:
    """Return numbers as they lie in memory, and texts each behind its length."""
    if array.dtype.kind in "fi":
        return np.ascontiguousarray(array, _NUMBERS[_datatype(array)]).tobytes()
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
