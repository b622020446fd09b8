"""Raw columns of a table become features, and cells that cannot be used are named."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.columns import Column, encode_column, show
from models.errors import InputValueError
from models.tables import TableSchema

SIZE = Column("size", "number", low=10.0, high=110.0)
COLOUR = Column("colour", "category", categories=("blue", "red"))
SOLD = Column("sold", "date", cycles=("year", "week"))
TABLE = TableSchema((SIZE, COLOUR))


def test_each_column_becomes_its_features_in_order() -> None:
    encoded = TABLE.encode({"size": [100, 20.5], "colour": ["red", "blue"]})
    assert TABLE.features == ("size", "colour=blue", "colour=red")
    assert encoded.features.tolist() == [[100, 0, 1], [20.5, 1, 0]]
    assert encoded.faults == ()


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        (SIZE, "100", '"100" is not allowed'),
        (SIZE, True, "true is not allowed"),
        (SIZE, 1e39, "1e+39 is not allowed"),
        (SIZE, 10**400, "more than 60 digits is not allowed"),
        (SIZE, None, "missing"),
        (SIZE, math.nan, "missing"),
        (SIZE, [1], "a list is not allowed"),
        (COLOUR, "violet", '"violet" is not a known value'),
        (COLOUR, "r" * 1000, '"' + "r" * 40 + '..." is not a known'),
        (COLOUR, {}, "an object is not allowed"),
        (SOLD, "soon", '"soon" is not allowed'),
        (SOLD, 5, "5 is not allowed"),
    ],
)
def test_a_cell_that_cannot_be_used_is_named_with_what_is_allowed(column: Column, value: object, said: str) -> None:
    good = {"size": 50.0, "colour": "red", "sold": "2024-02-29"}[column.name]
    features, faults = encode_column(column, [good, value], frozenset())
    assert [(fault.row, fault.column) for fault in faults] == [(1, column.name)]
    assert said in faults[0].detail
    assert column.allowed in faults[0].detail
    assert not features[1].any()
    assert features[0].any()


def test_only_a_category_that_is_not_known_is_unknown() -> None:
    _, faults = encode_column(COLOUR, ["violet", None, [], 3, ""], frozenset())
    assert [fault.unknown for fault in sorted(faults, key=lambda fault: fault.row)] == [True, False, False, True, False]


def test_a_missing_value_is_filled_and_marked_where_training_allowed_it() -> None:
    size = Column("size", "number", fill=42.0)
    features, faults = encode_column(size, [None, 1.0, "n/a"], frozenset({"n/a"}))
    assert features.tolist() == [[42, 1], [1, 0], [42, 1]]
    assert not faults
    assert size.features == ("size", "size missing")


def test_numbers_of_categories_are_what_their_texts_are() -> None:
    rooms = Column("rooms", "category", categories=("2", "3"))
    features, faults = encode_column(rooms, [3, 3.0, "3", " 2"], frozenset())
    assert features.tolist() == [[0, 1], [0, 1], [0, 1], [1, 0]]
    assert not faults


def test_a_date_of_a_file_may_come_as_programs_send_it() -> None:
    sold = Column("sold", "date", cycles=("week",), date_format="%d.%m.%Y")
    features, faults = encode_column(sold, ["05.01.1970", "1970-01-05", "1970-01-05T00:00:00", "5/1/1970"], frozenset())
    assert features[1].tolist() == features[0].tolist() == features[2].tolist()
    assert [fault.row for fault in faults] == [3]


@pytest.mark.parametrize("names", [("False", "True"), ("false", "true"), ("FALSE", "TRUE")])
def test_true_and_false_are_known_however_a_program_writes_them(names: tuple[str, ...]) -> None:
    values = [True, "True", "TRUE", "true", False, "false", "yes"]
    features, faults = encode_column(Column("heated", "category", categories=names), values, frozenset())
    assert features[:, 1].tolist() == [1, 1, 1, 1, 0, 0, 0]
    assert [fault.row for fault in faults] == [6]


def test_a_date_is_its_place_in_time_and_in_the_cycles_of_the_calendar() -> None:
    features, _ = encode_column(SOLD, ["1970-01-05", "1970-01-12T00:00:00Z", "2970-01-05"], frozenset())
    assert SOLD.features[0] == "sold in years since 1970"
    assert features[0, 3:].tolist() == pytest.approx([0, 1])  # a Monday
    assert features[1, 3:].tolist() == pytest.approx([0, 1])
    assert features[2, 0] == pytest.approx(1000, abs=0.1)


def test_a_number_far_beyond_the_training_rows_is_outside() -> None:
    beyond = TABLE.outside(np.array([[50, 0, 1], [150, 0, 1], [210, 1, 0], [-90, 1, 0]], np.float32))
    assert beyond.tolist() == [[0, 0], [0, 0], [1, 0], [1, 0]]


@pytest.mark.parametrize("features", [[0, 0], [1, 1], [0.5, 0.5], [2, -1]])
def test_a_one_hot_that_is_none_is_refused_with_the_categories(features: list[float]) -> None:
    rows = np.array([[50, 0, 1], [50, *features]], np.float32)
    with pytest.raises(InputValueError, match="blue, red") as raised:
        TABLE.check_one_hots(rows)
    assert raised.value.pointer == "/inputs/1/1"
    TABLE.check_one_hots(rows[:1])


def test_a_one_hot_of_a_sequence_is_checked_step_by_step() -> None:
    steps = np.array([[[50, 0, 1], [50, 1, 0]], [[50, 1, 0], [np.nan] * 3]], np.float32)
    TABLE.check_one_hots(steps)
    steps[0, 1, 2] = 1
    with pytest.raises(InputValueError, match="/inputs/0/1/1 are not one 1") as raised:
        TABLE.check_one_hots(steps)
    assert raised.value.pointer == "/inputs/0/1/1"


def test_the_example_is_a_record_that_the_table_takes() -> None:
    table = TableSchema(
        (
            SIZE,
            COLOUR,
            Column("sold", "date", low=1e9, high=1.1e9, cycles=("week",), date_format="%d.%m.%Y"),
            Column("built", "date", low=1e9, high=1.1e9),
            Column("tiny", "number", low=1.00001, high=1.00002),
            Column("free", "number"),
        )
    )
    encoded = table.encode({name: [value] for name, value in table.example.items()})
    assert not encoded.faults
    assert not table.outside(encoded.features).any()
    assert table.example["sold"] == "09.09.2001"
    assert table.columns[2].allowed == "dates as %d.%m.%Y; training rows have 09.09.2001 to 09.11.2004"
    assert table.columns[3].allowed.endswith("; training rows have 2001-09-09 to 2004-11-09")
    assert table.example_text.startswith('{"size":60.0,"colour":"blue",')
    assert table.decode(encoded.features) == [{**table.example, "tiny": pytest.approx(1.00001, rel=1e-6)}]


def test_a_filled_value_is_decoded_as_missing() -> None:
    table = TableSchema((Column("size", "number", fill=42.0), COLOUR))
    encoded = table.encode({"size": [None, 0.1], "colour": ["red", "blue"]})
    assert table.decode(encoded.features) == [{"size": None, "colour": "red"}, {"size": 0.1, "colour": "blue"}]
    assert not table.is_positional
    assert TABLE.is_positional


@pytest.mark.parametrize(
    ("value", "shown"), [("\ud800x", '"?x"'), (2**70, str(2**70)), (1e39, "1e+39"), (None, "null"), (False, "false")]
)
def test_a_message_can_repeat_any_value(value: object, shown: str) -> None:
    assert show(value) == shown
