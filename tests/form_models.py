"""Models of tables with named columns: of numbers, categories, dates and missing values, with random weights."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch
from calibrated import calibrated
from PIL import Image
from torch import Tensor

from models.catalogue import Component
from models.checkpoints.checkpoint import Manifest, PredictorSpec, save
from models.checkpoints.selftest import canary_examples
from models.columns import Column
from models.specs import InputSpec, OutputSpec
from models.tables import LeftOut, TableSchema

HOMES = TableSchema(
    (
        Column("size", "number", "m²", low=20.0, high=300.0),
        Column("colour", "category", categories=("blue", "red", "yellow")),
        Column("garage", "number", low=0.0, high=3.0, fill=1.0),
        Column("built", "date", low=0.0, high=1.5e9, date_format="%d.%m.%Y"),
        Column("heating", "category", categories=("gas", "wood"), fill="gas"),
    ),
    (LeftOut("id", "an identifier: 500 different values in 500 rows"),),
    ("price [EUR]", "rent [EUR]"),
)
VISITS = TableSchema(
    (
        Column("pulse", "number", "1/min", low=40.0, high=180.0),
        Column("pain", "number", low=0.0, high=10.0),
        Column("ward", "category", categories=("north", "south")),
    ),
    (),
    ("outcome",),
)
ROWS: dict[str, list[dict[str, object]]] = {
    "homes": [
        {"size": 100.0, "colour": "red", "garage": 2.0, "built": "01.05.1999", "heating": "gas"},
        {"size": 45.5, "colour": "blue", "garage": None, "built": "24.12.2010", "heating": None},
    ],
    "visits": [
        {"pulse": 71.0, "pain": 2.0, "ward": "south"},
        {"pulse": 150.0, "pain": 8.0, "ward": "north"},
    ],
}
CARD = """# {name}

Made for tests.

> **Caution.** All test figures rest on 12 rows: a share of 90% is known to ±17% only (two standard errors).

Trained on `rooms & <b>halls</b>` by:

    python -m training fit {name} --seed 0

| figure | value | measured on |
|---|---|---|
| [test_rmse_target_units](#test_rmse_target_units) | 56.8 | 12 rows |

![Prediction against truth.](predicted-true.png)

Prediction against truth.

## Glossary

<a id="test_rmse_target_units"></a>**test_rmse_target_units**: root mean squared error of the mean. Better: lower.
"""


def save_forms(store: Path) -> None:
    """Save the regression ``homes``, the classification ``visits``, and ``stays``, sequences of visits."""
    price = OutputSpec("regression", HOMES.targets, (250_000.0, 900.0), (80_000.0, 300.0))
    _save(store, "homes", _rows("homes", HOMES), _inputs(HOMES), price)
    visits = _rows("visits", VISITS)
    outcome = OutputSpec("classification", ("home", "ward", "intensive care"))
    _save(store, "visits", visits, _inputs(VISITS), outcome)
    stays = torch.stack([visits, visits.flip(0)])
    _save(store, "stays", stays, _inputs(VISITS, steps=2), OutputSpec("regression", ("stay [days]",), (5.0,), (3.0,)))


def picture() -> bytes:
    """A PNG of one grey pixel."""
    file = io.BytesIO()
    Image.new("L", (1, 1), 128).save(file, "PNG")
    return file.getvalue()


def _rows(name: str, table: TableSchema) -> Tensor:
    """The rows of a model as features."""
    columns = {column.name: [row[column.name] for row in ROWS[name]] for column in table.columns}
    return torch.from_numpy(table.encode(columns).features)


def _inputs(table: TableSchema, steps: int = 0) -> InputSpec:
    size = len(table.features)
    ranges = [(column.low or 0.0, column.high or 1.0) for column in table.columns for _ in column.features]
    mean = tuple((low + high) / 2 for low, high in ranges)
    scale = tuple(high - low for low, high in ranges)
    if steps:
        return InputSpec("sequence", (steps, size), mean, scale, names=table.features, table=table, ragged=True)
    return InputSpec("table", (size,), mean, scale, names=table.features, table=table)


def _save(store: Path, name: str, rows: Tensor, inputs: InputSpec, outputs: OutputSpec) -> None:
    network = Component("recurrent", {"hidden": 8}) if inputs.kind == "sequence" else Component("mlp", {"hidden": [32]})
    likelihood = "categorical" if outputs.task == "classification" else "heteroscedastic_gaussian"
    spec = PredictorSpec(network, Component("mc_dropout"), Component(likelihood), inputs, outputs)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = spec.build()
    calibration = calibrated([1e12] * 60, np.linspace(0.1, 2.0, 60).tolist(), outputs.task)
    manifest = Manifest(name, 0, spec, "random", 0, {})
    card, pictures = CARD.format(name=name), {"predicted-true.png": picture()}
    save(store, manifest, model, canary_examples(model, rows), card, pictures, calibration)
