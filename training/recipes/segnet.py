"""Bayesian SegNet: Kendall, Badrinarayanan & Cipolla (2017). Dropout of one half in the central blocks.

For CamVid the network is SegNet-Basic, four blocks of one 7 x 7 convolution, with 32 features in place of 64; for the
scenes of digits it is two blocks deep and drops a tenth: with one half so small a network learns little (mean IoU
0.13 in place of 0.55).

CamVid's figures are of its 101 validation pictures, and the papers' of its 233 test pictures, which this project does
not have: on those the same network was measured elsewhere to reach 35.3 % mean IoU and 71.3 % of the pixels, in place
of 50.6 and 82.5 %. All validation pictures are of the film 0016E5, as 204 of the 367 training pictures are.
"""

from models.catalogue import Component
from training.loops.settings import SupervisedSettings
from training.recipes.kinds.predictive import PredictiveRecipe
from training.recipes.kinds.published import OURS, Published


def _camvid(network: str, what: str, figure: str, value: float, at_least: float | None = None) -> Published:
    return Published(
        paper="Kendall, Badrinarayanan & Cipolla (2017)",
        place=f"CamVid, {network}",
        what=f"{what}, % (the paper's on its test split)",
        figure=figure,
        scale=100,
        value=value,
        at_least=at_least,
    )


RECIPES = (
    PredictiveRecipe(
        data="scenes",
        model="segnet-mc_dropout",
        description="segmentation: which digit every pixel of a scene belongs to",
        bundled=True,
        starter=True,
        network=Component("segnet", {"channels": [32, 64], "kernel": 5, "dropout": 0.1}),
        posterior=Component("mc_dropout", {"length_scale": 0.05}),
        likelihood=Component("categorical"),
        settings=SupervisedSettings(epochs=24, batch=8, learning_rate=3e-3, cosine_decay=True, validate_every=4),
    ),
    PredictiveRecipe(
        data="camvid",
        model="segnet-mc_dropout",
        description="segmentation: street scenes, SegNet-Basic at half its width, which a CPU trains in minutes",
        network=Component("segnet", {"channels": [32, 32, 32, 32], "kernel": 7, "dropout": 0.1}),
        posterior=Component("mc_dropout", {"length_scale": 0.05}),
        likelihood=Component("categorical"),
        settings=SupervisedSettings(epochs=60, batch=4, learning_rate=1e-3, cosine_decay=True, validate_every=5),
        balanced=True,
        published=(
            _camvid("Bayesian SegNet-Basic", "pixels right", "test_pixel_accuracy", 81.6, at_least=75),
            _camvid("Bayesian SegNet-Basic", "class average", "test_class_accuracy", 70.5),
            _camvid("Bayesian SegNet-Basic", "mean IoU", "test_mean_iou", 55.8, at_least=30),
            _camvid("SegNet-Basic", "pixels right", "test_pixel_accuracy_deterministic", 82.7),
            _camvid("SegNet-Basic", "class average", "test_class_accuracy_deterministic", 62.0),
            _camvid("SegNet-Basic", "mean IoU", "test_mean_iou_deterministic", 47.7),
            Published(
                paper=OURS,
                place="CamVid",
                what="AUROC of the entropy, wrong against right pixels",
                figure="wrong_pixel_auroc",
                at_least=0.8,
            ),
        ),
    ),
)
