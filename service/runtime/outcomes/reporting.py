"""A report of outcomes: found among the answers, judged, and written, all of it or nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from models.specs import OutputSpec
from service.errors import FieldError, InvalidRequestError
from service.runtime.outcomes.answer_rows import AnswerRow, Key, Said
from service.runtime.outcomes.database import OutcomeDatabase
from service.runtime.outcomes.judging import judge
from service.runtime.outcomes.scored import Scored
from service.runtime.outcomes.values import read_outcome
from service.runtime.outcomes.watch import Watch

_MOST_FAULTS = 10
_UNKNOWN = (
    "no answer is remembered for this request and row; one is if its request had record=true (or CREDENCE_OUTCOMES is"
    ' all), until it expires; on_unknown="skip" leaves such outcomes out'
)


class Item(NamedTuple):
    """One outcome as it was reported.

    Attributes:
        key: Request and number of the row.
        given: Outcome as a client wrote it.
        at: JSON pointer to the item.
        pointer: JSON pointer to the outcome.
    """

    key: Key
    given: Any
    at: str
    pointer: str


class Spec(NamedTuple):
    """The facts about a version of a model that its outcomes are read and judged by.

    Attributes:
        outputs: Outputs of the model.
        positions: Shape of a row's outcomes.
        score: Function that scores an outcome, as calibration rows were; ``None`` where they were not.
    """

    outputs: OutputSpec
    positions: Sequence[int]
    score: Callable[[Said, NDArray[Any]], Scored | None]


class _Found(NamedTuple):
    """An outcome that is new, with the row that it is of."""

    row: AnswerRow
    spec: Spec
    given: Any
    outcome: NDArray[Any]


@dataclass(frozen=True)
class Report:
    """Outcomes of rows.

    Attributes:
        items: The outcomes.
        skip_unknown: ``True`` to leave out outcomes of rows that are not remembered, in place of refusing them.
        answers: Rows that are answered just now, and to be remembered first.
    """

    items: Sequence[Item]
    skip_unknown: bool = False
    answers: Sequence[AnswerRow] = ()

    def write(
        self, database: OutcomeDatabase, connection: Connection, spec_of: Callable[[str, int], Spec], now: float
    ) -> tuple[dict[str, int], list[Watch]]:
        """Write all within a transaction; returns what was done, and the watches that changed.

        Args:
            database: The tables.
            connection: Connection in a transaction.
            spec_of: Function that returns what is needed of a version of a model.
            now: Time in seconds since 1970.

        Raises:
            InvalidRequestError: with every outcome that is not allowed; nothing is to be committed then.
        """
        database.add(connection, self.answers)
        rows = database.find(connection, [item.key for item in self.items])
        found, faults, counts = self._look(rows, spec_of)
        if faults:
            raise InvalidRequestError(faults[0].detail, faults[0].pointer, faults)
        database.add_outcomes(connection, [(key, one.given) for key, one in found.items()], now)
        return counts, _watch(database, connection, found, now)

    def _look(
        self, rows: dict[Key, AnswerRow], spec_of: Callable[[str, int], Spec]
    ) -> tuple[dict[Key, _Found], list[FieldError], dict[str, int]]:
        """Return the outcomes that are new by their rows, those that are refused, and what there is of each kind."""
        found: dict[Key, _Found] = {}
        faults: list[FieldError] = []
        counts = {"recorded": 0, "repeated": 0, "skipped": 0}
        for item in self.items:
            row = rows.get(item.key)
            if row is None and self.skip_unknown:
                counts["skipped"] += 1
                continue
            try:
                one = _read(item, row, spec_of)
                before = found[item.key].outcome if item.key in found else _known(row, one.spec)
            except InvalidRequestError as error:
                faults.append(FieldError(error.pointer or item.at, str(error)))
                if len(faults) >= _MOST_FAULTS:
                    break
                continue
            if before is None:
                found[item.key] = one
                counts["recorded"] += 1
            elif np.array_equal(before, one.outcome, equal_nan=before.dtype.kind == "f"):
                counts["repeated"] += 1
            else:
                faults.append(FieldError(item.pointer, "another outcome of this row has been reported; it stands"))
        return found, faults, counts


def _read(item: Item, row: AnswerRow | None, spec_of: Callable[[str, int], Spec]) -> _Found:
    if row is None:
        raise InvalidRequestError(_UNKNOWN, item.at)
    spec = spec_of(row.model, row.version)
    return _Found(row, spec, item.given, read_outcome(spec.outputs, spec.positions, item.given, item.pointer))


def _known(row: AnswerRow | None, spec: Spec) -> NDArray[Any] | None:
    """Return the outcome that was reported of a row before."""
    if row is None or row.outcome is None:
        return None
    return read_outcome(spec.outputs, spec.positions, row.outcome, "")


def _watch(database: OutcomeDatabase, connection: Connection, found: dict[Key, _Found], now: float) -> list[Watch]:
    """Count outcomes in the watches of their models, and return these."""
    of_model: dict[tuple[str, int], list[_Found]] = defaultdict(list)
    for one in found.values():
        of_model[one.row.model, one.row.version].append(one)
    watches = []
    for version in sorted(of_model):  # in one order everywhere, so that no two transactions wait for each other
        watch = database.lock_watch(connection, *version)
        for one in of_model[version]:
            judgement = judge(one.spec.outputs, one.row.said, one.outcome)
            if judgement is not None:
                watch.add(one.row.said, judgement)
                watch.adapt(one.row.said, one.spec.score(one.row.said, one.outcome))
        database.save_watch(connection, watch, now)
        watches.append(watch)
    return watches
