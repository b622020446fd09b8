"""How much memory an answer takes at its peak: a process of its own for each number of draws.

Run by itself it is that process: ``python benchmarks/inside/memory.py DRAWS`` prints the peak in bytes.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_KIB = 1024
FEW, MANY = 10, 200


def peak_bytes(draws: int) -> int:
    """Return the largest memory of a process that answers one image of 360 x 480 by SegNet.

    Raises:
        subprocess.CalledProcessError: if it fails.
    """
    command = [sys.executable, __file__, str(draws)]
    return int(subprocess.run(command, cwd=_ROOT, stdout=subprocess.PIPE, check=True).stdout)


def main(draws: int) -> None:
    """Answer one image, and print the peak."""
    sys.path[:0] = [str(_ROOT), str(_ROOT / "benchmarks")]
    import torch

    from inside.models import STREETS, segnet
    from service.backends.predictor_jobs import PredictJob
    from service.backends.torch_loader import configure_torch
    from service.backends.torch_predictor import DrawCache, TorchPredictor

    configure_torch(1)
    spec = segnet(STREETS)
    model = spec.build().requires_grad_(False).eval()
    backend = TorchPredictor(model, torch.device("cpu"), DrawCache(2**29), weighs_evidence=False)
    backend.run([PredictJob(torch.rand(1, *spec.inputs.shape).numpy(), 0, draws)], lambda: None)
    unit = 1 if sys.platform == "darwin" else _KIB
    sys.stdout.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit))


if __name__ == "__main__":
    main(int(sys.argv[1]))
