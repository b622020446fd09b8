"""Small models of tables with random weights: raw columns of every kind, and steps of sequences."""

from __future__ import annotations

from pathlib import Path

import pytest
from calibrated import calibrated
from random_models import BAYES, CLASSES, DROPOUT, LSTM, MLP, SPECS, TARGET, save_model

from models.catalogue import Component
from models.checkpoints.checkpoint import PredictorSpec
from models.columns import Column
from models.specs import InputSpec
from models.tables import LeftOut, TableSchema

SIZE = Column("size", "number", unit="m²", low=10.0, high=110.0)
COLOUR = Column("colour", "category", categories=("blue", "red", "white"))
GARAGE = Column("garage", "number", low=0.0, high=4.0)
LEFT_OUT = (LeftOut("id", "an identifier"),)
HOUSES = TableSchema((SIZE, COLOUR, GARAGE), LEFT_OUT, ("price",))
SALES = TableSchema(
    (
        Column("size m/s~", "number", low=0.0, high=1.0, fill=0.5),
        Column("sold", "date", low=1.6e9, high=1.7e9, cycles=("year",)),
        COLOUR,
    ),
    na_values=("n/a",),
)
STEPS = TableSchema((GARAGE, COLOUR))
REGRESSION = Component("heteroscedastic_gaussian")


def inputs(table: TableSchema, steps: int = 0) -> InputSpec:
    """Input of a model of a table, or of sequences of its rows."""
    size = len(table.features)
    kind, shape = ("sequence", (steps, size)) if steps else ("table", (size,))
    return InputSpec(kind, shape, (0.5,) * size, (1.0,) * size, names=table.features, table=table, ragged=bool(steps))


TABLE_SPECS = {
    "houses": PredictorSpec(MLP, DROPOUT, REGRESSION, inputs(HOUSES), TARGET),
    "colours": PredictorSpec(MLP, BAYES, Component("categorical"), inputs(HOUSES), CLASSES),
    "sales": PredictorSpec(MLP, DROPOUT, REGRESSION, inputs(SALES), TARGET),
    "diaries": PredictorSpec(
        Component("recurrent", {**LSTM.config, "many": False}), DROPOUT, REGRESSION, inputs(STEPS, 3), TARGET
    ),
    "plain": SPECS["regression"],
    "digits": SPECS["mlp"],
}


def save_tables(store: Path) -> None:
    """A store with every model of tables, two that are calibrated, and two that have no table."""
    with pytest.MonkeyPatch.context() as patch:
        for name, spec in TABLE_SPECS.items():
            patch.setitem(SPECS, name, spec)
            calibration = calibrated([1e9] * 100, task=spec.outputs.task) if name in ("houses", "colours") else None
            save_model(store, name, calibration)
