"""A promise is kept only if the code keeps it and each planted fault breaks it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from reliability.promise import NotRunError, Promise, Result, Trial, VoidError, try_promise


def plant() -> None:
    """Half of it is lost."""


def promise(prove: Callable[[Trial], Result]) -> Promise:
    return Promise("nothing", "Nothing is lost", "things", 10, 2, prove, (plant,))


def honest(trial: Trial) -> Result:
    lost = trial.size // 2 if trial.fault else 0
    return Result(f"{trial.size} things", "none", f"{lost} of {trial.size}", [f"{lost} things lost"] if lost else [])


def careless(trial: Trial) -> Result:
    return Result(f"{trial.size} things", "none", f"0 of {trial.size}")


def broken(trial: Trial) -> Result:
    return Result("1 thing", "none", "1 of 1", ["a thing was lost"])


def void(trial: Trial) -> Result:
    raise VoidError("no thing was there")


def test_the_full_size_is_tried_and_the_fault_in_a_short_trial(tmp_path: Path) -> None:
    verdict = try_promise(promise(honest), tmp_path, quick=False)
    assert verdict.cells() == ["Nothing is lost", "10 things", "none", "0 of 10", "kept", "Half of it is lost: red"]
    assert verdict.controls["Half of it is lost"].load == "2 things"
    quick = try_promise(promise(honest), tmp_path, quick=True)
    assert quick.result is not None
    assert quick.result.load == "2 things"


@pytest.mark.parametrize(
    ("prove", "verdict", "control"),
    [
        (careless, "**unproven**", "not noticed"),
        (broken, "**broken**; a thing was lost", "red"),
        (void, "**broken**; nothing was tried: no thing was there", "not noticed"),
    ],
)
def test_what_is_not_proven_is_not_kept(
    tmp_path: Path, prove: Callable[[Trial], Result], verdict: str, control: str
) -> None:
    tried = try_promise(promise(prove), tmp_path, quick=True)
    assert not tried.kept
    assert tried.cells()[-2:] == [verdict, f"Half of it is lost: {control}"]


def test_a_proof_that_lacks_something_is_not_run_and_says_what(tmp_path: Path) -> None:
    def prove(trial: Trial) -> Result:
        raise NotRunError("no container engine answers")

    verdict = try_promise(promise(prove), tmp_path, quick=True)
    assert not verdict.kept
    assert verdict.result is None
    assert verdict.cells()[-2:] == ["not run: no container engine answers", ""]
