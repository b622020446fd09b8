"""The feature classifier: good enough for its features to be compared, the same every time, fitted once."""

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


@pytest.fixture(scope="module")
def classifier(digits: Dataset) -> FeatureClassifier:
    fitted = feature_classifier_of(digits)
    assert fitted is not None
    return fitted


def test_it_reads_digits(classifier: FeatureClassifier, digits: Dataset) -> None:
    assert classifier.accuracy > 0.96
    images = pixels(digits.inputs, digits.test.inputs)
    logits = classifier.predictor.predict(digits.test.inputs, 0).mean
    alike = classifier.classes(classifier.features(images)) == logits.argmax(-1)
    assert alike.double().mean() > 0.99, "only a tie may fall either way"


def test_features_are_those_before_the_last_layer_one_image_at_a_time(
    classifier: FeatureClassifier, digits: Dataset
) -> None:
    images = pixels(digits.inputs, digits.test.inputs[:7])
    features = classifier.features(images)
    assert features.shape == (7, 64)
    assert features.dtype == torch.float64
    assert torch.allclose(torch.cat([classifier.features(image[None]) for image in images]), features, atol=1e-5)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Nothing is fitted, but what would be is noted; the cache is empty."""
    names: list[str] = []
    monkeypatch.setattr(feature_classifier, "fit_classifier", lambda _, dataset, __: names.append(dataset.name))
    monkeypatch.setattr(feature_classifier, "cache_folder", lambda: tmp_path / "cache")
    return names


def test_it_is_fitted_once_for_a_data_set(digits: Dataset, trained: list[str]) -> None:
    first, second = feature_classifier_of(digits), feature_classifier_of(digits)
    assert first is not None
    assert second is not None
    assert trained == ["digits"]
    assert all(torch.equal(t, second.predictor.state_dict()[key]) for key, t in first.predictor.state_dict().items())
    feature_classifier_of(replace(digits, train=digits.train.rows(slice(100))))
    assert trained == ["digits"] * 2


def test_what_is_kept_is_what_was_fitted(classifier: FeatureClassifier, digits: Dataset) -> None:
    images = pixels(digits.inputs, digits.test.inputs[:20])
    again = feature_classifier_of(digits)
    assert again is not None
    torch.testing.assert_close(again.features(images), classifier.features(images), **ROUNDING)


OTHER = safetensors.torch.save({"other": torch.zeros(1)})


@pytest.mark.parametrize("content", [b"", b"no safetensors", OTHER], ids=["empty", "text", "other"])
def test_a_damaged_file_is_fitted_again(content: bytes, digits: Dataset, trained: list[str], tmp_path: Path) -> None:
    feature_classifier_of(digits)
    (path,) = (tmp_path / "cache").iterdir()
    path.write_bytes(content)
    feature_classifier_of(digits)
    assert trained == ["digits"] * 2
    assert path.stat().st_size > 10_000


def test_where_nothing_can_be_kept_there_is_a_classifier_all_the_same(
    digits: Dataset, trained: list[str], tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("not a folder")
    assert feature_classifier_of(digits) is not None
    assert trained == ["digits"]


def test_many_images_need_fewer_epochs(digits: Dataset) -> None:
    assert feature_classifier.settings_for(digits).epochs == 40
    many = replace(digits, train=digits.train.rows(torch.arange(60_000) % 1000))
    assert feature_classifier.settings_for(many).epochs == 3


@pytest.mark.parametrize("name", ["curve", "scenes"])
def test_data_without_a_class_for_each_image_have_no_classifier(name: str) -> None:
    assert feature_classifier_of(data.load(name)) is None


def test_images_without_classes_have_no_classifier(digits: Dataset) -> None:
    assert feature_classifier_of(replace(digits, outputs=None)) is None
