"""The service, after some functions have changed its code: ``python -m reliability.planted MODULE:FUNCTION ...``."""

from __future__ import annotations

import importlib
import os
import sys

# As in the service's own entry point: before torch loads OpenMP.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from service.__main__ import serve


def main() -> None:
    """Plant the faults, then serve."""
    for address in sys.argv[1:]:
        module, function = address.split(":")
        getattr(importlib.import_module(module), function)()
    serve()


if __name__ == "__main__":
    main()
