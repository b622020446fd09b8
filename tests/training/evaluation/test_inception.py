"""Inception's features: the network has the layers of the published weights, and is used where the user has them.

Its answers were compared once with those of torch-fidelity 0.4.0's network under the same random weights: equal to the
bit. That package needs torchvision, which is not installed here.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import safetensors.torch
import torch
from rounding import ROUNDING
from torch import Tensor
from typer.testing import CliRunner

from training.__main__ import app
from training.data import load as load_data
from training.errors import DataError
from training.evaluation.inception import SIZE, Inception, load
from training.recipes import find
from training.run.fit import fit


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    """Random ones, with those of the classifier that the published file has besides."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Inception().state_dict() | {"fc.weight": torch.zeros(1008, SIZE), "fc.bias": torch.zeros(1008)}


@pytest.fixture(scope="module")
def file(weights: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("inception") / "inception.safetensors"
    safetensors.torch.save_file(weights, path)
    return path


def test_it_has_as_many_weights_as_the_paper_says_and_their_published_names(weights: dict[str, Tensor]) -> None:
    assert sum(p.numel() for p in Inception().parameters()) == 21_785_568  # 24 million with the classifier
    assert weights["Mixed_7c.branch3x3dbl_3b.conv.weight"].shape == (384, 384, 3, 1)
    assert weights["Mixed_6b.branch7x7dbl_3.bn.running_var"].shape == (128,)
    assert len({name.split(".")[0] for name in weights}) == 17


def test_images_of_any_size_have_features_that_do_not_depend_on_their_neighbours(file: Path) -> None:
    network = load(file)
    images = torch.rand(3, 3, 32, 40, generator=torch.Generator().manual_seed(0))
    features = network.features(images)
    assert features.shape == (3, SIZE)
    assert features.dtype == torch.float64
    assert torch.allclose(network.features(images[1:2]), features[1:2], atol=1e-5)
    grey = images[:1, :1]
    three = grey.expand(-1, 3, -1, -1)
    torch.testing.assert_close(network.features(grey), network.features(three), **ROUNDING)


def test_files_that_do_not_have_the_weights_are_refused(weights: dict[str, Tensor], tmp_path: Path) -> None:
    (tmp_path / "text.safetensors").write_text("no weights")
    part = {name: tensor for name, tensor in weights.items() if not name.startswith("Mixed_7c")}
    safetensors.torch.save_file(part, tmp_path / "part.safetensors")
    other = weights | {"Conv2d_1a_3x3.conv.weight": torch.zeros(32, 1, 3, 3)}
    safetensors.torch.save_file(other, tmp_path / "other.safetensors")
    for name in ("text", "part", "other", "nothing"):
        with pytest.raises(DataError, match=rf"{name}\.safetensors is no safetensors file"):
            load(tmp_path / f"{name}.safetensors")


def test_evaluate_tells_the_distance_on_its_features(file: Path, tmp_path: Path) -> None:
    recipe = find("digits-gan")
    short = recipe.with_epochs(1)
    fit(short, load_data("digits"), tmp_path, 0, resume=False, report=lambda epoch: None)
    command = ["evaluate", "digits-gan", "--out", str(tmp_path), "--samples", "12", "--inception", str(file)]
    done = CliRunner().invoke(app, command, env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    for name in ("frechet_lenet", "frechet_inception", "frechet_inception_floor", "frechet_inception_ratio"):
        assert f" {name} " in done.output
    assert "weights that were given" in done.output
