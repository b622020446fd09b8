"""Transport: trained models behind HTTP. Requests in, distributions out."""

VERSION = "0.1.0"
"""Version of the service, as its description of the API and its traces tell it."""
