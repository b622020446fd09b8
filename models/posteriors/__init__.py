"""Posteriors, one a file: each turns any network into a distribution over functions."""

import sys

from models.catalogue import components
from models.prediction.posterior import Posterior

POSTERIORS = components(sys.modules[__name__], Posterior)
