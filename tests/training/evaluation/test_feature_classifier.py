"""The judge: good enough to judge, the same every time, fitted once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch
from rounding import ROUNDING

from training import data
from training.data import Dataset
from training.data.pixels import pixels
from training.evaluation import feature_classifier
from training.evaluation.feature_classifier import FeatureClassifier, feature_classifier_of
from training.recipes.kinds.predictive import PredictiveRecipe


@pytest.fixture(scope="module")
def judge(digits: Dataset) -> FeatureClassifier:
    found = feature_classifier_of(digits)
    assert found is not None
    return found


def test_it_reads_digits(judge: FeatureClassifier, digits: Dataset) -> None:
    assert judge.accuracy > 0.96
    images = pixels(digits.inputs, digits.test.inputs)
    logits = judge.predictor.predict(digits.test.inputs, 0).mean
    alike = judge.classes(judge.features(images)) == logits.argmax(-1)
    assert alike.double().mean() > 0.99, "only a tie may fall either way"


def test_features_are_those_before_the_last_layer_one_image_at_a_time(
    judge: FeatureClassifier, digits: Dataset
) -> None:
    images = pixels(digits.inputs, digits.test.inputs[:7])
    features = judge.features(images)
    assert features.shape == (7, 64)
    assert features.dtype == torch.float64
    assert torch.allclose(torch.cat([judge.features(image[None]) for image in images]), features, atol=1e-5)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Nothing is fitted, but what would be is noted; the cache is empty."""
    names: list[str] = []
    monkeypatch.setattr(PredictiveRecipe, "train", lambda recipe, *_: names.append(recipe.name))
    monkeypatch.setattr(feature_classifier, "_cache", lambda: tmp_path / "judges")
    return names


def test_it_is_fitted_once_for_a_data_set(digits: Dataset, trained: list[str]) -> None:
    first, second = feature_classifier_of(digits), feature_classifier_of(digits)
    assert first is not None
    assert second is not None
    assert trained == ["digits-judge"]
    assert all(torch.equal(t, second.predictor.state_dict()[key]) for key, t in first.predictor.state_dict().items())
    feature_classifier_of(replace(digits, train=digits.train.rows(slice(100))))
    assert trained == ["digits-judge"] * 2


def test_what_is_kept_is_what_was_fitted(judge: FeatureClassifier, digits: Dataset) -> None:
    images = pixels(digits.inputs, digits.test.inputs[:20])
    again = feature_classifier_of(digits)
    assert again is not None
    torch.testing.assert_close(again.features(images), judge.features(images), **ROUNDING)


OTHER = safetensors.torch.save({"other": torch.zeros(1)})


@pytest.mark.parametrize("content", [b"", b"no safetensors", OTHER], ids=["empty", "strange", "other"])
def test_a_damaged_file_is_fitted_anew(content: bytes, digits: Dataset, trained: list[str], tmp_path: Path) -> None:
    feature_classifier_of(digits)
    (path,) = (tmp_path / "judges").iterdir()
    path.write_bytes(content)
    feature_classifier_of(digits)
    assert trained == ["digits-judge"] * 2
    assert path.stat().st_size > 10_000


def test_where_nothing_can_be_kept_there_is_a_judge_all_the_same(
    digits: Dataset, trained: list[str], tmp_path: Path
) -> None:
    (tmp_path / "judges").write_text("not a folder")
    assert feature_classifier_of(digits) is not None
    assert trained == ["digits-judge"]


@pytest.mark.parametrize("name", ["curve", "scenes"])
def test_what_has_no_class_for_an_image_has_no_judge(name: str) -> None:
    assert feature_classifier_of(data.load(name)) is None


def test_images_without_classes_have_no_judge(digits: Dataset) -> None:
    assert feature_classifier_of(replace(digits, outputs=None)) is None
