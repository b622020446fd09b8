"""Checkpoints: a folder that training writes and the service reads. Nothing in it is ever executed.

``<store>/<name>/<version>/`` holds ``manifest.json`` (what the model is), ``weights.safetensors`` (float32, or 16 bits
that float32 holds exactly), ``examples.safetensors`` (a few inputs with the answers they had when saved), ``card.md``,
the pictures that the card shows (``*.png``), of a calibrated model ``calibration.safetensors``, of an exported one its
graph (``network.onnx`` or ``generator.onnx``) and where it pays that of its answers (``answer.onnx``), and
``SHA256SUMS`` over all of them, which ``sha256sum -c`` checks too. A signed one has ``SHA256SUMS.sig`` besides
(:mod:`models.checkpoints.signatures`).
"""

from __future__ import annotations

import hashlib
import json
import math
import platform
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import safetensors
import safetensors.torch
import torch
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Meta
from torch import Tensor, nn

from models.catalogue import Component, build
from models.checkpoints.folder import CHECKSUMS, Folder, checksums, opened
from models.checkpoints.memory import MOST_MODEL_BYTES, Weights, measure
from models.checkpoints.signatures import SIGNATURE, SIGNATURE_BYTES, check_signature
from models.checkpoints.writing import move, temporary_folder, write_files
from models.errors import CheckpointError, CredenceError, UnknownComponentError, printable
from models.generation.generator import Generator
from models.generators import GENERATORS
from models.graphs import MOST_BYTES, check_graph
from models.guarantees import calibration as calibration_file
from models.guarantees.calibration import Calibration, CalibrationRows
from models.likelihoods import LIKELIHOODS
from models.networks import NETWORKS
from models.posteriors import POSTERIORS
from models.prediction.graph_network import IMPORTED, GraphNetwork
from models.prediction.likelihood import Likelihood
from models.prediction.outputs import OUTPUTS, SentDraws, SentOutputs
from models.prediction.posterior import Posterior
from models.prediction.predictor import Predictor
from models.prediction.reference import Reference, ReferenceSpec
from models.prediction.regression import Regression
from models.specs import InputSpec, OutputSpec

Model = Predictor | Generator

FORMAT_VERSION = 1
NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
MOST_VERSIONS = 999_999_999
PICTURE_NAME = re.compile(r"[a-z0-9_-]{1,64}\.png")

ANSWER_FILE = "answer.onnx"
GRAPH_FILES = (ANSWER_FILE, "generator.onnx", "network.onnx")

MANIFEST = "manifest.json"
_REQUIRED = ("card.md", "examples.safetensors", MANIFEST, "weights.safetensors")
_MOST_MANIFEST_BYTES = 2_000_000
"""Bytes of a manifest: those of ten thousand classes and columns, and few enough to be parsed in a moment."""
_MOST_BYTES = {
    "card.md": 4_000_000,
    "examples.safetensors": 256_000_000,
    MANIFEST: _MOST_MANIFEST_BYTES,
    calibration_file.FILE: 256_000_000,
    **dict.fromkeys(GRAPH_FILES, MOST_BYTES),
}
_HALVES = (torch.bfloat16, torch.float16)
"""Types of 16 bits that weights may have in their file; a model computes in float32."""
_MOST_PICTURE_BYTES = 16_000_000
_MOST_HEADER_BYTES = 4_000_000
"""Bytes of the names and shapes before the weights."""


class PredictorSpec(msgspec.Struct, frozen=True, tag="predictor", forbid_unknown_fields=True):
    """Everything but the weights of a predictive model: network x posterior x likelihood.

    Attributes:
        reference: Sizes of what is kept of the training rows; ``None`` in checkpoints that are older than it.
    """

    network: Component
    posterior: Component
    likelihood: Component
    inputs: InputSpec
    outputs: OutputSpec
    reference: ReferenceSpec | None = None

    def build(self, graph: bytes | None = None) -> Predictor:
        """Return the model with fresh weights.

        Args:
            graph: Serialised graph of a network that came from elsewhere, which is all that there is of it.
        """
        likelihood = self._likelihood()
        network = self._imported(graph) if self.network.name == IMPORTED else self._network(likelihood.outputs)
        posterior, reference = self._posterior(network), None if self.reference is None else Reference(self.reference)
        predictor = Predictor(posterior, likelihood, self.inputs, self.outputs, reference).eval()
        self._check_positions(predictor.positions)
        return predictor

    def measure(self, most_bytes: int) -> Weights:
        """Return what the model's weights take, without making it; see :func:`~models.checkpoints.memory.measure`."""
        build = PredictorSpec._build_without_graph if self.network.name == IMPORTED else PredictorSpec.build
        return measure(lambda inputs: build(msgspec.structs.replace(self, inputs=inputs)), self.inputs, most_bytes)

    def _build_without_graph(self) -> nn.Module:
        """Return all weights of an imported model, which has others in its graph."""
        parts = [self._likelihood(), self._posterior(self._imported(b""))]
        return nn.ModuleList(parts if self.reference is None else [*parts, Reference(self.reference)])

    def _likelihood(self) -> Likelihood:
        likelihood = build(LIKELIHOODS, self.likelihood, self.outputs.size)
        if likelihood.task != self.outputs.outcome:
            raise UnknownComponentError(f"{self.likelihood.name} is for {likelihood.task}, not {self.outputs.task}")
        support = likelihood.support if isinstance(likelihood, Regression) else "real"
        if support != self.outputs.support:
            raise UnknownComponentError(f"{self.likelihood.name} is for {support} targets, not {self.outputs.support}")
        return likelihood

    def _posterior(self, network: nn.Module) -> Posterior:
        posteriors: dict[str, type[Posterior]] = {**POSTERIORS, OUTPUTS: SentDraws}
        return build(posteriors, self.posterior, network, self.inputs.shape)

    def _network(self, outputs: int) -> nn.Module:
        return build({**NETWORKS, OUTPUTS: SentOutputs}, self.network, self.inputs.shape, outputs)

    def _imported(self, graph: bytes | None) -> GraphNetwork:
        if graph is None:
            raise UnknownComponentError("an imported network is a graph, and network.onnx is missing")
        return build({IMPORTED: GraphNetwork}, self.network, graph)

    def _check_positions(self, positions: tuple[int, ...]) -> None:
        """A class for every pixel takes a network that answers for every pixel, and nothing else does."""
        per_pixel = positions in self.inputs.grids
        if self.outputs.outcome == "classification" and per_pixel != (self.outputs.task == "segmentation"):
            answers = f"one answer for each of {positions}" if positions else "one answer a row"
            raise UnknownComponentError(f"{self.network.name} gives {answers}, not a {self.outputs.task}")


class GeneratorSpec(msgspec.Struct, frozen=True, tag="generator", forbid_unknown_fields=True):
    """Everything but the weights of a generator; the component's name is its family."""

    generator: Component
    images: InputSpec

    def build(self, graph: bytes | None = None) -> Generator:
        """Return the model with fresh weights; a graph is a second form of it, which is not needed."""
        return build(GENERATORS, self.generator, self.images.shape).eval()

    def measure(self, most_bytes: int) -> Weights:
        """Return what the model's weights take, without making it; see :func:`~models.checkpoints.memory.measure`."""
        return measure(lambda _: self.build(), self.images, most_bytes)


class Origin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The provenance of a checkpoint and its figures: everything that it takes to get them again.

    Attributes:
        command: Command line that trains the same model.
        machine: Kind of machine that it was trained on, never a host's name.
        tested: Rows that the figures were measured on.
        samples: Number of draws of each prediction behind the figures.
        recipe: Name of the hyper-parameters' source; empty in checkpoints that are older than it.
        choices: Sentences on what was decided for the user.
        fingerprint: Hash of the user's own file or folder; empty for data that are known by name.
        reading: Options that it was read with, as on the command line.
    """

    command: str
    machine: str
    tested: str
    samples: int
    recipe: str = ""
    choices: tuple[str, ...] = ()
    fingerprint: str = ""
    reading: str = ""


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The description that a checkpoint carries of itself.

    Attributes:
        figures: Figures measured after training, by name with the unit in it.
        data: The data set's name.
        seed: Seed of the training run.
        calibration: Summary of the calibration of a predictive model; ``None`` if it was not calibrated.
        created: Time of creation in UTC, ISO 8601.
        origin: ``None`` in checkpoints that are older than it.
        opset: Version of the ONNX operators of its graph; ``None`` without a graph.
    """

    name: Annotated[str, Meta(pattern=rf"^{NAME.pattern}\Z")]
    version: Annotated[int, Meta(ge=0, le=MOST_VERSIONS)]
    model: PredictorSpec | GeneratorSpec
    data: str
    seed: int
    figures: dict[str, float]
    calibration: Calibration | None = None
    libraries: dict[str, str] = msgspec.field(default_factory=lambda: _libraries())
    created: str = msgspec.field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    format_version: int = FORMAT_VERSION
    origin: Origin | None = None
    opset: int | None = None

    @property
    def graph_file(self) -> str:
        """The name of the file that holds its graph, if it has one."""
        return "network.onnx" if isinstance(self.model, PredictorSpec) else "generator.onnx"

    @property
    def method(self) -> str:
        """The posterior's name, or the generator's family."""
        return self.model.posterior.name if isinstance(self.model, PredictorSpec) else self.model.generator.name


@dataclass(frozen=True)
class Checkpoint:
    """A loaded, verified checkpoint: the model in evaluation mode on the CPU.

    Attributes:
        pictures: PNG files by name, as the card links them.
        calibration: Calibration rows, by what it said of them; ``None`` without any, and in checkpoints of older code.
        graph: The serialised graph of the model, checked by :func:`~models.graphs.check_graph`; ``None`` without one.
        answer: Serialised graph of its answers (:mod:`models.prediction.answer_graph`), checked as well.
        sha256: SHA-256 of its list of checksums, and so of all its files; empty for one that was not read.
    """

    manifest: Manifest
    model: Model
    examples: dict[str, Tensor]
    card: str
    pictures: dict[str, bytes] = field(default_factory=dict)
    calibration: CalibrationRows | None = None
    graph: bytes | None = None
    answer: bytes | None = None
    sha256: str = ""


def save(
    store: Path,
    manifest: Manifest,
    model: Model,
    examples: Mapping[str, Tensor],
    card: str,
    pictures: Mapping[str, bytes] = {},
    calibration: CalibrationRows | None = None,
    graph: bytes | None = None,
    answer: bytes | None = None,
    dtype: torch.dtype = torch.float32,
) -> Path:
    """Write a checkpoint under the next free version of its name, all of it or nothing.

    The files are written and synced under a temporary name and the folder is renamed into place, so a reader, or a
    run that is killed here, never leaves or sees half a checkpoint.

    Args:
        examples: Tensors by name, ``inputs`` ``(N, *shape)`` in raw values and ``answers`` ``(N, ...)``.
        pictures: PNG files by name, made of a-z, 0-9, ``_`` and ``-``, at most 64, and ``.png``.
        calibration: Calibration rows, by what the model said of them; the manifest gets their summary.
        graph: The model's serialised graph, whose operators' version the manifest gets.
        answer: Serialised graph of its answers, if it has one.
        dtype: Type that the weights take in the file. One of 16 bits is for weights that it holds exactly.

    Returns:
        The new folder.

    Raises:
        CheckpointError: if something could not be loaded again as it is.
    """
    if not NAME.fullmatch(manifest.name):
        raise CheckpointError(
            f"a model's name is made of a-z, 0-9, '_', '.' and '-', at most 64; not {manifest.name!r}"
        )
    for picture in pictures:
        if not PICTURE_NAME.fullmatch(picture):
            raise CheckpointError(f"a picture's name is made of a-z, 0-9, '_' and '-', and .png; not {picture!r}")
    _check_weights(model.state_dict(), model.state_dict())
    for figure, value in manifest.figures.items():
        if not math.isfinite(value):
            raise CheckpointError(f"the figure {figure} is {value}, which JSON cannot say")
    contents = {
        "weights.safetensors": safetensors.torch.save(_contiguous(_narrowed(model.state_dict(), dtype))),
        "examples.safetensors": safetensors.torch.save(_contiguous(examples)),
        "card.md": card.encode(),
        **pictures,
        **({} if calibration is None else {calibration_file.FILE: calibration.serialise()}),
        **({} if graph is None else {manifest.graph_file: graph}),
        **({} if answer is None else {ANSWER_FILE: answer}),
    }
    opset = None if graph is None else check_graph(graph)
    summary = None if calibration is None else calibration.summary()
    versions = store / manifest.name
    versions.mkdir(parents=True, exist_ok=True)
    with temporary_folder(store) as temporary:
        while True:
            version = max((int(p.name) for p in versions.iterdir() if p.name.isdecimal()), default=0) + 1
            numbered = msgspec.structs.replace(manifest, version=version, calibration=summary, opset=opset)
            contents[MANIFEST] = msgspec.json.format(msgspec.json.encode(numbered), indent=1)
            write_files(temporary, {**contents, CHECKSUMS: checksums(contents)})
            if move(temporary, versions / str(version)):
                return versions / str(version)


def load(folder: Path, most_bytes: int = MOST_MODEL_BYTES, public_key: Ed25519PublicKey | None = None) -> Checkpoint:
    """Read a checkpoint, and refuse it unless every byte and every tensor is what was saved.

    It may come from anywhere: nothing is followed out of its folder, and what it asks for is bounded before it is made.

    Args:
        folder: Folder ``<store>/<name>/<version>``.
        most_bytes: Largest number of bytes of its model, and of all its files together.
        public_key: Key whose owner must have signed it; ``None`` if anyone may have made it.

    Raises:
        CheckpointError: saying what is wrong, without a path.
    """
    with opened(folder) as files:
        if public_key is not None:
            check_signature(files.stated, files.read_beside(SIGNATURE, SIGNATURE_BYTES), public_key)
        manifest = decode_manifest(files.read(MANIFEST, 0, _MOST_MANIFEST_BYTES))
        if folder.name != str(manifest.version) or folder.parent.name != manifest.name:
            raise CheckpointError(f"the folder is not named {manifest.name}/{manifest.version}, as its manifest is")
        try:
            sizes = manifest.model.measure(most_bytes)
        except CredenceError as error:
            raise CheckpointError(str(error)) from error
        contents = _read_files(files, sizes, most_bytes)
        sha256 = hashlib.sha256(files.stated).hexdigest()
    try:
        graph, answer = (_read_graph(name, contents) for name in (manifest.graph_file, ANSWER_FILE))
        model = manifest.model.build(graph)
        weights = _widened(safetensors.torch.load(contents["weights.safetensors"]))
        examples = safetensors.torch.load(contents["examples.safetensors"])
    except (CredenceError, safetensors.SafetensorError) as error:
        raise CheckpointError(str(error)) from error
    _check_weights(model.state_dict(), weights)
    model.load_state_dict(weights)
    card = contents["card.md"].decode(errors="replace")
    pictures = {name: content for name, content in contents.items() if name.endswith(".png")}
    calibration = _read_calibration(manifest, contents)
    return Checkpoint(
        manifest, model.requires_grad_(False), examples, card, pictures, calibration, graph, answer, sha256
    )


def _read_files(files: Folder, weights: Weights, most_bytes: int) -> dict[str, bytes]:
    """Return the files that the checksums list: those of every checkpoint, pictures, and nothing else."""
    most = {**_MOST_BYTES, "weights.safetensors": weights.most + _MOST_HEADER_BYTES}
    besides = (n for n in files.listed if n in (calibration_file.FILE, *GRAPH_FILES) or PICTURE_NAME.fullmatch(n))
    contents: dict[str, bytes] = {}
    for name in (*_REQUIRED, *besides):
        left = most_bytes - sum(map(len, contents.values()))
        least = weights.least // 2 if name == "weights.safetensors" else 0  # of 16 bits in place of 32
        contents[name] = files.read(name, least, min(most.get(name, _MOST_PICTURE_BYTES), left))
    if files.stated != checksums(contents):
        raise CheckpointError(f"{CHECKSUMS} is not the list of a checkpoint's files")
    return contents


def _read_graph(name: str, contents: Mapping[str, bytes]) -> bytes | None:
    """Return the serialised graph, checked; ``None`` if there is none."""
    graph = contents.get(name)
    if graph is not None:
        check_graph(graph)
    return graph


def _read_calibration(manifest: Manifest, contents: Mapping[str, bytes]) -> CalibrationRows | None:
    """Return the calibration rows; older code kept thresholds alone, which held at one number of draws."""
    summary = manifest.calibration
    if summary is None or not summary.draws:
        return None
    if calibration_file.FILE not in contents:
        raise CheckpointError(f"{calibration_file.FILE} is missing")
    return calibration_file.read(contents[calibration_file.FILE], summary)


def decode_manifest(content: bytes) -> Manifest:
    """Return the manifest that a file holds.

    Raises:
        CheckpointError: naming the field that is wrong.
    """

    class Version(msgspec.Struct):
        format_version: int

    try:
        version = msgspec.json.decode(content, type=Version).format_version
        if version != FORMAT_VERSION:
            raise CheckpointError(f"format version {version}; this release reads {FORMAT_VERSION}")
        json.loads(content, object_pairs_hook=_refuse_twins)
        return msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, ValueError) as error:  # no text, no JSON, or a number of too many digits
        raise CheckpointError(f"{MANIFEST}: {error}") from error
    except RecursionError as error:
        raise CheckpointError(f"{MANIFEST} is nested too deep") from error


def _refuse_twins(pairs: list[tuple[str, object]]) -> None:
    """Refuse an object with two equal keys, of which readers take one or the other."""
    ((name, count),) = Counter(name for name, _ in pairs).most_common(1) or [("", 0)]
    if count > 1:
        raise CheckpointError(f"{MANIFEST} has the key {printable(name, 64)} twice in one object")


def _check_weights(expected: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> None:
    if expected.keys() != given.keys():
        odd = sorted(expected.keys() ^ given.keys())
        raise CheckpointError(f"weights do not fit the manifest: {odd[0]} and {len(odd) - 1} other names differ")
    for name, tensor in given.items():
        if tensor.shape != expected[name].shape or tensor.dtype != expected[name].dtype:
            raise CheckpointError(
                f"{name} is {tensor.dtype} {tuple(tensor.shape)}; the manifest's model has"
                f" {expected[name].dtype} {tuple(expected[name].shape)}"
            )
        if not tensor.isfinite().all():
            raise CheckpointError(f"{name} holds NaN or infinity")


def _narrowed(weights: Mapping[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    """Return weights with all that are float32 in another type, which must hold them exactly."""
    narrowed = {name: tensor.to(dtype) if tensor.dtype == torch.float32 else tensor for name, tensor in weights.items()}
    for name, tensor in narrowed.items():
        if not torch.equal(tensor.to(weights[name].dtype), weights[name]):
            raise CheckpointError(f"{name} has numbers that {dtype} cannot hold; round them before they are saved")
    return narrowed


def _widened(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights with those of 16 bits in float32, which holds each of them exactly."""
    return {name: tensor.float() if tensor.dtype in _HALVES else tensor for name, tensor in weights.items()}


def _contiguous(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def _libraries() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "safetensors": safetensors.__version__,
    }
