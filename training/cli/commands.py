"""All commands of the command line, in the order of its help."""

from __future__ import annotations

from training.cli import fitting, importing, measuring, posteriors, publishing, signing, studies
from training.cli.app import app

__all__ = ["app", "fitting", "importing", "measuring", "posteriors", "publishing", "signing", "studies"]
