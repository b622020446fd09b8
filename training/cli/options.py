"""Options that several commands share, typed once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from models.likelihoods import LIKELIHOODS
from models.noise import SEED_LIMIT
from training import data
from training.data import Dataset, Options
from training.data.options import NA_VALUES, Missing, Outcome, parse_size
from training.data.pictures import background_of
from training.errors import RecipeError
from training.recipes.kinds.assignments import assign
from training.recipes.kinds.predictive import PredictiveRecipe
from training.recipes.kinds.recipe import Recipe

STORE = Path("store")

RecipeName = Annotated[str, typer.Argument(help="Name of a recipe; 'list' shows them all.")]
CheckpointPath = Annotated[Path, typer.Argument(help="Folder of a checkpoint, or the name of a model in the store.")]


def _check_folder(store: Path) -> Path:
    if "://" in str(store) or str(store).partition("/")[0].endswith(":"):  # a path has no two slashes in a row
        raise typer.BadParameter(
            "checkpoints are written to a folder; `python -m training publish NAME --out FOLDER --to ADDRESS` brings"
            " them into an object store"
        )
    return store


Store = Annotated[
    Path,
    typer.Option("--out", envvar="CREDENCE_STORE", callback=_check_folder, help="Folder of checkpoints."),
]
Seed = Annotated[int, typer.Option(min=0, max=SEED_LIMIT - 1, help="Seed of everything random.")]
Epochs = Annotated[int | None, typer.Option(min=1, help="Number of epochs, instead of the recipe's.")]
Ood = Annotated[
    str | None, typer.Option(help="Data out of distribution, by name or path, that the model should tell apart.")
]
DataDir = Annotated[
    Path | None, typer.Option(help="Folder with the four IDX files of mnist; by default they are downloaded.")
]
Size = Annotated[str | None, typer.Option(metavar="HxW", help="Height and width that images are resized to.")]

_NAMED = ", ".join([*data.BUNDLED, *data.FROM_FILES])
DataName = Annotated[
    str | None, typer.Option("--data", help=f"Data to use instead of the model's own: {_NAMED}, or a file or folder.")
]


@dataclass(frozen=True)
class RecipeOptions:
    """Options that change a recipe."""

    epochs: Annotated[
        int | None,
        typer.Option(min=0, help="Number of epochs, instead of the recipe's; 0 with --start for laplace."),
    ] = None
    clip_norm: Annotated[
        float | None,
        typer.Option(help="Clip gradients to this L2 norm, each player's of a GAN by itself; by default they are not."),
    ] = None
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Hyper-parameter, such as dropout=0.2 or hidden=[64,64]; may be repeated.",
        ),
    ] = None
    name: Annotated[
        str | None, typer.Option(help="Name of the model; by default that of the data and of the recipe.")
    ] = None

    likelihood: Annotated[
        str | None, typer.Option(help=f"Distribution of the target, instead of the recipe's: {', '.join(LIKELIHOODS)}.")
    ] = None
    positive: Annotated[
        bool,
        typer.Option("--positive", help="The target is above 0, and so are all intervals: --likelihood log_normal."),
    ] = False

    def apply(self, recipe: Recipe) -> Recipe:
        """Return the recipe with what the options say in place of its own.

        Raises:
            RecipeError: if an option does not fit, or says again what another says.
        """
        own = {"epochs": self.epochs, "clip_norm": self.clip_norm}
        keys = {text.partition("=")[0].split(".")[-1] for text in self.assignments or ()}
        if twice := [key for key, value in own.items() if value is not None and key in keys]:
            raise RecipeError(f"--{twice[0].replace('_', '-')} and --set {twice[0]} say the same; leave one out")
        recipe = assign(self._with_likelihood(recipe), self.assignments or ())
        recipe = recipe if self.epochs is None else recipe.with_epochs(self.epochs)
        recipe = recipe if self.clip_norm is None else recipe.with_clip_norm(self.clip_norm)
        return recipe if self.name is None else recipe.with_name(self.name)

    def _with_likelihood(self, recipe: Recipe) -> Recipe:
        name = "log_normal" if self.positive else self.likelihood
        if self.positive and self.likelihood not in (None, "log_normal"):
            raise RecipeError(f"--positive is --likelihood log_normal, not {self.likelihood}; leave one out")
        if name is None:
            return recipe
        if not isinstance(recipe, PredictiveRecipe):
            raise RecipeError(
                f"{recipe.model} is a generator, which has no likelihood to choose; leave --likelihood out"
            )
        own = recipe.likelihood.name
        if name != own and recipe.model.endswith(f"-{own}"):
            option = "--positive" if self.positive else "--likelihood"
            raise RecipeError(f"{recipe.model} is by {own}, and {option} says {name}; leave one out")
        return recipe.with_likelihood(name)


@dataclass(frozen=True)
class DataOptions:
    """Options that say which data to load, and how to read them."""

    data_name: DataName = None
    data_dir: DataDir = None
    target: Annotated[
        list[str] | None,
        typer.Option(
            "--target", "--targets", help="Column of a table to predict; may be repeated for several numbers."
        ),
    ] = None
    task: Annotated[
        Outcome | None,
        typer.Option(help="Task, where the target is a column of numbers; multilabel: labels of 0 and 1 (NPZ)."),
    ] = None
    categorical: Annotated[
        list[str] | None, typer.Option(help="Column whose values are names of categories; may be repeated.")
    ] = None
    numeric: Annotated[
        list[str] | None, typer.Option(help="Column whose values are numbers, not codes or dates; may be repeated.")
    ] = None
    date_format: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=FORMAT", help="Column of dates, such as sold=%d.%m.%Y; may be repeated."),
    ] = None
    keep: Annotated[
        list[str] | None,
        typer.Option(help="Column to use although it is constant or looks like an identifier; may be repeated."),
    ] = None
    drop: Annotated[list[str] | None, typer.Option(help="Column to leave out; may be repeated.")] = None
    missing: Annotated[
        Missing | None,
        typer.Option(help="Fill missing values with the median or the most frequent one, or drop their rows."),
    ] = None
    na_values: Annotated[
        str | None,
        typer.Option(
            metavar="MARK,...",
            help=f"Marks of missing values, instead of {', '.join(NA_VALUES)}; '' for empty cells alone.",
        ),
    ] = None
    encoding: Annotated[str | None, typer.Option(help="Encoding of a text file, such as latin-1.")] = None
    delimiter: Annotated[
        str | None, typer.Option(help="Character between the columns of a text file; 'tab' is one.")
    ] = None
    decimal: Annotated[
        str | None, typer.Option(help="Character that begins the decimals of a text file's numbers.")
    ] = None
    thousands: Annotated[
        str | None, typer.Option(help="Character that groups the digits of a text file's numbers.")
    ] = None
    sequence_id: Annotated[
        str | None, typer.Option("--id", help="Column that tells the sequences of a table apart.")
    ] = None
    time: Annotated[str | None, typer.Option(help="Column that orders the steps of a sequence.")] = None
    steps: Annotated[int | None, typer.Option(min=1, help="Number of last steps of each sequence to keep.")] = None
    size: Size = None
    background: Annotated[
        str | None,
        typer.Option(
            metavar="COLOUR", help="What shows where a picture is transparent: white (default), black, #rrggbb."
        ),
    ] = None
    alpha: Annotated[Literal["refuse"] | None, typer.Option(help="Refuse transparent pictures.")] = None
    classes: Annotated[
        str | None,
        typer.Option(metavar="NAME=VALUE,...", help="Classes of masks by value (road=255,sky=0) or colour (#rrggbb)."),
    ] = None
    ignore: Annotated[
        str | None, typer.Option(metavar="VALUE", help="Value or colour of mask pixels that belong to no class.")
    ] = None
    split: Annotated[
        int | None, typer.Option(min=0, help="Number of the pair in splits.json to use, counted from 0.")
    ] = None

    @property
    def reading(self) -> Options:
        """Options on how to read a file or folder.

        Raises:
            DataError: if the size has another form than HxW.
        """
        return Options(
            target=tuple(self.target or ()),
            task=self.task,
            categorical=tuple(self.categorical or ()),
            numeric=tuple(self.numeric or ()),
            date_format=tuple(self.date_format or ()),
            keep=tuple(self.keep or ()),
            drop=tuple(self.drop or ()),
            missing=self.missing,
            na_values=self.na_values,
            encoding=self.encoding,
            delimiter=self.delimiter,
            decimal=self.decimal,
            thousands=self.thousands,
            id=self.sequence_id,
            time=self.time,
            steps=self.steps,
            size=None if self.size is None else parse_size(self.size),
            background=None if self.background is None else background_of(self.background),
            alpha=self.alpha,
            classes=self.classes,
            ignore=int(self.ignore) if self.ignore and self.ignore.isdecimal() else self.ignore,
            split=self.split,
        )

    def load(self, own: str) -> Dataset:
        """Load the data that the options name, or else a model's own data.

        Args:
            own: Name of the model's own data.

        Raises:
            DataError: if there are no such data, or if they are damaged.
        """
        return data.load(self.data_name or own, self.data_dir, self.reading)
