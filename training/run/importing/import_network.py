"""A checkpoint of a network that was trained elsewhere: its graph, its dropouts as draws, and a calibration."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import torch

from models.catalogue import Component
from models.checkpoints.checkpoint import Checkpoint, Manifest, Model, Origin, PredictorSpec, load, save
from models.checkpoints.selftest import canary_examples, verify
from models.likelihoods.homoscedastic_gaussian import HomoscedasticGaussian
from models.posteriors.laplace import Laplace
from models.prediction.graph_network import IMPORTED
from models.prediction.predictor import Predictor
from models.specs import InputSpec, OutputSpec, Task
from training.data import Dataset
from training.errors import ImportModelError
from training.evaluation.evaluate import measure
from training.evaluation.measurement import Measurement
from training.run.card import figures_table, sections
from training.run.describe import describe
from training.run.example_rows import far_noise, raw_noise, standard_noise
from training.run.export.answer import export_answer
from training.run.fit import calibrate_all, examples
from training.run.importing.capture import Captured
from training.run.importing.describe import describe_draws
from training.run.importing.foreign_network import ForeignNetwork
from training.run.importing.heads import PROBABILITIES
from training.run.importing.last_layer_laplace import fit_last_layer
from training.run.importing.members import FEWEST
from training.run.importing.parts import take_parts
from training.run.machine import machine
from training.run.noise import fit_noise

_EXAMPLES = 4
_FEWEST_ROWS = 60
_NUMBERED = {"regression": "targets", "multilabel": "labels"}
_MOST_OUTCOMES = 2**21
"""Outcomes of a third of the rows: of real values at every pixel so many rows are taken, as all are kept."""
_ELSEWHERE = "elsewhere"
"""Name of the data that nobody here has seen."""


@dataclass(frozen=True)
class Wanted:
    """What the user said of a network.

    Attributes:
        name: Name of the model.
        inputs: Specification of the inputs.
        names: Names of classes or labels; empty for numbers.
        targets: Names of the targets of a regression; of a table, of the columns to predict.
        task: Kind of outcome; ``None`` for what the outputs look like.
        posterior: Name of the posterior; ``None`` for what the network has.
        dropout: Probabilities of dropouts by their names.
        command: Command line that imports it again.
        choices: Sentences on what was decided for the user so far.
        weights: Files of weights of each member of an ensemble, or of the epochs that SWAG is made of.
    """

    name: str
    inputs: InputSpec
    names: tuple[str, ...]
    targets: tuple[str, ...]
    task: Task | None
    posterior: str | None
    dropout: Mapping[str, float]
    command: str
    choices: tuple[str, ...] = ()
    weights: tuple[Path, ...] = ()


def make_checkpoint(network: ForeignNetwork, wanted: Wanted) -> Checkpoint:
    """Return the checkpoint of a network that is not calibrated yet, in memory.

    Args:
        network: The network.
        wanted: What the user said of it.

    Raises:
        ImportModelError: in one line, with the remedy.
    """
    posterior, captured = _choose_posterior(network, wanted)
    rows = standard_noise(wanted.inputs, _EXAMPLES)
    difference, members = network.check(captured, wanted.weights, rows, far_noise(wanted.inputs))
    outputs, likelihood, told = _choose_outcome(captured, wanted)
    parts = take_parts(posterior, captured, members, rows)
    spec = PredictorSpec(
        Component(IMPORTED, dict(parts.config)), parts.posterior, Component(likelihood), wanted.inputs, outputs
    )
    model = spec.build(parts.graph).requires_grad_(False)
    parts.fill(model)
    choices = (
        *wanted.choices,
        f"outputs {captured.outputs.taken}",
        *told,
        *describe_draws(posterior, captured, wanted.weights),
    )
    origin = Origin(wanted.command, machine(torch.device("cpu")), "no rows", 0, IMPORTED, choices)
    manifest = Manifest(wanted.name, 0, spec, _ELSEWHERE, 0, {}, origin=origin)
    return Checkpoint(manifest, model, {}, _card(manifest, origin, difference), graph=parts.graph)


def save_uncalibrated(checkpoint: Checkpoint, store: Path) -> Path:
    """Save a checkpoint that decides nothing, as nothing was calibrated; return its folder.

    Raises:
        ImportModelError: of a regression that says nothing of its noise.
    """
    model = checkpoint.model
    assert isinstance(model, Predictor)  # as it was imported
    if isinstance(model.likelihood, HomoscedasticGaussian):
        raise ImportModelError(
            "the network answers without a variance, and how large its errors are has to be measured: give --data with"
            " rows that it was not trained on, or a network of two heads, mean and log-variance"
        )
    noise = canary_examples(model, raw_noise(model.inputs, _EXAMPLES))
    answer = export_answer(model, checkpoint.graph)
    folder = save(store, checkpoint.manifest, model, noise, checkpoint.card, graph=checkpoint.graph, answer=answer)
    verify(load(folder))
    return folder


def save_calibrated(checkpoint: Checkpoint, dataset: Dataset, tested: str, store: Path) -> tuple[Path, Measurement]:
    """Calibrate an imported model on a third of some rows, measure it on another, and save it.

    The first third is the reference that new rows are compared with.

    Args:
        checkpoint: The checkpoint as :func:`make_checkpoint` returns it.
        dataset: Rows that the network was not trained on, in the test split.
        tested: Description of the rows.
        store: Folder of all checkpoints.

    Raises:
        ImportModelError: if there are too few rows.
    """
    model, manifest = checkpoint.model, checkpoint.manifest
    assert isinstance(model, Predictor)  # as it was imported
    assert isinstance(manifest.model, PredictorSpec)
    assert manifest.origin is not None
    if len(dataset.test.inputs) < _FEWEST_ROWS:
        raise ImportModelError(f"--data has {len(dataset.test.inputs)} rows; give {_FEWEST_ROWS} or more")
    order = torch.randperm(len(dataset.test.inputs), generator=torch.Generator().manual_seed(0))
    rows_given = len(order)
    if model.outputs.task == "regression":
        order = order[: max(_FEWEST_ROWS, 3 * _MOST_OUTCOMES // max(1, math.prod(model.positions)))]
    reference, rows, held_out = (dataset.test.rows(part) for part in order.tensor_split(3))
    if isinstance(model.likelihood, HomoscedasticGaussian):
        fit_noise(model, model.likelihood, reference)
    if isinstance(model.posterior, Laplace):
        fit_last_layer(model, reference)
    spec, calibration = calibrate_all(model, manifest.model, reference, rows)
    dataset = replace(dataset, train=reference, test=held_out)
    measured = measure(model, dataset, lambda *_: {}, calibration=calibration, plots=True)
    where = f"a third of {tested}, {len(held_out.inputs)} rows"
    fewer = [f"{len(order)} of its rows are taken, as each has {math.prod(model.positions)} outcomes"]
    fewer = fewer if len(order) < rows_given else []
    choices = (
        *manifest.origin.choices,
        *fitted_choices(model),
        f"calibrated on a third of {tested}; another third is the reference",
        *fewer,
    )
    origin = msgspec.structs.replace(manifest.origin, tested=where, samples=measured.samples, choices=choices)
    manifest = msgspec.structs.replace(manifest, model=spec, figures=dict(measured.metrics), origin=origin)
    folder = save(
        store,
        manifest,
        model,
        examples(model, dataset),
        f"{checkpoint.card}\n{_fitted_section(model)}{_measured_section(measured, where)}",
        measured.plots,
        calibration,
        checkpoint.graph,
        export_answer(model, checkpoint.graph),
    )
    verify(load(folder))
    return folder, measured


def fitted_choices(model: Model) -> tuple[str, ...]:
    """Return sentences on what the posterior of a model was fitted to; none where it was fitted to nothing."""
    found = model.posterior.choices if isinstance(model, Predictor) else ()
    return tuple(f"fitted on the reference, the first third of the rows: {choice}" for choice in found)


def _fitted_section(model: Predictor) -> str:
    return "".join(f"{choice[:1].upper()}{choice[1:]}.\n\n" for choice in fitted_choices(model))


def _measured_section(measured: Measurement, where: str) -> str:
    cautions = "".join(f"> **Caution.** {sentence}\n\n" for sentence in measured.cautions)
    return f"""{cautions}{figures_table(measured)}

Measured on {where}, with {measured.samples} samples, seed {measured.seed}.
{sections(measured)}"""


def _choose_posterior(network: ForeignNetwork, wanted: Wanted) -> tuple[str, Captured]:
    """Return the posterior that is asked for, or that the network has the dropout for, and the network taken apart."""
    if wanted.posterior not in (None, "mc_dropout"):
        if wanted.dropout:
            raise ImportModelError(f"--dropout goes with --posterior mc_dropout: {wanted.posterior} drops nothing")
        return wanted.posterior, network.capture({}, dropping=False, drawing=wanted.posterior in FEWEST)
    captured = network.capture(wanted.dropout, dropping=True)
    if captured.sites:
        return "mc_dropout", captured
    if wanted.posterior == "mc_dropout":
        raise ImportModelError(
            "mc_dropout needs dropout, and the network has none: --dropout NAME=0.2 adds one to the output of a part;"
            f" it has {', '.join(network.places)}"
        )
    return "deterministic", network.capture({}, dropping=False)


def _choose_outcome(captured: Captured, wanted: Wanted) -> tuple[OutputSpec, str, tuple[str, ...]]:
    """Return what the outputs mean, the likelihood, and in words what was decided for the user."""
    outputs = captured.outputs
    task, told = _task(captured, wanted)
    given = wanted.targets or wanted.names if task == "regression" else wanted.names
    if task == "multilabel" and wanted.inputs.grids and outputs.positions:
        raise ImportModelError("the network has an answer for each pixel, and multilabel takes (rows, labels)")
    if task != "regression" and (outputs.heads == 2 or (outputs.width == 1 and task != "multilabel")):
        shown = "two heads" if outputs.heads == 2 else "one output"
        alone = (
            ": return the one tensor of logits alone, as result[0] in a module of your own around it"
            if outputs.heads == 2
            else ""
        )
        raise ImportModelError(
            f"the network has {shown}, which is no {task}: it takes the logits of two classes or more{alone}"
        )
    if task != "regression" and outputs.activation == "sigmoid":
        raise ImportModelError(f"the network's outputs end in sigmoid, and a {task} takes logits: return what it reads")
    if outputs.task == "multilabel" != task and task != "regression":
        raise ImportModelError(
            f"the network's outputs end in sigmoid, so they are labels: give --task multilabel, not {task}"
        )
    if outputs.unit and (task == "multilabel" or (task != "regression" and outputs.unit == "always")):
        raise ImportModelError(
            f"the network's outputs are all between 0 and 1, so they are probabilities of labels, and a {task} takes"
            " logits: return what the sigmoid reads, or log(p) - log(1 - p)"
        )
    if outputs.unit == "seen" and task != "regression":
        told = (*told, "all outputs were between 0 and 1 on rows of noise: if they are probabilities, return logits")
    ends = {"softmax": "end in softmax", PROBABILITIES: "sum to one"}.get(outputs.activation)
    if task == "regression" and ends:
        raise ImportModelError(f"the network's outputs {ends}, so they are no means: give --task classification")
    if task == "multilabel" and ends:
        raise ImportModelError(
            f"the network's outputs {ends}, so that one excludes the others: give --task classification"
        )
    size = outputs.width // outputs.heads
    if task == "regression" and outputs.heads == 1 and given and outputs.width == 2 * len(given):
        size, told = len(given), (*told, "the first half of the outputs are means, the second log-variances")
        if outputs.no_log_variance:
            raise ImportModelError(
                f"{outputs.no_log_variance}, so it is no log-variance: return its logarithm there, or two tensors in a"
                ' dictionary whose keys say what they are, such as {"mean": ..., "variance": ...}'
            )
    if given and len(given) != size:
        raise ImportModelError(f"{len(given)} names are given, and the network has {size} outputs")
    names = given or tuple(f"target {i}" if task == "regression" else str(i) for i in range(size))
    if not given:
        numbered = f"{_NUMBERED.get(task, 'classes')} are numbered, {names[0]} to {names[-1]}"
        told = (*told, numbered if size > 1 else f"the one output is called {names[0]}")
    if task == "regression" and outputs.width == 2 * size and outputs.doubt:
        told = (*told, outputs.doubt)
    if task == "regression":
        spec = OutputSpec(task, names, (0.0,) * size, (1.0,) * size)
        return spec, "heteroscedastic_gaussian" if outputs.width == 2 * size else "homoscedastic_gaussian", told
    return OutputSpec(task, names), "bernoulli" if task == "multilabel" else "categorical", told


def _task(captured: Captured, wanted: Wanted) -> tuple[Task, tuple[str, ...]]:
    outputs = captured.outputs
    per_pixel = outputs.positions in wanted.inputs.grids
    if wanted.task is None and outputs.task == "multilabel":
        return outputs.task, (f"{outputs.width} outputs are labels, each yes or no",)
    if wanted.task is not None:
        return "segmentation" if wanted.task == "classification" and per_pixel else wanted.task, ()
    if outputs.heads == 2:
        return "regression", ("two heads are a regression",)
    if outputs.width == 1:
        raise ImportModelError(
            "the network has one output: give --task regression, with --target NAME, or --task multilabel, with"
            " --labels NAME, if it is the logit of yes"
        )
    task: Task = "segmentation" if per_pixel else "classification"
    return task, (f"{outputs.width} outputs are the logits of a {task}; --task says otherwise",)


def _card(manifest: Manifest, origin: Origin, difference: float) -> str:
    choices = "".join(f"- {choice[:1].upper()}{choice[1:]}\n" for choice in origin.choices)
    described = describe(manifest.model)
    return f"""# {manifest.name}

{described[:1].upper()}{described[1:]}.

Imported; it was trained elsewhere:

    {origin.command}

{choices}
`{manifest.graph_file}` holds the network as an ONNX graph, without a random operator: the masks of its dropouts are
inputs, which a request's seed decides. On random rows it differs from the network as it was handed over by at most
{difference:.1e}.
"""
