"""A Python client of the service: NumPy arrays in, dataclasses of arrays out. ::

    with Client("http://localhost:8000") as credence:
        answer = credence.predict(rows, model="digits-mlp-mc_dropout", samples=50)
        answer.mean, answer.mutual_information, answer.decision

Arrays travel as .npy and .npz files, bit by bit. A call that the service is too busy for, or that does not reach it,
is made again until the call's time is over, no sooner than ``Retry-After`` says; the time left travels with it, so
that the service never works for somebody who has gone. Nothing here imports torch.
"""

from __future__ import annotations

import asyncio
import base64
import io
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Generic, Literal, Self, TypedDict, TypeVar, Unpack

import httpx
import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

T = TypeVar("T")
Float64Array = NDArray[np.float64]
Texts = NDArray[np.str_]

_JSON, _NPY, _NPZ = "application/json", "application/x-npy", "application/x-npz"
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_POLL_SECONDS = 0.25


class ClientError(Exception):
    """A call without an answer."""


class UnreachableError(ClientError):
    """The service was not reached, or did not answer, within the call's time."""


class RefusedError(ClientError):
    """The service refused a request.

    Attributes:
        status: Of HTTP.
        code: What was wrong, a word that does not change.
        detail: What was given and what is allowed.
        request_id: As in the service's log.
    """

    def __init__(self, status: int, code: str, detail: str, request_id: str) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status, self.code, self.detail, self.request_id = status, code, detail, request_id


class PredictOptions(TypedDict, total=False):
    """As of ``POST /predict``."""

    model: str
    version: int
    samples: int | Literal["auto"]
    tolerance: float
    aleatoric_samples: int
    seed: int | Literal["random"]
    outputs: Sequence[str]
    interval: float
    draws: bool
    covariance: bool


class Controls(TypedDict, total=False):
    """As of ``POST /generate/{family}``; ``GET /generate/{family}`` tells which a family has."""

    model: str
    version: int
    codes: Mapping[str, Any]
    z: ArrayLike
    w: ArrayLike
    truncation_psi: float
    resolution: int
    fade_alpha: float
    noise: Literal["const", "random", "none"]


class GenerateOptions(Controls, total=False):
    """And how many."""

    n: int
    seed: int | Literal["random"]
    seeds: Sequence[int] | str


class Sweep(TypedDict, total=False):
    """One axis of a traversal."""

    control: str
    index: int
    values: Sequence[float | str]
    steps: int
    spacing: Literal["linear", "normal"]


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """A predictive distribution; the first axis is the rows. ``None`` where the model, or one draw, does not know.

    Attributes:
        label: Likeliest class; the likely labels joined by commas if there may be several (multilabel).
        mean: Class probabilities ``(rows, classes)``, or expected targets ``(rows, targets)`` in their units.
        aleatoric_variance: Noise in the data, in those units squared.
        epistemic_variance: Disagreement of the draws.
        predictive_entropy: In nats, as its parts ``expected_entropy`` (aleatoric) and ``mutual_information``
            (epistemic).
        standard_error: Monte-Carlo error of ``mean``.
        ood_score: How little is known of a row; above a threshold, ``decision`` is "abstain".
        lower, upper: Interval of the level that was asked for (regression).
        prediction_set: Classes of the level that was asked for, joined by commas (classification).
        draws: Each draw's mean, ``(draws, rows, ...)``.
        covariance: Epistemic, between the rows, ``(outputs, rows, rows)``.
    """

    model: str
    version: str
    task: str
    method: str
    seed: int
    samples: int
    stop_reason: str
    classes: tuple[str, ...] | None = None
    targets: tuple[str, ...] | None = None
    label: Texts | None = None
    mean: Float64Array | None = None
    aleatoric_variance: Float64Array | None = None
    epistemic_variance: Float64Array | None = None
    total_variance: Float64Array | None = None
    predictive_entropy: Float64Array | None = None
    expected_entropy: Float64Array | None = None
    mutual_information: Float64Array | None = None
    standard_error: Float64Array | None = None
    ood_score: Float64Array | None = None
    decision: Texts | None = None
    interval_method: str | None = None
    lower: Float64Array | None = None
    upper: Float64Array | None = None
    prediction_set: Texts | None = None
    draws: Float64Array | None = None
    covariance: Float64Array | None = None


@dataclass(frozen=True, kw_only=True)
class Generated:
    """Images with what made them.

    Attributes:
        pixels: ``(n, channels, height, width)`` in [0, 1].
        seeds: Any of them makes its image again; of an interpolation, those of its ends.
        codes: Named controls, one value an image.
    """

    model: str
    version: str
    family: str
    pixels: NDArray[np.float32]
    seeds: tuple[int, ...]
    codes: dict[str, list[Any]]

    @property
    def images(self) -> list[Image.Image]:
        """As pictures, grey or in colour."""
        return [_picture(one) for one in self.pixels]


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """What images tell of their codes.

    Attributes:
        codes: By control, ``mean`` and ``variance`` of a continuous one, ``probabilities`` and ``value`` of a
            categorical one; the first axis is the images.
    """

    model: str
    version: str
    family: str
    codes: dict[str, dict[str, NDArray[Any]]]


@dataclass(frozen=True, kw_only=True)
class Reconstructed(Encoded):
    """Images as their codes tell them, in the units of the inputs; epistemic is the disagreement of the codes."""

    seed: int
    samples: int
    mean: Float64Array
    aleatoric_variance: Float64Array
    epistemic_variance: Float64Array | None
    total_variance: Float64Array | None


@dataclass(frozen=True, kw_only=True)
class Projected:
    """The style code that makes an image most alike.

    Attributes:
        w: ``(layers, w)``, to be sent to ``generate``.
        loss: How unlike it is.
    """

    model: str
    version: str
    family: str
    w: Float64Array
    loss: float
    image: Image.Image


@dataclass(frozen=True)
class _Call(Generic[T]):
    """One request and how its answer is read."""

    method: str
    path: str
    read: Callable[[httpx.Response], T]
    query: Mapping[str, Any]
    content: bytes | None = None
    sent: str = _JSON
    accept: str = _JSON
    repeatable: bool = True


class _Attempts:
    """When a call may be made again, and how much time it has."""

    def __init__(self, seconds: float, repeatable: bool) -> None:
        self._end = time.monotonic() + seconds
        self._pause = _FIRST_PAUSE
        self._repeatable = repeatable

    def left(self) -> float:
        """Seconds; never none, so that an attempt can begin."""
        return max(self._end - time.monotonic(), 0.001)

    def after(self, response: httpx.Response) -> float:
        """Seconds to wait before the next attempt.

        Raises:
            RefusedError: if there shall be none.
        """
        wait = max(_number(response.headers.get("Retry-After")), self._next_pause())
        if response.status_code not in (429, 503) or time.monotonic() + wait >= self._end:
            raise _refusal(response)
        return wait

    def after_failure(self, error: httpx.TransportError) -> float:
        """The same if nothing came back."""
        wait = self._next_pause()
        never_sent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
        gives_up = isinstance(error, httpx.UnsupportedProtocol) or time.monotonic() + wait >= self._end
        if gives_up or not (self._repeatable or never_sent):
            raise UnreachableError(f"no answer from the service: {type(error).__name__}") from error
        return wait

    def _next_pause(self) -> float:
        pause, self._pause = self._pause, min(2 * self._pause, _LONGEST_PAUSE)
        return pause


class Client:
    """Calls the service and waits.

    Args:
        url: Of the service, as ``http://localhost:8000``.
        timeout: Seconds that a call may take, all its attempts together.
        headers: Sent with every request.
        transport: Of httpx, for who needs another.
    """

    def __init__(
        self,
        url: str = "http://localhost:8000",
        *,
        timeout: float = 30.0,
        headers: Mapping[str, str] | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.timeout = timeout
        self._http = httpx.Client(base_url=url, headers=headers, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def models(self) -> list[dict[str, Any]]:
        """The catalogue."""
        return self._run(_models())

    def model(self, name: str) -> dict[str, Any]:
        """A model's entry with its manifest, figures, card and limits."""
        return self._run(_model(name))

    def controls(self, family: str) -> list[dict[str, Any]]:
        """The latent controls of a family of generators."""
        return self._run(_controls(family))

    def predict(self, inputs: ArrayLike, **options: Unpack[PredictOptions]) -> Prediction:
        """The predictive distribution of raw rows ``(rows, ...)``, in the model's shape or flat."""
        return self._run(_predict(inputs, options))

    def generate(self, family: str, **options: Unpack[GenerateOptions]) -> Generated:
        """Images; item ``i`` is made by its own seed and codes alone."""
        return self._run(_images(family, "", dict(options)))

    def traverse(
        self,
        family: str,
        *,
        rows: Sweep | None = None,
        columns: Sweep | None = None,
        seed: int | None = None,
        **controls: Unpack[Controls],
    ) -> Generated:
        """A grid, row by row, in which one or two controls move and everything else is held."""
        return self._run(_images(family, "/traverse", {"rows": rows, "columns": columns, "seed": seed, **controls}))

    def interpolate(
        self,
        family: str,
        start: Mapping[str, Any],
        end: Mapping[str, Any],
        *,
        steps: int = 8,
        method: Literal["slerp", "lerp"] = "slerp",
        **controls: Unpack[Controls],
    ) -> Generated:
        """Images on the way from one code to another, each as ``{"seed": 3}`` or ``{"z": [...]}``."""
        way = {"from": start, "to": end, "steps": steps, "method": method}
        return self._run(_images(family, "/interpolate", {**way, **controls}))

    def mix(
        self,
        family: str,
        *,
        coarse: int | Sequence[int] | None = None,
        middle: int | Sequence[int] | None = None,
        fine: int | Sequence[int] | None = None,
        seed: int | Sequence[int] | None = None,
        **controls: Unpack[Controls],
    ) -> Generated:
        """Images whose levels have the styles of different seeds."""
        levels = {"coarse": coarse, "middle": middle, "fine": fine, "seed": seed}
        return self._run(_images(family, "/mix", {**levels, **controls}))

    def encode(self, family: str, inputs: ArrayLike, *, model: str | None = None) -> Encoded:
        """What raw images tell of their codes."""
        return self._run(_encode(family, inputs, {"model": model}))

    def reconstruct(
        self, family: str, inputs: ArrayLike, *, samples: int = 50, seed: int | None = None, model: str | None = None
    ) -> Reconstructed:
        """Raw images as the codes that they allow make them."""
        return self._run(_reconstruct(family, inputs, {"samples": samples, "seed": seed, "model": model}))

    def project(
        self,
        family: str,
        image: ArrayLike,
        *,
        model: str | None = None,
        progress: Callable[[float], None] = lambda share: None,
    ) -> Projected:
        """Search the style code of one raw image; what is not done within the client's timeout is cancelled.

        Args:
            progress: Told the share that is done, from 0 to 1.

        Raises:
            UnreachableError: if it takes longer.
        """
        end = time.monotonic() + self.timeout
        job = self._run(_begin(family, image, {"model": model}))
        try:
            while (found := self._run(_job(job))).get("state") in ("queued", "running"):
                progress(found["progress"])
                if time.monotonic() + _POLL_SECONDS >= end:
                    raise UnreachableError(f"the search was not done within {self.timeout:g} s")
                time.sleep(_POLL_SECONDS)
        except BaseException:
            self._run(_cancel(job))
            raise
        return _projected(found)

    def _run(self, call: _Call[T]) -> T:
        attempts = _Attempts(self.timeout, call.repeatable)
        while True:
            left = attempts.left()
            try:
                response = self._http.request(**_arguments(call, left), timeout=left)
            except httpx.TransportError as error:
                wait = attempts.after_failure(error)
            else:
                if response.is_success:
                    return call.read(response)
                wait = attempts.after(response)
            time.sleep(wait)


class AsyncClient:
    """The same for asyncio; what its methods take and answer is said at :class:`Client`."""

    def __init__(
        self,
        url: str = "http://localhost:8000",
        *,
        timeout: float = 30.0,
        headers: Mapping[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.timeout = timeout
        self._http = httpx.AsyncClient(base_url=url, headers=headers, transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.close()

    async def close(self) -> None:
        """As :meth:`Client.close`."""
        await self._http.aclose()

    async def models(self) -> list[dict[str, Any]]:
        """As :meth:`Client.models`."""
        return await self._run(_models())

    async def model(self, name: str) -> dict[str, Any]:
        """As :meth:`Client.model`."""
        return await self._run(_model(name))

    async def controls(self, family: str) -> list[dict[str, Any]]:
        """As :meth:`Client.controls`."""
        return await self._run(_controls(family))

    async def predict(self, inputs: ArrayLike, **options: Unpack[PredictOptions]) -> Prediction:
        """As :meth:`Client.predict`."""
        return await self._run(_predict(inputs, options))

    async def generate(self, family: str, **options: Unpack[GenerateOptions]) -> Generated:
        """As :meth:`Client.generate`."""
        return await self._run(_images(family, "", dict(options)))

    async def traverse(
        self,
        family: str,
        *,
        rows: Sweep | None = None,
        columns: Sweep | None = None,
        seed: int | None = None,
        **controls: Unpack[Controls],
    ) -> Generated:
        """As :meth:`Client.traverse`."""
        body = {"rows": rows, "columns": columns, "seed": seed, **controls}
        return await self._run(_images(family, "/traverse", body))

    async def interpolate(
        self,
        family: str,
        start: Mapping[str, Any],
        end: Mapping[str, Any],
        *,
        steps: int = 8,
        method: Literal["slerp", "lerp"] = "slerp",
        **controls: Unpack[Controls],
    ) -> Generated:
        """As :meth:`Client.interpolate`."""
        way = {"from": start, "to": end, "steps": steps, "method": method}
        return await self._run(_images(family, "/interpolate", {**way, **controls}))

    async def mix(
        self,
        family: str,
        *,
        coarse: int | Sequence[int] | None = None,
        middle: int | Sequence[int] | None = None,
        fine: int | Sequence[int] | None = None,
        seed: int | Sequence[int] | None = None,
        **controls: Unpack[Controls],
    ) -> Generated:
        """As :meth:`Client.mix`."""
        levels = {"coarse": coarse, "middle": middle, "fine": fine, "seed": seed}
        return await self._run(_images(family, "/mix", {**levels, **controls}))

    async def encode(self, family: str, inputs: ArrayLike, *, model: str | None = None) -> Encoded:
        """As :meth:`Client.encode`."""
        return await self._run(_encode(family, inputs, {"model": model}))

    async def reconstruct(
        self, family: str, inputs: ArrayLike, *, samples: int = 50, seed: int | None = None, model: str | None = None
    ) -> Reconstructed:
        """As :meth:`Client.reconstruct`."""
        return await self._run(_reconstruct(family, inputs, {"samples": samples, "seed": seed, "model": model}))

    async def project(
        self,
        family: str,
        image: ArrayLike,
        *,
        model: str | None = None,
        progress: Callable[[float], None] = lambda share: None,
    ) -> Projected:
        """As :meth:`Client.project`."""
        end = time.monotonic() + self.timeout
        job = await self._run(_begin(family, image, {"model": model}))
        try:
            while (found := await self._run(_job(job))).get("state") in ("queued", "running"):
                progress(found["progress"])
                if time.monotonic() + _POLL_SECONDS >= end:
                    raise UnreachableError(f"the search was not done within {self.timeout:g} s")
                await asyncio.sleep(_POLL_SECONDS)
        except BaseException:
            await asyncio.shield(self._run(_cancel(job)))
            raise
        return _projected(found)

    async def _run(self, call: _Call[T]) -> T:
        attempts = _Attempts(self.timeout, call.repeatable)
        while True:
            left = attempts.left()
            try:
                response = await self._http.request(**_arguments(call, left), timeout=left)
            except httpx.TransportError as error:
                wait = attempts.after_failure(error)
            else:
                if response.is_success:
                    return call.read(response)
                wait = attempts.after(response)
            await asyncio.sleep(wait)


def _arguments(call: _Call[Any], left: float) -> dict[str, Any]:
    """Of httpx's ``request``, with the time that the service may take."""
    headers = {"Accept": call.accept, "X-Request-Timeout-Ms": str(max(1, min(int(1000 * left), 999_999_999)))}
    if call.content is not None:
        headers["Content-Type"] = call.sent
    query = {name: _in_query(value) for name, value in call.query.items() if value is not None}
    return {"method": call.method, "url": call.path, "params": query, "content": call.content, "headers": headers}


def _models() -> _Call[list[dict[str, Any]]]:
    return _Call("GET", "/models", lambda response: response.json()["models"], {})


def _model(name: str) -> _Call[dict[str, Any]]:
    return _Call("GET", f"/models/{name}", httpx.Response.json, {})


def _controls(family: str) -> _Call[list[dict[str, Any]]]:
    return _Call("GET", f"/generate/{family}", lambda response: response.json()["controls"], {})


def _predict(inputs: ArrayLike, options: PredictOptions) -> _Call[Prediction]:
    return _Call("POST", "/predict", _prediction, {**options}, _npy(inputs), _NPY, _NPZ)


def _images(family: str, operation: str, body: dict[str, Any]) -> _Call[Generated]:
    given = {name: _listed(value) for name, value in body.items() if value is not None}
    where: dict[str, Any] = {name: given.pop(name) for name in ("model", "version") if name in given}
    request = httpx.Request("POST", "http://service", json={**given, "format": "npy"})
    return _Call("POST", f"/generate/{family}{operation}", _generated, where, request.content)


def _encode(family: str, inputs: ArrayLike, query: Mapping[str, Any]) -> _Call[Encoded]:
    return _Call("POST", f"/encode/{family}", _encoded, query, _npy(inputs), _NPY)


def _reconstruct(family: str, inputs: ArrayLike, query: Mapping[str, Any]) -> _Call[Reconstructed]:
    return _Call("POST", f"/reconstruct/{family}", _reconstructed, query, _npy(inputs), _NPY)


def _begin(family: str, image: ArrayLike, query: Mapping[str, Any]) -> _Call[str]:
    one = np.asarray(image)[None]
    read: Callable[[httpx.Response], str] = lambda response: response.json()["id"]  # noqa: E731
    return _Call("POST", f"/project/{family}", read, query, _npy(one), _NPY, repeatable=False)


def _job(identity: str) -> _Call[dict[str, Any]]:
    return _Call("GET", f"/jobs/{identity}", httpx.Response.json, {})


def _cancel(identity: str) -> _Call[dict[str, Any]]:
    return _Call("DELETE", f"/jobs/{identity}", httpx.Response.json, {})


def _prediction(response: httpx.Response) -> Prediction:
    with np.load(io.BytesIO(response.content), allow_pickle=False) as archive:
        entries: dict[str, Any] = dict(archive)
    renamed = {"interval_lower": "lower", "interval_upper": "upper"}
    known = {field.name for field in fields(Prediction)}
    entries = {renamed.get(name, name): value for name, value in entries.items()}
    values = {name: value.item() if value.ndim == 0 else value for name, value in entries.items() if name in known}
    for name in ("classes", "targets"):
        if name in values:
            values[name] = tuple(values[name].tolist())
    return Prediction(**values)


def _generated(response: httpx.Response) -> Generated:
    answer = response.json()
    pixels = np.stack([np.load(io.BytesIO(base64.b64decode(image))) for image in answer["images"]])
    return Generated(pixels=pixels, seeds=tuple(answer["seeds"]), codes=answer["codes"], **_of_model(answer))


def _encoded(response: httpx.Response) -> Encoded:
    answer = response.json()
    return Encoded(codes=_codes(answer), **_of_model(answer))


def _reconstructed(response: httpx.Response) -> Reconstructed:
    answer = response.json()
    columns = ("mean", "aleatoric_variance", "epistemic_variance", "total_variance")
    values: dict[str, Any] = {name: None if answer[name] is None else np.array(answer[name]) for name in columns}
    told = {"seed": answer["seed"], "samples": answer["samples"], "codes": _codes(answer)}
    return Reconstructed(**values, **told, **_of_model(answer))


def _projected(job: Mapping[str, Any]) -> Projected:
    if job["state"] != "done":
        raise ClientError(f"the search {job['state']}: {job['detail']}")
    image = Image.open(io.BytesIO(base64.b64decode(job["image"])))
    return Projected(w=np.array(job["w"]), loss=job["loss"], image=image, **_of_model(job))


def _of_model(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {name: answer[name] for name in ("model", "version", "family")}


def _codes(answer: Mapping[str, Any]) -> dict[str, dict[str, NDArray[Any]]]:
    return {name: {part: np.array(value) for part, value in code.items()} for name, code in answer["codes"].items()}


def _refusal(response: httpx.Response) -> RefusedError:
    try:
        problem = response.json()
        code, detail = problem["code"], problem["detail"]
    except (ValueError, KeyError, TypeError):  # of somebody between here and the service
        code, detail = "no-problem", "an answer that is not of this service"
    return RefusedError(response.status_code, code, detail, response.headers.get("X-Request-ID", ""))


def _npy(values: ArrayLike) -> bytes:
    array = np.asarray(values)
    file = io.BytesIO()
    np.save(file, array if array.dtype.kind in "iuf" else array.astype(np.float64), allow_pickle=False)
    return file.getvalue()


def _listed(value: Any) -> Any:
    """Arrays as lists, at any depth."""
    if isinstance(value, Mapping):
        return {name: _listed(item) for name, item in value.items() if item is not None}
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return [_listed(item) for item in value] if isinstance(value, list | tuple) else value


def _in_query(value: Any) -> Any:
    return ",".join(value) if isinstance(value, Iterable) and not isinstance(value, str) else value


def _number(text: str | None) -> float:
    return float(text) if text and text.isascii() and text.isdecimal() else 0.0


def _picture(pixels: NDArray[np.float32]) -> Image.Image:
    levels = np.rint(255 * np.clip(pixels, 0, 1)).astype(np.uint8)
    return Image.fromarray(levels[0] if len(levels) == 1 else levels.transpose(1, 2, 0))
