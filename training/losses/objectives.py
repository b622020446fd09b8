r"""The objectives of the papers, under their names. Pure functions; all in nats."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def negative_elbo(nll: Tensor, kl: Tensor, rows: int) -> Tensor:
    r"""Return the variational free energy of one training row, a scalar.

    .. math:: \frac{1}{B} \sum_{b} -\log p(y_b | x_b, w) + \frac{1}{N} \mathrm{KL}(q(w) \,\|\, p(w))

    For MC-dropout, whose KL term is a quadratic of the weights, this is the likelihood with weight decay.

    Args:
        nll: Negative log-likelihood of each row of a batch, ``(B,)``.
        kl: KL divergence of the whole posterior from the prior, a scalar.
        rows: Size ``N`` of the training set, not of the batch.

    References:
        Blundell et al. (2015), Weight Uncertainty in Neural Networks, eq. 1.
    """
    return nll.mean() + kl / rows


def sgvb_a(nll: Tensor, log_prior: Tensor, log_posterior: Tensor, beta: float = 1.0) -> Tensor:
    r"""Return the negative of estimator A of the variational lower bound, mean over a batch: its KL term is sampled.

    .. math:: -\tilde{\mathcal{L}}^A = -\log p(x|z) + \beta \, (\log q(z|x) - \log p(z)), \quad z \sim q(z|x)

    Args:
        nll: ``-log p(x|z)`` of each image given one sample of its code, ``(B,)``.
        log_prior: ``log p(z)`` of that sample, ``(B,)``.
        log_posterior: ``log q(z|x)`` of that sample, ``(B,)``.
        beta: Weight of the KL term; above 1 it asks for a code of independent parts, and is no bound's weight.

    References:
        Kingma & Welling (2014), Auto-Encoding Variational Bayes, eq. 6; Higgins et al. (2017), beta-VAE, eq. 4.
    """
    return (nll + beta * (log_posterior - log_prior)).mean()


def sgvb_b(nll: Tensor, kl: Tensor, beta: float = 1.0) -> Tensor:
    r"""Return the negative of estimator B, mean over a batch: with its KL term known, it usually varies less.

    .. math:: -\tilde{\mathcal{L}}^B = -\log p(x|z) + \beta \, \mathrm{KL}(q(z|x) \,\|\, p(z)), \quad z \sim q(z|x)

    Args:
        nll: ``-log p(x|z)`` of each image given one sample of its code, ``(B,)``.
        kl: KL divergence of each image's posterior from the prior of the code, ``(B,)``.
        beta: Weight of the KL term, as in :func:`sgvb_a`.

    References:
        Kingma & Welling (2014), Auto-Encoding Variational Bayes, eq. 7.
    """
    return (nll + beta * kl).mean()


def importance_weighted_bound(log_weights: Tensor) -> Tensor:
    r"""Return a lower bound of each image's log-likelihood, ``(B,)``, float64: the tighter, the more samples.

    .. math:: \mathcal{L}_K = \log \frac{1}{K} \sum_k \frac{p(x, z_k)}{q(z_k | x)}, \quad z_k \sim q(z|x)

    Args:
        log_weights: ``log p(x, z_k) - log q(z_k | x)`` of ``K`` samples, ``(K, B)``.

    References:
        Burda, Grosse & Salakhutdinov (2016), Importance Weighted Autoencoders, eq. 8.
    """
    return log_weights.double().logsumexp(0) - math.log(len(log_weights))


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    r"""Return :math:`-\log D(x) - \log(1 - D(G(z)))`, mean over the batch, from logits ``(B,)``.

    References:
        Goodfellow et al. (2014), Generative Adversarial Nets, eq. 1.
    """
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def generator_loss(fake: Tensor) -> Tensor:
    r"""Return the non-saturating :math:`-\log D(G(z))`, mean over the batch, from logits ``(B,)``."""
    return F.softplus(-fake).mean()


def wasserstein_critic_loss(real: Tensor, fake: Tensor) -> Tensor:
    r"""Return :math:`E[f(G(z))] - E[f(x)]` from a critic's values ``(B,)``: minus an estimate of the distance.

    The distance is Wasserstein-1 if ``f`` is 1-Lipschitz, and a multiple of it if ``f`` is K-Lipschitz.

    References:
        Arjovsky, Chintala & Bottou (2017), Wasserstein GAN, eq. 3.
    """
    return fake.mean() - real.mean()


def wasserstein_generator_loss(fake: Tensor) -> Tensor:
    r"""Return :math:`-E[f(G(z))]` from a critic's values ``(B,)``."""
    return -fake.mean()


def gradient_penalty(values: Tensor, images: Tensor) -> Tensor:
    r"""Return :math:`E[(\lVert \nabla_x f(x) \rVert_2 - 1)^2]` at images between real and generated ones, a scalar.

    Args:
        values: Values of the critic at ``images``, ``(B,)``; one image's value must not depend on another.
        images: Images ``(B, ...)``, requiring gradients.

    References:
        Gulrajani et al. (2017), Improved Training of Wasserstein GANs, eq. 3.
    """
    (gradient,) = torch.autograd.grad(values.sum(), images, create_graph=True)
    slopes: Tensor = torch.linalg.vector_norm(gradient.flatten(1), dim=1)
    return (slopes - 1).square().mean()


def r1_penalty(values: Tensor, images: Tensor) -> Tensor:
    r"""Return :math:`E[\lVert \nabla_x D(x) \rVert_2^2]` at real images, a scalar.

    Args:
        values: Logits of the discriminator at ``images``, ``(B,)``.
        images: Images ``(B, ...)``, requiring gradients.

    References:
        Mescheder, Geiger & Nowozin (2018), Which Training Methods for GANs do actually Converge?, eq. 9.
    """
    (gradient,) = torch.autograd.grad(values.sum(), images, create_graph=True)
    penalty: Tensor = gradient.flatten(1).square().sum(1).mean()
    return penalty


def categorical_code_nll(logits: Tensor, code: Tensor) -> Tensor:
    r"""Return :math:`-\log Q(c|x)` of a categorical code, ``(B,)``, from logits ``(B, k)`` and indices ``(B,)``."""
    return F.cross_entropy(logits, code, reduction="none")


def continuous_code_nll(mean: Tensor, log_variance: Tensor, code: Tensor) -> Tensor:
    r"""Return :math:`-\log Q(c|x)` of a continuous code under a Gaussian Q; all three ``(B,)``."""
    return 0.5 * (math.log(2 * math.pi) + log_variance + (code - mean).square() * (-log_variance).exp())


def mutual_information_bound(entropy: float, nll: Tensor) -> Tensor:
    r"""Return a lower bound in nats, a scalar, of what an image tells of its code.

    .. math:: L_I = H(c) - E[-\log Q(c|x)] \le I(c; G(z, c))

    Args:
        entropy: Entropy ``H(c)`` in nats: ``ln k`` of a categorical code, ``ln 2`` (differential) of a uniform one on
            [-1, 1].
        nll: ``-log Q(c|x)`` of generated images, ``(B,)``.

    References:
        Chen et al. (2016), InfoGAN, eq. 5.
    """
    return torch.as_tensor(entropy) - nll.mean()


def paired_information(first: Tensor, second: Tensor) -> Tensor:
    r"""Return the mutual information in nats, a scalar, of the classes that Q gives the two images of a pair.

    Largest, ``ln k``, when both images of every pair are surely of the same class and all classes are as frequent.

    Args:
        first: Logits of the first image of every pair, ``(B, k)``.
        second: Logits of the second image of every pair, ``(B, k)``.

    References:
        Ji et al. (2019), Invariant Information Clustering, eq. 3.
    """
    joint = first.softmax(-1).T @ second.softmax(-1) / len(first)
    joint = ((joint + joint.T) / 2).clamp_min(1e-8)
    independent = joint.sum(0, keepdim=True) * joint.sum(1, keepdim=True)
    return (joint * (joint / independent).log()).sum()
