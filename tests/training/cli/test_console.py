"""On a terminal a run is a bar that moves with its epochs; a warning stays above it."""

from __future__ import annotations

import io

from rich.console import Console

from training.cli.console import show_epochs
from training.loops.progress import Epoch


def test_a_terminal_shows_a_bar_and_keeps_warnings() -> None:
    screen = io.StringIO()
    with show_epochs(Console(file=screen, force_terminal=True, width=120), "digits-gan") as report:
        report(Epoch(1, 2, {"D loss": 0.5}))
        report(Epoch(2, 2, {"D loss": 0.25}, warning="the discriminator has won"))
    shown = screen.getvalue()
    assert "epoch 2/2" in shown
    assert "D loss 0.250" in shown
    assert "digits-gan: the discriminator has won\n" in shown.replace("\r", "")


def test_elsewhere_a_run_is_a_few_lines() -> None:
    file = io.StringIO()
    with show_epochs(Console(file=file, width=120), "digits-gan") as report:
        for number in range(1, 101):
            report(Epoch(number, 100, {"G loss": 1.0}))
    assert file.getvalue().count("\n") == 5
