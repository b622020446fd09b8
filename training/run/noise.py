"""The noise of a regression that answers means alone, measured on rows that it was not trained on."""

from __future__ import annotations

from models.likelihoods.homoscedastic_gaussian import HomoscedasticGaussian
from models.prediction.predictor import Predictor
from training.data import Split


def fit_noise(model: Predictor, likelihood: HomoscedasticGaussian, rows: Split) -> None:
    """Set the variance of the noise to what is left of the squared errors when that of the draws is taken away."""
    samples = model.available_samples(50) if model.posterior.can_sample else 0  # Laplace is fitted to the noise
    answer = model.predict(rows.inputs.float(), samples=samples)
    unit = answer.mean.new_tensor(model.outputs.scale).square()
    squared = (answer.mean - rows.targets).square().flatten(0, -2).nanmean(0) / unit  # NaN was not observed
    epistemic = answer.epistemic_variance
    drawn = 0.0 if epistemic is None else epistemic.flatten(0, -2).mean(0) / unit
    likelihood.log_variance.copy_((squared - drawn).clamp_min(1e-3 * squared + 1e-12).log().float())
