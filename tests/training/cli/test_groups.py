"""A group of options is typed once, and every command that takes it has all of its options."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from training.cli.commands import app
from training.cli.groups import expand_groups


@dataclass(frozen=True)
class Paint:
    colour: Annotated[str, typer.Option("--colour", help="Colour of the paint.")] = "red"
    coats: Annotated[int, typer.Option(min=1, help="Number of coats.")] = 1


def paint(name: Annotated[str, typer.Argument()], paint: Paint, dry: bool = False) -> None:
    typer.echo(f"{name} {paint} {dry}")


@pytest.fixture
def painter() -> typer.Typer:
    painter = typer.Typer()
    painter.command()(expand_groups(paint))
    return painter


def test_options_of_a_group_reach_the_command_as_one_value(painter: typer.Typer) -> None:
    shown = CliRunner().invoke(painter, ["door", "--coats", "3", "--dry"])
    assert shown.output == "door Paint(colour='red', coats=3) True\n"


def test_options_of_a_group_are_checked_as_any_other(painter: typer.Typer) -> None:
    assert CliRunner().invoke(painter, ["door", "--coats", "0"]).exit_code == 2


@pytest.mark.parametrize("command", ["fit", "evaluate", "learning-curve"])
def test_commands_that_load_data_have_the_same_options(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    shown = CliRunner().invoke(app, [command, "--help"]).output
    options = ("data", "data-dir", "target", "task", "categorical", "drop", "id", "time", "steps", "size", "ignore")
    assert all(re.search(rf"--{option}[ ,]", shown) for option in (*options, "split", "out", "seed"))
