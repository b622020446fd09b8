"""A version of a model as its outcomes show it: every kind of set that it answered with, tested for its level."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from models.guarantees.adaptive import adapt
from models.guarantees.martingale import CoverageTest
from service.runtime.outcomes.answer_rows import Said
from service.runtime.outcomes.judging import Judgement
from service.runtime.outcomes.scored import Scored
from service.runtime.outcomes.tally import Tally

_MOST_STREAMS, _MOST_SLICES, _MOST_POINTS = 20, 200, 50
_FIRST_STRIDE = 20
_USUAL = (0.8, 0.9, 0.95, 0.99)
"""Levels that are adapted from the first outcome on, whether or not they are asked for."""
OTHERS = "(others)"
"""Name of the classes, groups or levels beyond the number that is told apart."""


class Point(msgspec.Struct):
    """A stretch of outcomes on the curve of a stream.

    Attributes:
        rows: Number of outcomes up to its end.
        tally: Sums over its outcomes.
        evidence: Evidence at its end.
    """

    rows: int
    tally: Tally
    evidence: float | None


class Stream(msgspec.Struct):
    """The outcomes of answers of one level and method.

    Attributes:
        level: Probability with which the sets are to hold the outcome; ``None`` for answers without any.
        method: Kind of set, and the rows that the level is held for.
        test: Test of the coverage.
        whole: Sums over all outcomes.
        slices: Sums by kind of slice and by class or group.
        curve: Stretches of outcomes, in order.
        stride: Number of outcomes in a stretch.
        alarm_at: Number of the outcome that raised the alarm; ``None`` while there is none.
    """

    level: float | None
    method: str | None
    test: CoverageTest | None
    whole: Tally = msgspec.field(default_factory=Tally)
    slices: dict[str, dict[str, Tally]] = {}
    curve: list[Point] = []
    stride: int = _FIRST_STRIDE
    alarm_at: int | None = None

    def add(self, one: Judgement) -> None:
        """Count an outcome, and play on."""
        self.whole.add(one)
        for kind, name in one.slices.items():
            parts = self.slices.setdefault(kind, {})
            known = name in parts or len(parts) < _MOST_SLICES
            parts.setdefault(name if known else OTHERS, Tally()).add(one)
        if self.test is not None and one.missed is not None:
            self.test.update(one.missed)
            self.alarm_at = (self.alarm_at or self.whole.rows) if self.test.alarm else None
        self._draw(one)

    @property
    def evidence(self) -> float | None:
        """Base-10 logarithm of the evidence that the coverage is too low; an alarm from 2 on."""
        return None if self.test is None else float(self.test.evidence)

    def report(self) -> dict[str, Any]:
        """Return what the outcomes show."""
        by = {kind: [{"name": n, **t.figures()} for n, t in parts.items()] for kind, parts in self.slices.items()}
        curve = [{**point.tally.figures(), "rows": point.rows, "evidence": point.evidence} for point in self.curve]
        return {
            "level": self.level,
            "method": self.method,
            **self.whole.figures(),
            "evidence": self.evidence,
            "alarm": self.alarm_at is not None,
            "alarm_at": self.alarm_at,
            "by": by,
            "curve": curve,
        }

    def _draw(self, one: Judgement) -> None:
        if not self.curve or self.curve[-1].tally.rows >= self.stride:
            if len(self.curve) >= _MOST_POINTS:
                pairs = zip(self.curve[::2], self.curve[1::2], strict=True)
                self.curve, self.stride = [_joined(*pair) for pair in pairs], 2 * self.stride
            self.curve.append(Point(0, Tally(), None))
        point = self.curve[-1]
        point.tally.add(one)
        point.rows, point.evidence = self.whole.rows, self.evidence


class Watch(msgspec.Struct):
    """The outcomes of a version of a model.

    Attributes:
        model: Name of the model.
        version: Version of the model.
        streams: Outcomes by level and method.
        levels: Level that each level asked for has been adapted to, as far as outcomes have moved it.
    """

    model: str
    version: int
    streams: dict[str, Stream] = {}
    levels: dict[str, float] = {}

    def add(self, said: Said, one: Judgement) -> None:
        """Count an outcome of an answer."""
        level = None if one.missed is None else said.level
        name = "none" if level is None else f"{level:g} {said.method}"
        if name not in self.streams:
            if len(self.streams) >= _MOST_STREAMS:
                name, level = OTHERS, None  # levels that are all different cannot be tested one by one
            rows = 0 if said.method in ("adaptive", "credible") else said.fitted_rows
            test = None if level is None else CoverageTest(level, rows)
            method = None if level is None else said.method
            self.streams.setdefault(name, Stream(level, method, test))
        self.streams[name].add(one)

    def adapt(self, said: Said, scored: Scored | None) -> None:
        """Move the usual levels, and those that were asked for, by what their sets would have held."""
        if scored is None:
            return
        asked = said.level if said.method == "adaptive" and len(self.levels) < _MOST_STREAMS else None
        for level in {*_USUAL, *map(float, self.levels), asked} - {None}:
            assert level is not None  # it was taken away
            current = self.levels.get(f"{level:g}", level)
            self.levels[f"{level:g}"] = adapt(current, level, scored.missed(current, level))

    @property
    def main(self) -> Stream | None:
        """Stream with most outcomes; ``None`` before the first outcome."""
        return max(self.streams.values(), key=lambda stream: (stream.whole.judged, stream.whole.rows), default=None)

    @property
    def evidence(self) -> float:
        """Largest evidence of any stream; 0 without any, as little as a new test has."""
        return max((stream.evidence for stream in self.streams.values() if stream.evidence is not None), default=0.0)

    @property
    def alarm(self) -> bool:
        """``True`` while the coverage of any stream is too low."""
        return any(stream.alarm_at is not None for stream in self.streams.values())

    def report(self) -> dict[str, Any]:
        """Return what the outcomes show, the stream with most of them first."""
        streams = sorted(self.streams.values(), key=lambda stream: -stream.whole.rows)
        reports = [stream.report() for stream in streams]
        return {
            "model": self.model,
            "version": str(self.version),
            "alarm": self.alarm,
            "levels": self.levels,
            "streams": reports,
        }


def encode_watch(watch: Watch) -> str:
    """Return a watch as JSON."""
    return _ENCODER.encode(watch).decode()


def decode_watch(state: str) -> Watch:
    """Return the watch in a text of :func:`encode_watch`."""
    return _DECODER.decode(state)


def _joined(first: Point, second: Point) -> Point:
    """Return two stretches as one."""
    whole = Tally()
    for name in Tally.__struct_fields__:
        one, other = getattr(first.tally, name), getattr(second.tally, name)
        if name == "bins":
            setattr(whole, name, (np.array(one) + np.array(other)).tolist())
        else:
            setattr(whole, name, None if one is None or other is None else one + other)
    return Point(second.rows, whole, second.evidence)


def _plain(value: Any) -> Any:
    """Return an array or a number of NumPy's as Python's."""
    return value.tolist()


_ENCODER, _DECODER = msgspec.json.Encoder(enc_hook=_plain), msgspec.json.Decoder(Watch)
