"""Run the command line: ``python -m training``."""

import os

# Before torch loads OpenMP: its threads shall sleep, not spin, while they wait for each other. On shared cores spinning
# made one LeNet pass 70 ms in place of 1.2.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from training.cli.commands import app

if __name__ == "__main__":
    app(prog_name="python -m training")
