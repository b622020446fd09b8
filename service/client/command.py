"""The command line of predictions: ``python -m service predict FILE --model NAME --out answers.parquet``."""

from __future__ import annotations

import asyncio
import functools
import secrets
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from service.client.batches import StepForm, TextForm
from service.client.errors import ClientError
from service.client.file_prediction import AT_ONCE, PART, Summary, predict_file
from service.client.shells import AsyncClient

USER_ERROR, INTERRUPTED = 2, 130
SECONDS = 600.0
"""Seconds that one request may take: nobody waits for it who could be annoyed."""
_SEED_BITS = 53

Connect = Callable[[Path | str | None, str, float, str], AbstractAsyncContextManager[AsyncClient]]
"""Function that serves a model of a store to a client with a timeout in seconds, here or on a cluster of Ray."""

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, no_args_is_help=True)


@app.callback()
def service() -> None:
    """Serve the models of the store (without a command), or predict a whole file."""


@app.command()
def predict(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(help="CSV (also .gz, .bz2, .zst), Parquet, .npz, .npy, or a folder of pictures.")
    ],
    model: Annotated[str, typer.Option(help="Name of the model.")],
    out: Annotated[Path, typer.Option(help="File of the answers: .parquet, .csv or .jsonl.")],
    url: Annotated[str, typer.Option(help="Address of a running service; without it the model is run here.")] = "",
    key_file: Annotated[
        Path | None, typer.Option(help="File with the service's API key alone; CREDENCE_API_KEY holds one too.")
    ] = None,
    ray: Annotated[
        str, typer.Option(help='Address of a cluster of Ray to run the model on, or "local" for all processors here.')
    ] = "",
    store: Annotated[
        str | None,
        typer.Option(help="Folder of models, or address of an object store, if they are run here; CREDENCE_STORE."),
    ] = None,
    version: Annotated[int | None, typer.Option(help="Version of the model; the newest if left out.")] = None,
    samples: Annotated[int, typer.Option(help="Number of draws, 0 to 1000.")] = 50,
    seed: Annotated[str, typer.Option(help='Seed of the draws, or "random".')] = "0",
    interval: Annotated[float | None, typer.Option(help="Probability that an interval, or a set, holds.")] = None,
    interval_for: Annotated[
        str | None, typer.Option(help='Whom it holds for: "all", "class" or "group:COLUMN".')
    ] = None,
    interval_score: Annotated[
        str | None, typer.Option(help='Score it is calibrated by, such as "cumulative" or "asymmetric".')
    ] = None,
    outputs: Annotated[str, typer.Option(help="Statistics to write, separated by commas; all if left out.")] = "",
    on_unknown: Annotated[
        str, typer.Option(help='"abstain" from rows with an unknown category, or "refuse".')
    ] = "refuse",
    delimiter: Annotated[str, typer.Option(help="Delimiter of a CSV file; found in its header if left out.")] = "",
    encoding: Annotated[str, typer.Option(help="Encoding of a CSV file; UTF-8, or UTF-16 with its mark.")] = "",
    decimal: Annotated[str, typer.Option(help="Decimal sign of a CSV file.")] = ".",
    thousands: Annotated[str, typer.Option(help="Character that groups thousands in a CSV file.")] = "",
    id_column: Annotated[
        str, typer.Option("--id", help="Column that tells sequences apart, where rows are steps.")
    ] = "",
    time: Annotated[str, typer.Option(help="Column that orders the steps of a sequence.")] = "",
    steps: Annotated[int | None, typer.Option(min=1, help="Number of last steps of each sequence to keep.")] = None,
) -> None:
    """Predict every row of a file, and write a row of answers for each.

    Rows go to the model as POST /predict takes them, as many at a time, so the answers are the same. After an
    interruption the same command goes on where it stopped.
    """
    seed = str(secrets.randbits(_SEED_BITS)) if seed == "random" else seed
    if not seed.isdecimal():
        _fail(f'--seed {seed}: allowed are whole numbers from 0, and "random"')
    delimiter = {"tab": "\t", "\\t": "\t"}.get(delimiter, delimiter)
    if len(delimiter) > 1 or decimal not in (".", ",") or len(thousands) > 1 or thousands.isalnum():
        _fail("--delimiter and --thousands are one character each, and --decimal is . or ,")
    if thousands == decimal:
        _fail(f"--thousands {thousands} is the decimal sign too; say --decimal {',.'[decimal == ',']}")
    if url and ray:
        _fail("--url asks a service, --ray runs the model; leave one out")
    if bool(id_column) != bool(time) or (steps and not time):
        _fail("sequences need both --id and --time, and --steps is for sequences")
    form = TextForm(delimiter, encoding, decimal, thousands)
    order = StepForm(id_column, time, steps) if time else None
    options: dict[str, Any] = {"model": model, "version": version, "samples": samples, "seed": int(seed)}
    options |= {"interval_for": interval_for, "interval_score": interval_score}
    options |= {"interval": interval, "outputs": outputs.split(",") if outputs else None, "on_unknown": on_unknown}
    connect: Connect = context.obj
    try:
        key = None if key_file is None else _read_key(key_file)
        service = AsyncClient(url, timeout=SECONDS, key=key) if url else connect(store, model, SECONDS, ray)
        at_once = PART if ray else AT_ONCE
        summary = asyncio.run(_predict(service, file, out, options, form, order, at_once))
    except ClientError as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{error.filename or file}: {error.strerror or error}")
    except KeyboardInterrupt:
        _fail("interrupted; the same command goes on from here", INTERRUPTED)
    for line in _lines(summary, out, options):
        typer.echo(line)


def _read_key(file: Path) -> str:
    text = file.read_bytes().strip().decode(errors="replace")
    if not (text and text.isascii() and text.isprintable()):
        _fail(f"--key-file {file}: there is no key in it; allowed is one line, as python -m service keys add prints it")
    return text


async def _predict(
    service: AbstractAsyncContextManager[AsyncClient],
    file: Path,
    out: Path,
    options: dict[str, Any],
    form: TextForm,
    order: StepForm | None,
    at_once: int,
) -> Summary:
    columns = (TextColumn(str(file)), BarColumn(), TextColumn("{task.fields[rows]} rows"), TimeRemainingColumn())
    async with service as client:
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task("", total=1.0, rows=0)
            progress = functools.partial(_show, bar, task)
            return await predict_file(client, file, out, options, form, order, progress, at_once)


def _show(bar: Progress, task: TaskID, share: float, rows: int) -> None:
    bar.update(task, completed=min(1.0, share), rows=rows)


def _lines(summary: Summary, out: Path, options: dict[str, Any]) -> Iterable[str]:
    """Yield what was done, and what was decided on the way."""
    yield f"{out}: {summary.rows} rows by {options['model']}, {options['samples']} samples, seed {options['seed']}"
    if summary.taken:
        yield f"{summary.taken} of these rows were answered before an interruption, and taken from there"
    if summary.decisions:
        yield "decisions: " + ", ".join(f"{count} {name}" for name, count in sorted(summary.decisions.items()))
    if summary.unknown:
        yield f"rows with a category that no training row has: {_counts(summary.unknown)}"
    if summary.outside:
        yield f"rows far beyond the range of the training rows: {_counts(summary.outside)}"
    if summary.ignored:
        yield f"columns that the model does not predict from, ignored: {', '.join(summary.ignored)}"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} in {name!r}" for name, count in counts.items())


def _fail(message: str, code: int = USER_ERROR) -> NoReturn:
    """Print a message on one line of the standard error, and exit with this code."""
    typer.echo(f"error: {' '.join(message.split())}", err=True)
    raise typer.Exit(code)
