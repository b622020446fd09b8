"""The preamble that all routes for images share."""

from __future__ import annotations

from typing import Annotated

from service.http.exchange import Exchange, admission
from service.http.negotiation import JSON, NPY, PNG

ImagesExchange = Annotated[Exchange, admission(JSON, PNG, NPY)]
"""An admitted request for images, which come as JSON, as one picture or as an array."""
