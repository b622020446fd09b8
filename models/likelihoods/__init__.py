"""Likelihoods, one a file: each turns a network's output into a distribution of the outcome."""

import sys

from models.catalogue import components
from models.prediction.likelihood import Likelihood

LIKELIHOODS = components(sys.modules[__name__], Likelihood)
