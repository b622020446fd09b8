"""The Open Inference Protocol, version 2: its tensors, as JSON or as bytes behind a JSON header.

References:
    https://github.com/kserve/open-inference-protocol, and Triton's extensions for binary tensors and for the index of
    models.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from service.errors import InvalidRequestError
from service.http import request_body
from service.runtime.registry import ServedPredictor

INPUT = "inputs"
"""Name of the one tensor that a model takes."""
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
_SHAPES = {
    "mean": "an output",
    "aleatoric_variance": "an output",
    "epistemic_variance": "an output",
    "total_variance": "an output",
    "predictive_entropy": "a position",
    "expected_entropy": "a position",
    "mutual_information": "a position",
    "standard_error": "an output",
}
"""What every statistic has one number for."""
_OF_DRAWS = ("epistemic_variance", "total_variance", "mutual_information", "standard_error")
"""Statistics that a model of one function does not have."""


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
        options: Options of the prediction by name, as yet unchecked.
        outputs: Names of the tensors asked for, with ``True`` for those asked for as bytes; empty for all.
        binary: ``True`` if outputs are asked for as bytes unless they say otherwise.
        id: Text to be sent back.
    """

    values: NDArray[Any]
    options: Mapping[str, Any]
    outputs: Mapping[str, bool]
    binary: bool
    id: str | None

    @property
    def wants_bytes(self) -> bool:
        """``True`` if the answer has bytes after its JSON."""
        return any(self.outputs.values()) if self.outputs else self.binary


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
    options = dict(request.parameters)
    binary = _flag(options.pop("binary_data_output", False), "/parameters/binary_data_output")
    outputs = {}
    for i, wanted in enumerate(request.outputs):
        _check_parameters(wanted.parameters, "binary_data", f"/outputs/{i}/parameters")
        if wanted.name in outputs:
            raise InvalidRequestError("an output is asked for twice; leave one out", f"/outputs/{i}")
        place = f"/outputs/{i}/parameters/binary_data"
        outputs[wanted.name] = _flag(wanted.parameters.get("binary_data", binary), place)
    return Inference(_values(request.inputs[0], rest), options, outputs, binary, request.id)


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
    wanted = inference.outputs or dict.fromkeys(outputs, inference.binary)
    if missing := wanted.keys() - outputs.keys():
        place = list(wanted).index(min(missing))
        raise InvalidRequestError(
            f"there is no such output for this request; there are: {', '.join(outputs)}", f"/outputs/{place}"
        )
    tensors, tail = [], []
    for name, as_bytes in wanted.items():
        array = outputs[name]
        tensor = Output(name, list(array.shape), _datatype(array))
        if as_bytes:
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


def metadata(served: ServedPredictor, versions: list[str]) -> dict[str, Any]:
    """Return the tensors that a model takes and answers, with -1 for the number of rows.

    Intervals come on top where a request asks for them.
    """
    outputs, calibration = served.spec.outputs, served.manifest.calibration
    each = [-1, *served.backend.positions]
    has_draws = served.backend.max_samples is None or served.backend.max_samples > 1
    known = [name for name in _SHAPES if has_draws or name not in _OF_DRAWS]
    tensors = [
        {"name": name, "datatype": "FP64", "shape": each + [outputs.size] * (_SHAPES[name] == "an output")}
        for name in known
    ]
    if outputs.outcome != "regression":
        tensors.insert(0, {"name": "label", "datatype": "BYTES", "shape": each})
    if "mutual_information" in known:
        tensors.append({"name": "ood_score", "datatype": "FP64", "shape": [-1]})
        tensors += [{"name": "decision", "datatype": "BYTES", "shape": [-1]}] if calibration is not None else []
    return {
        "name": served.manifest.name,
        "versions": versions,
        "platform": f"credence_{served.backend.name}",
        "inputs": [{"name": INPUT, "datatype": "FP32", "shape": [-1, *served.inputs.shape]}],
        "outputs": tensors,
    }


def _check_keys(content: Mapping[str, Any]) -> None:
    """Refuse keys that the protocol does not have; msgspec would repeat them."""
    found: list[tuple[str, Any, type[msgspec.Struct]]] = [("", content, Request)]
    for name, kind in (("inputs", Tensor), ("outputs", Wanted)):
        listed = content.get(name)
        found += [(f"/{name}/{i}", one, kind) for i, one in enumerate(listed if isinstance(listed, list) else ())]
    for place, one, schema in found:
        if isinstance(one, dict) and one.keys() - set(schema.__struct_fields__):
            raise InvalidRequestError(f"there is no such key; keys are: {', '.join(schema.__struct_fields__)}", place)


def _check_parameters(given: Mapping[str, Any], known: str, place: str) -> None:
    if given.keys() - {known}:
        raise InvalidRequestError(f"there is no such parameter; there is: {known}", place)


def _flag(value: object, place: str) -> bool:
    if not isinstance(value, bool):
        raise InvalidRequestError(f"{place.split('/')[-1]} is not allowed; allowed are true and false", place)
    return value


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
    _check_parameters(tensor.parameters, "binary_data_size", "/inputs/0/parameters")
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
