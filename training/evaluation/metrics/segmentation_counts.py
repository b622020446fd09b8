"""Counts over the pixels of a split, added up block by block: no pixel of a draw is kept."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics.functional.classification import multiclass_confusion_matrix

from models.prediction.predictor import Predictor
from models.specs import VOID
from training.data import Split
from training.evaluation.metrics.found_shares import FoundShares
from training.evaluation.metrics.ood_scores import Scores, block_scores, concatenate
from training.evaluation.metrics.ranking import BinnedAuroc
from training.evaluation.predictions import blocks, mark_unobserved, predict_blocks


class SegmentationCounts:
    """Counts over all pixels of a segmentation that are not void.

    Attributes:
        confusion: Numbers of pixels by true and by predicted class, ``(C, C)``.
        wrong: Ranks wrong pixels by their predictive entropy.
        nll: Negative log-likelihood in nats, summed over all pixels.
        scores: Scores of every image, with all its pixels.
    """

    def __init__(
        self, predictor: Predictor, split: Split, samples: int, seed: int, found: Sequence[FoundShares] = ()
    ) -> None:
        """Count.

        Args:
            predictor: The segmentation.
            split: Images and their masks.
            samples: Number of draws; 0 is the posterior's mean.
            seed: Seed of the draws.
            found: Shares that the answers are added to, so that they are predicted once.
        """
        classes = predictor.outputs.size
        self.confusion = torch.zeros(classes, classes, dtype=torch.int64)
        self.wrong = BinnedAuroc(math.log(classes))
        self.nll = 0.0
        parts: list[Scores] = []
        rows = blocks(predictor, len(split.inputs))
        for block, answer in zip(rows, predict_blocks(predictor, split.inputs, samples, seed), strict=True):
            labels = mark_unobserved(predictor, split.rows(block).targets)
            self._add(answer.mean, answer.predictive_entropy, labels)
            for shares in found:
                shares.add(answer.mean, labels)
            parts.append(block_scores(predictor, answer))
        self.scores = concatenate(parts)

    def _add(self, probs: Tensor, entropy: Tensor, labels: Tensor) -> None:
        seen, guess, classes = labels != VOID, probs.argmax(-1), len(self.confusion)
        self.confusion += multiclass_confusion_matrix(guess, labels, classes, ignore_index=VOID)
        self.wrong.add(entropy[seen], (guess != labels)[seen])
        picked = probs.gather(-1, labels.clamp_min(0).unsqueeze(-1)).squeeze(-1)[seen]
        self.nll -= float(picked.clamp_min(torch.finfo(torch.float32).tiny).log().sum())
