"""Verdicts: the stated share of rows of a model's own kind, and nearly all of another, is abstained from."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.guarantees.calibration import FALSE_ALARM_RATE, SEED, CalibrationRows, read
from models.guarantees.verdicts import Detector, Detectors, Tail

KINDS = ("energy", "mahalanobis", "neighbour")


def evidence(stream: np.random.Generator, rows: int, shift: tuple[float, ...] = (0, 0, 0)) -> dict[str, NDArray]:
    """Evidence of unlike scales and tails, two kinds of which go together."""
    common = stream.normal(size=rows)
    values = common, common + stream.normal(size=rows), 100 * np.exp(stream.normal(size=rows))
    return {name: value + by for name, value, by in zip(KINDS, values, shift, strict=True)}


def calibration(stream: np.random.Generator, rows: int) -> CalibrationRows:
    return CalibrationRows((0,), {name: v[None].astype(np.float32) for name, v in evidence(stream, rows).items()})


@pytest.mark.parametrize("rows", [60, 400])
def test_false_alarms_are_as_rare_as_stated(rows: int) -> None:
    stream = np.random.default_rng(0)
    rates = []
    for _ in range(150):
        detector = Detector(calibration(stream, rows), 0)
        rates.append((detector.surprises(evidence(stream, 400)).max(0) > detector.threshold).mean())
    assert float(np.mean(rates)) == pytest.approx(FALSE_ALARM_RATE, abs=0.012)


@pytest.mark.parametrize("rows", [10, 22, 40])
def test_few_rows_raise_no_more_false_alarms_than_stated(rows: int) -> None:
    stream = np.random.default_rng(3)
    rates = []
    for _ in range(150):
        detector = Detector(calibration(stream, rows), 0)
        rates.append((detector.surprises(evidence(stream, 400)).max(0) > detector.threshold).mean())
    assert 0.02 < float(np.mean(rates)) < max(FALSE_ALARM_RATE, 1 / (rows + 1)) + 0.01


def test_any_kind_of_evidence_alone_is_enough_and_is_named() -> None:
    stream = np.random.default_rng(1)
    detector = Detector(calibration(stream, 500), 0)
    for i, name in enumerate(KINDS):
        shift = [0.0, 0.0, 0.0]
        shift[i] = 1e4
        alarms = detector.name_alarms(detector.surprises(evidence(stream, 50, tuple(shift))))
        assert all(name in spoke for spoke in alarms)


def test_far_rows_differ_from_farther_ones() -> None:
    tail = Tail.fit(np.arange(100, dtype=np.float32))
    near, far, farther = tail.surprise(np.array([50.0, 200.0, 300.0]))
    assert near < far < farther
    p_values = tail.p_values(np.array([-1.0, 50.0, 200.0, 300.0]))
    assert p_values.tolist() == pytest.approx([1.0, 51 / 101, 1 / 101, 1 / 101])


def test_p_values_are_uniform_for_rows_of_the_same_kind() -> None:
    stream = np.random.default_rng(2)
    joint = []
    for _ in range(100):
        detector = Detector(calibration(stream, 200), 0)
        fresh = evidence(stream, 200)
        p_values = detector.p_values(fresh, detector.surprises(fresh).max(0))
        assert set(p_values) == {"joint", *KINDS}
        joint.append(p_values["joint"])
    for level in (0.05, 0.25, 0.5):
        assert float((np.concatenate(joint) <= level).mean()) == pytest.approx(level, abs=0.015)


def test_evidence_that_never_varies_accuses_nobody() -> None:
    rows = CalibrationRows((0,), {"total_variance": np.full((1, 50), 0.3, np.float32)})
    detector = Detector(rows, 0)
    assert not (detector.surprises({"total_variance": np.full(5, 0.3)}) > detector.threshold).any()
    assert (detector.surprises({"total_variance": np.full(5, 0.4)}) > detector.threshold).all()


def test_answers_are_compared_with_the_next_smaller_number_of_draws() -> None:
    numbers = np.array([np.nan, np.nan, 1, 2, 3])[:, None] * np.linspace(0.5, 1, 40)
    rows = CalibrationRows((0, 1, 2, 5, 50), {"mutual_information": numbers.astype(np.float32)})
    detectors = Detectors(rows)
    assert detectors.find(0) is None
    assert detectors.find(1) is None
    largest = [detectors.find(samples).tails["mutual_information"].ranked[-1] for samples in (2, 4, 5, 49, 50, 1000)]
    assert largest == [1, 1, 2, 2, 3, 3]
    assert detectors.find(4) is detectors.find(2)


def test_a_model_that_is_one_function_decides_by_what_needs_no_draws() -> None:
    rows = CalibrationRows((0,), {"energy": np.linspace(0, 1, 40, dtype=np.float32)[None]})
    detector = Detectors(rows).find(0)
    assert detector is not None
    assert detector.name_alarms(detector.surprises({"energy": np.array([0.5, 9.0])})) == [[], ["energy"]]


def test_few_draws_of_another_seed_are_compared_with_rows_that_were_asked_with_many_seeds() -> None:
    numbers = np.repeat(np.arange(8.0)[:, None], 40, 1)
    rows = CalibrationRows((0, 1, 2, 5, 50), {"mutual_information": numbers.astype(np.float32)}, mixed=(1, 2, 5))
    assert [rows.position(samples) for samples in (0, 1, 4, 5, 49, 50, 99)] == [0, 1, 2, 3, 3, 4, 4]
    assert [rows.position(samples, 7) for samples in (0, 1, 4, 5, 49, 50, 99)] == [0, 5, 6, 7, 7, 4, 4]
    found = [Detectors(rows).find(3, seed) for seed in (SEED, 7)]
    assert [one.tails["mutual_information"].start for one in found if one is not None] == [2, 6]
    assert Detectors(rows).find(1, 7) is None
    again = read(rows.serialise(), rows.summary())
    assert again.mixed == rows.mixed
    assert again.position(2, 7) == 6
