"""Generative models, one family a file."""

import sys

from models.catalogue import components
from models.generation.generator import Generator

GENERATORS = components(sys.modules[__name__], Generator)
