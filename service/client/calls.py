"""Every call to the service, described once for the blocking and the asynchronous client."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar, Unpack

import httpx
import numpy as np
from numpy.typing import ArrayLike

from service.client.answers import Acquired, Encoded, Generated, Prediction, Projected, Reconstructed
from service.client.errors import UnreachableError
from service.client.exchange import Exchange, Pause, carried_out
from service.client.image_parts import generate_in_parts, image_count, read_in_parts
from service.client.options import AcquireOptions, AnswerOptions, Controls, GenerateOptions, PredictOptions, Sweep
from service.client.outcome_parts import report_in_parts
from service.client.parts import FEW, MUCH, predict_in_parts
from service.client.reading import read_acquisition, read_codes, read_images, read_projection, read_reconstruction
from service.client.requests import JSON, NPY, Request, images_request, npy
from service.client.retries import deliver
from service.client.rows import RowsLike, as_outputs, as_rows, json_of

T = TypeVar("T")
E = TypeVar("E", bound=Encoded)

_POLL_SECONDS = 0.25


class Calls:
    """All calls, each an exchange: ``Client`` returns its answer ``T``, ``AsyncClient`` an awaitable of it.

    Every call may raise :class:`~service.client.errors.RefusedError` or ``UnreachableError``.

    Attributes:
        timeout: Seconds that one call may take, all its attempts together.
    """

    timeout: float

    @carried_out
    def models(self) -> Exchange[list[dict[str, Any]]]:
        """Return the catalogue: an entry for every model that is served."""
        return self._ask(Request("GET", "/models"), lambda response: response.json()["models"])

    @carried_out
    def model(self, name: str, *, version: int | None = None) -> Exchange[dict[str, Any]]:
        """Return a model's entry with its manifest, figures, card and limits; the newest version's if none is named."""
        return self._ask(Request("GET", f"/models/{name}", {"version": version}), httpx.Response.json)

    @carried_out
    def controls(self, family: str) -> Exchange[list[dict[str, Any]]]:
        """Return the latent controls of a family of generators."""
        return self._ask(Request("GET", f"/generate/{family}"), lambda response: response.json()["controls"])

    @carried_out
    def predict(self, inputs: RowsLike, **options: Unpack[PredictOptions]) -> Exchange[Prediction]:
        """Return the predictive distribution of raw rows; of more than a request may have, in several requests.

        Args:
            inputs: Rows by column name: records, an object of columns, a frame of pandas, polars or Arrow; or by
                position an array ``(rows, ...)`` in the model's input shape, or flat. Of a model of several inputs an
                array ``(rows, ...)`` for each by its name, or records.
            options: Options of ``POST /predict``.

        Raises:
            ClientError: if rows in different requests would have to know of each other, as for their covariance.
        """
        rows = as_rows(inputs)
        limits: Mapping[str, float] = {}
        if rows.count > FEW or rows.array_bytes > MUCH:
            limits = (yield from self._entry("/predict", options))["limits"]
        return (yield from predict_in_parts(rows, limits, options, self.timeout))

    @carried_out
    def calibrated(
        self, name: str, arrays: Mapping[str, ArrayLike], **options: Unpack[AnswerOptions]
    ) -> Exchange[Prediction]:
        """Return the calibrated answer to outputs of a model that lives elsewhere; of many rows, in several requests.

        Args:
            name: Name of the calibration.
            arrays: Outputs by name: "logits" or "probabilities" ``(rows, classes)``, or "mean" and "variance"
                ``(rows, targets)``, or ``(draws, rows, ...)`` of them; perhaps "features" ``(rows, features)``.
            options: Options of ``POST /calibrated/{name}``.

        Raises:
            ClientError: if rows in different requests would have to know of each other, as for their covariance.
        """
        rows = as_outputs(arrays)
        limits: Mapping[str, float] = {}
        if rows.count > FEW:
            entry = yield from self._entry("/calibrated", {"model": name, "version": options.get("version")})
            limits = entry["limits"]
        return (yield from predict_in_parts(rows, limits, options, self.timeout, f"/calibrated/{name}"))

    @carried_out
    def acquire(
        self,
        inputs: RowsLike,
        n: int,
        acquisition: Literal["bald", "batchbald", "epig", "random"] = "batchbald",
        *,
        targets: RowsLike | None = None,
        **options: Unpack[AcquireOptions],
    ) -> Exchange[Acquired]:
        """Return the rows of a pool to label next; the pool goes in one request, as rows are chosen together.

        Args:
            inputs: Pool of rows without a label, as of :meth:`predict`.
            n: Number of rows to choose.
            acquisition: Way of choosing.
            targets: Rows like those that the model is to be good at, for "epig"; ``None`` is the pool.
            options: Options of ``POST /acquire``.
        """
        pool, query = as_rows(inputs), {**options, "n": n, "acquisition": acquisition}
        content, media = pool.body(0, pool.count), pool.media
        if targets is not None:
            content, media = json_of(inputs=inputs, targets=targets), JSON
        return self._ask(Request("POST", "/acquire", query, content, media), read_acquisition)

    @carried_out
    def report_outcomes(
        self, answer: Prediction, outcomes: Any, *, on_unknown: Literal["refuse", "skip"] = "refuse"
    ) -> Exchange[dict[str, int]]:
        """Report what came true of the rows of a prediction that was made with ``record=True``.

        What is returned is durable: the numbers of outcomes ``recorded``, of those that had been ``repeated``, and of
        those ``skipped``. Reporting the same again changes nothing.

        Args:
            answer: The prediction.
            outcomes: Outcome of each row: a class, a number, a list; ``None`` or NaN where it is not known yet.
            on_unknown: Treatment of rows that the service no longer remembers.

        Raises:
            ClientError: if there are more or fewer outcomes than rows.
        """
        return report_in_parts(answer, outcomes, on_unknown, self.timeout)

    @carried_out
    def outcomes(self, name: str, *, version: int | None = None) -> Exchange[dict[str, Any]]:
        """Return what the outcomes of a model show: live coverage, calibration and error, by class and group."""
        return self._ask(Request("GET", f"/outcomes/{name}", {"version": version}), httpx.Response.json)

    @carried_out
    def generate(self, family: str, **options: Unpack[GenerateOptions]) -> Exchange[Generated]:
        """Return images, each made by its own seed and codes alone; of more than a request may have, in several.

        Args:
            family: Family of generators.
            options: Options of ``POST /generate/{family}``.
        """
        if image_count(options) <= FEW:
            return (yield from self._ask(images_request(family, "", options), read_images))
        entry = yield from self._entry(f"/generate/{family}", options)
        return (yield from generate_in_parts(family, entry, options, self.timeout))

    @carried_out
    def traverse(
        self,
        family: str,
        *,
        rows: Sweep | None = None,
        columns: Sweep | None = None,
        seed: int | None = None,
        **controls: Unpack[Controls],
    ) -> Exchange[Generated]:
        """Return a grid of images, row by row, in which one or two controls move and everything else is held.

        Args:
            family: Family of generators.
            rows: Control that moves from row to row.
            columns: Control that moves from column to column.
            seed: Seed of everything that neither moves nor is set.
            controls: Settings of the code, the same for all images.
        """
        options = {"rows": rows, "columns": columns, "seed": seed, **controls}
        return self._ask(images_request(family, "/traverse", options), read_images)

    @carried_out
    def interpolate(
        self,
        family: str,
        start: Mapping[str, Any],
        end: Mapping[str, Any],
        *,
        steps: int = 8,
        method: Literal["slerp", "lerp"] = "slerp",
        **controls: Unpack[Controls],
    ) -> Exchange[Generated]:
        """Return images on the way from one code to another.

        Args:
            family: Family of generators.
            start: Code of the first image, such as ``{"seed": 3}`` or ``{"z": [...]}``.
            end: Code of the last image.
            steps: Number of images, both ends included.
            method: Path of Gaussian noise: along the great circle (slerp) or straight (lerp).
            controls: Settings of the code at both ends.
        """
        options = {"from": start, "to": end, "steps": steps, "method": method, **controls}
        return self._ask(images_request(family, "/interpolate", options), read_images)

    @carried_out
    def mix(
        self,
        family: str,
        *,
        coarse: int | Sequence[int] | None = None,
        middle: int | Sequence[int] | None = None,
        fine: int | Sequence[int] | None = None,
        seed: int | Sequence[int] | None = None,
        **controls: Unpack[Controls],
    ) -> Exchange[Generated]:
        """Return images whose levels have the styles of different seeds.

        Args:
            family: Family of generators.
            coarse: Seed of the first layers' styles, or one seed per image; likewise for the other levels.
            middle: Seed of the middle layers' styles.
            fine: Seed of the last layers' styles.
            seed: Seed of the levels left out, and of all else that is drawn.
            controls: Settings of the code, the same for all images.
        """
        options = {"coarse": coarse, "middle": middle, "fine": fine, "seed": seed, **controls}
        return self._ask(images_request(family, "/mix", options), read_images)

    @carried_out
    def encode(self, family: str, inputs: ArrayLike, *, model: str | None = None) -> Exchange[Encoded]:
        """Return the latent codes that are read off raw images.

        Args:
            family: Family of generators.
            inputs: Array ``(images, ...)`` in the model's input shape, or flat.
            model: Checkpoint, where several share the family.
        """
        return self._read(Request("POST", f"/encode/{family}", {"model": model}), family, inputs, read_codes)

    @carried_out
    def reconstruct(
        self, family: str, inputs: ArrayLike, *, samples: int = 50, seed: int | None = None, model: str | None = None
    ) -> Exchange[Reconstructed]:
        """Return raw images as they are made again from the codes that they allow.

        Args:
            family: Family of generators.
            inputs: Array ``(images, ...)`` in the model's input shape, or flat.
            samples: Number of codes drawn for each image.
            seed: Seed of the draws.
            model: Checkpoint, where several share the family.
        """
        query = {"samples": samples, "seed": seed, "model": model}
        return self._read(Request("POST", f"/reconstruct/{family}", query), family, inputs, read_reconstruction)

    @carried_out
    def project(
        self,
        family: str,
        image: ArrayLike,
        *,
        model: str | None = None,
        progress: Callable[[float], None] = lambda share: None,
    ) -> Exchange[Projected]:
        """Search for the style code of one raw image; a search that outlasts the client's timeout is cancelled.

        Args:
            family: Family of generators.
            image: Array in the model's input shape.
            model: Checkpoint, where several share the family.
            progress: Called with the share that is done, from 0 to 1.

        Raises:
            UnreachableError: if the search takes longer than the timeout.
        """
        end = time.monotonic() + self.timeout
        content = npy(np.asarray(image)[None])
        begin = Request("POST", f"/project/{family}", {"model": model}, content, NPY, repeatable=False)
        path = f"/jobs/{(yield from self._ask(begin, httpx.Response.json))['id']}"
        try:
            job = yield from self._ask(Request("GET", path), httpx.Response.json)
            while job.get("state") in ("queued", "running"):
                progress(job["progress"])
                if time.monotonic() + _POLL_SECONDS >= end:
                    raise UnreachableError(f"the search was not done within {self.timeout:g} s")
                yield Pause(_POLL_SECONDS)
                job = yield from self._ask(Request("GET", path), httpx.Response.json)
        except BaseException:
            yield from self._ask(Request("DELETE", path), httpx.Response.json)
            raise
        return read_projection(job)

    def _entry(self, route: str, options: Mapping[str, Any]) -> Exchange[dict[str, Any]]:
        """Return the entry of the model that options name, or of the one that answers on a route without a name."""
        model = options.get("model")
        if model is None:
            catalogue = yield from self._ask(Request("GET", "/models"), httpx.Response.json)
            names = sorted({entry["name"] for entry in catalogue["models"] if entry["route"] == route})
            model = names[0] if len(names) == 1 else catalogue["default"]
        request = Request("GET", f"/models/{model}", {"version": options.get("version")})
        entry: dict[str, Any] = yield from self._ask(request, httpx.Response.json)
        return entry

    def _read(
        self, request: Request, family: str, inputs: ArrayLike, read: Callable[[httpx.Response], E]
    ) -> Exchange[E]:
        """Send raw images, and return what is read off them."""
        images = np.atleast_1d(np.asarray(inputs))
        size = max(len(images), 1)
        if size > FEW:
            size = int((yield from self._entry(f"/generate/{family}", request.query))["limits"]["images"])
        return (yield from read_in_parts(request, images, size, read, self.timeout))

    def _ask(self, request: Request, read: Callable[[httpx.Response], T]) -> Exchange[T]:
        """Send a request, and read its answer."""
        return read((yield from deliver(request, self.timeout)))
