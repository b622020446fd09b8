"""Hyper-parameters from the command line, each checked against the signature of what takes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from shlex import quote
from typing import Any, get_type_hints

import msgspec

from models.catalogue import Component, option_types
from models.errors import did_you_mean
from models.generators import GENERATORS
from models.likelihoods import LIKELIHOODS
from models.networks import NETWORKS
from models.posteriors import POSTERIORS
from training.errors import RecipeError
from training.recipes.kinds.recipe import Recipe, assignment

_CATALOGUES: dict[str, tuple[dict[str, type[Any]], int]] = {
    "network": (NETWORKS, 2),
    "posterior": (POSTERIORS, 2),
    "likelihood": (LIKELIHOODS, 1),
    "generator": (GENERATORS, 1),
}
"""The kinds of each component, and how many parameters of their constructors are not options."""
_SETTINGS, _RECIPE = "settings", "recipe"
_FROM_DATA = "many"
"""The one option that the targets decide."""
_SHOWN_APART = ("epochs", "clip_norm")
"""Settings with options of their own, which every command shows."""


@dataclass(frozen=True)
class _Place:
    """A hyper-parameter's place: what has it, its name and its type."""

    owner: str
    name: str
    type: Any


def assign(recipe: Recipe, assignments: Sequence[str]) -> Recipe:
    """Return the recipe with other hyper-parameters.

    Args:
        recipe: Recipe to change.
        assignments: Names with values in JSON, such as ``hidden=[64,64]`` or ``network.dropout=0.2``.

    Raises:
        RecipeError: if a name is not known, is known in two places or comes twice, or a value is not allowed.
    """
    known, seen = _places(recipe), set()
    for text in assignments:
        key, equals, written = text.partition("=")
        if not equals:
            raise RecipeError(f"--set {text} is no KEY=VALUE, such as dropout=0.2 or hidden=[64,64]")
        place = _find(key, known)
        if place in seen:
            raise RecipeError(f"--set {key} is given twice; leave one out")
        seen.add(place)
        recipe = _changed(recipe, place, written)
    shown = [text for text in assignments if text.partition("=")[0].split(".")[-1] not in _SHOWN_APART]
    return replace(recipe, options=recipe.options + "".join(f" --set {quote(text)}" for text in shown))


def _places(recipe: Recipe) -> list[_Place]:
    """Return every place of a hyper-parameter of a recipe."""
    types: dict[str, dict[str, Any]] = {}
    for owner in recipe.components:
        kinds, positional = _CATALOGUES[owner]
        types[owner] = option_types(kinds[getattr(recipe, owner).name], positional)
    types[_SETTINGS] = get_type_hints(type(recipe.settings), include_extras=True)
    hints = get_type_hints(type(recipe), include_extras=True)
    types[_RECIPE] = {name: hints[name] for name in recipe.adjustable}
    return [_Place(owner, *item) for owner, named in types.items() for item in named.items() if item[0] != _FROM_DATA]


def _find(key: str, known: list[_Place]) -> _Place:
    places = [place for place in known if key in (place.name, f"{place.owner}.{place.name}")]
    if len(places) > 1:
        both = " or ".join(f"{place.owner}.{place.name}" for place in places)
        raise RecipeError(f"--set {key} could be {both}; say which")
    if not places:
        names = [place.name for place in known]
        there_are = did_you_mean(key.split(".")[-1], names) or f"; there are: {', '.join(names)}"
        raise RecipeError(f"--set {key}: there is no such hyper-parameter{there_are}")
    return places[0]


def _changed(recipe: Recipe, place: _Place, written: str) -> Recipe:
    owner = recipe if place.owner == _RECIPE else getattr(recipe, place.owner)
    value = _value(place, written, _current(owner, place.name))
    if isinstance(owner, Component):
        _check_has_effect(recipe, place, value)
        owner = Component(owner.name, {**owner.config, place.name: _parsed(written)})
    elif owner is not recipe:
        owner = replace(owner, **{place.name: value})
    changed: dict[str, Any] = {place.name: value} if owner is recipe else {place.owner: owner}
    return replace(recipe, **changed)


def _current(owner: Any, name: str) -> str:
    """Return the value in force as it is written, for a refusal to show the form."""
    value = owner.config.get(name) if isinstance(owner, Component) else getattr(owner, name)
    return "" if value is None else f"; it is {assignment((name, value))}"


def _parsed(written: str) -> Any:
    """Return a value in JSON; what is none is text, as a name needs no quotes here."""
    try:
        return msgspec.json.decode(written.encode())
    except (msgspec.DecodeError, UnicodeEncodeError):
        return written


def _value(place: _Place, written: str, current: str) -> Any:
    try:
        return msgspec.convert(_parsed(written), place.type)
    except (msgspec.ValidationError, TypeError) as error:
        reason = str(error).replace("`", "").partition(" - at")[0] if isinstance(error, msgspec.ValidationError) else ""
        why = f": {reason[0].lower()}{reason[1:]}" if reason else ""
        raise RecipeError(f"--set {place.name}={written} is not allowed{why}{current}") from error


def _check_has_effect(recipe: Recipe, place: _Place, value: object) -> None:
    """Refuse dropout of a network whose posterior takes it out: it would change nothing."""
    posterior = getattr(recipe, "posterior", None)
    if place.name.endswith("dropout") and value and posterior is not None and posterior.name == "bayes_by_backprop":
        raise RecipeError(
            f"--set {place.name} changes nothing: bayes_by_backprop takes dropout out of its network; leave it out, or"
            " take another posterior"
        )
