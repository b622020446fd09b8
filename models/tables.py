"""The raw columns of a table as a client sends them, and the features that a network takes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.columns import SECONDS, Column, Fault, Values, decode_column, encode_column
from models.errors import InputValueError

FAR = 0.5
"""Distance beyond the observed range from which a number is named as outside, in widths of that range."""

_LONGEST_EXAMPLE = 200


class LeftOut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A column of the file that a model does not predict from.

    Attributes:
        name: Name in the header.
        reason: Reason in words, such as ``an identifier: 500 different values in 500 rows``.
    """

    name: str
    reason: str


@dataclass(frozen=True)
class Encoded:
    """Rows of a table as features.

    Attributes:
        features: Features ``(rows, features)``, float32; those of a cell at fault are 0.
        faults: Cells that cannot be used, column by column.
    """

    features: NDArray[np.float32]
    faults: tuple[Fault, ...]


class TableSchema(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The raw columns of a table, as a client sends them.

    Attributes:
        columns: Columns that the model predicts from.
        left_out: Columns of the training file that it does not, and why.
        targets: Columns that it predicts.
        na_values: Texts that stand for a missing value.
    """

    columns: tuple[Column, ...]
    left_out: tuple[LeftOut, ...] = ()
    targets: tuple[str, ...] = ()
    na_values: tuple[str, ...] = ()

    @property
    def features(self) -> tuple[str, ...]:
        """Names of all features, in their order."""
        return tuple(name for column in self.columns for name in column.features)

    @property
    def is_numeric(self) -> bool:
        """``True`` if every column is a number, and one feature."""
        return all(column.kind == "number" and column.fill is None for column in self.columns)

    @property
    def is_positional(self) -> bool:
        """``True`` if rows of features can be sent as they are: no date, and no mark of a missing value among them."""
        return all(column.kind != "date" and column.fill is None for column in self.columns)

    @property
    def example(self) -> dict[str, float | str]:
        """A record that the model takes."""
        return {column.name: column.example for column in self.columns}

    @property
    def example_text(self) -> str:
        """The example as JSON, and not all of a long one: for messages."""
        text = msgspec.json.encode(self.example).decode()
        return text if len(text) <= _LONGEST_EXAMPLE else f"{text[:_LONGEST_EXAMPLE]}..."

    @property
    def one_hots(self) -> tuple[tuple[Column, slice], ...]:
        """Columns of categories, each with the place of its features."""
        places, start = [], 0
        for column in self.columns:
            if column.kind == "category":
                places.append((column, slice(start, start + len(column.categories))))
            start += len(column.features)
        return tuple(places)

    def encode(self, values: Mapping[str, Values]) -> Encoded:
        """Return rows of raw values as features.

        Args:
            values: Values of every column of :attr:`columns`, by name; others are not looked at.
        """
        na_values = frozenset(self.na_values)
        encoded = [encode_column(column, values[column.name], na_values) for column in self.columns]
        features = np.concatenate([part for part, _ in encoded], 1, dtype=np.float32)
        return Encoded(features, tuple(fault for _, faults in encoded for fault in faults))

    def decode(self, features: NDArray[np.float32]) -> list[dict[str, object]]:
        """Return the records that rows of features ``(rows, features)`` were made of; dates to the day."""
        columns, start = {}, 0
        for column in self.columns:
            stop = start + len(column.features)
            columns[column.name] = decode_column(column, features[:, start:stop])
            start = stop
        return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]

    def outside(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how far each value is beyond the observed range, ``(rows, columns)``, in widths of that range.

        It is 0 up to :data:`FAR` widths, and for categories; a range without a width has the width of its value.

        Args:
            features: Features ``(rows, features)``.
        """
        beyond, start = np.zeros((len(features), len(self.columns)), np.float32), 0
        for i, column in enumerate(self.columns):
            if column.kind != "category" and column.low is not None and column.high is not None:
                unit = SECONDS["year"] if column.kind == "date" else 1.0
                low, high = column.low / unit, column.high / unit
                width = (high - low) or abs(high) or 1.0
                distance = np.maximum(low - features[:, start], features[:, start] - high) / width
                beyond[:, i] = np.where(distance > FAR, distance, 0)
            start += len(column.features)
        return beyond

    def categories_of(self, features: NDArray[np.float32]) -> dict[str, NDArray[np.int64]]:
        """Return the index of the category of each row ``(rows,)`` by column, of features ``(rows, features)``."""
        return {column.name: features[:, place].argmax(1) for column, place in self.one_hots}

    def check_one_hots(self, features: NDArray[np.float32]) -> None:
        """Raise unless the features of every column of categories are one 1 among 0.

        Args:
            features: Features ``(rows, features)``, or of sequences ``(rows, steps, features)``, where NaN is no step.

        Raises:
            InputValueError: pointing to the first row where they are not, and naming the categories.
        """
        for column, place in self.one_hots:
            one_hot = features[..., place]
            good = ((one_hot == 0) | (one_hot == 1)).all(-1) & (one_hot.sum(-1) == 1)
            bad = ~(good | np.isnan(one_hot).all(-1))
            if bad.any():
                row = "/".join(map(str, np.argwhere(bad)[0]))
                raise InputValueError(
                    f"the features of {column.name!r} at /inputs/{row}/{place.start} are not one 1 among 0; send rows"
                    f" by name, such as {self.example_text}; allowed are: {column.allowed}",
                    f"/inputs/{row}/{place.start}",
                )
