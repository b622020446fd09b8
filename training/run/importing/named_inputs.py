"""The inputs of a network that takes one or several, as options of the command line state them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from models.errors import did_you_mean
from models.parts import join_parts
from models.specs import InputSpec
from training.errors import ImportModelError
from training.run.importing.inputs import BITS, parse_inputs
from training.run.importing.schema import fault_of_parts

Options = Mapping[str, Sequence[str]]
"""Values of the options ``mean``, ``scale``, ``range`` and ``bits``, as they were repeated."""


def read_inputs(texts: Sequence[str], options: Options) -> tuple[InputSpec, tuple[str, ...]]:
    """Return the specification of a row, and in words what was made of what was said.

    Args:
        texts: ``KIND:SHAPE`` or a file, see :func:`parse_inputs`; of several inputs ``NAME=KIND:SHAPE`` for each.
        options: Values of further options; of several inputs as ``NAME=VALUE``.

    Raises:
        ImportModelError: if it is not understood, or of no input that there is.
    """
    if len(texts) == 1 and "=" not in texts[0]:
        spec, told = _one(texts[0], {name: _only(name, values) for name, values in options.items()})
        return spec, (told,)
    stated = _by_name("inputs", texts)
    if len(stated) < 2:
        raise ImportModelError(f"--inputs {texts[0]}: one input takes no name; several are stated by name, one each")
    said = {option: _by_name(option, values) for option, values in options.items()}
    for option, values in said.items():
        for name in values:
            if name not in stated:
                hint = did_you_mean(name, list(stated))
                raise ImportModelError(
                    f"--{option} {name}=: there is no such input{hint}; there are {', '.join(stated)}"
                )
    read = {name: _named(name, text, said) for name, text in stated.items()}
    parts = {name: spec for name, (spec, _) in read.items()}
    if wrong := fault_of_parts(parts):
        raise ImportModelError(f"--inputs {wrong}")
    return join_parts(parts), tuple(f"{name}: {told}" for name, (_, told) in read.items())


def _named(name: str, text: str, said: Mapping[str, Mapping[str, str]]) -> tuple[InputSpec, str]:
    try:
        return _one(text, {option: values.get(name, "") for option, values in said.items()})
    except ImportModelError as error:
        raise ImportModelError(f"{name}: {error}") from error


def _by_name(option: str, values: Sequence[str]) -> dict[str, str]:
    named: dict[str, str] = {}
    for value in values:
        name, _, text = value.rpartition("=")
        if not name:
            raise ImportModelError(f"--{option} {value} has no name: of several inputs say --{option} NAME={value}")
        if name in named:
            raise ImportModelError(f"--{option} {name}= is given twice: leave one out")
        named[name] = text
    return named


def _only(option: str, values: Sequence[str]) -> str:
    if len(values) > 1 or any("=" in value for value in values):
        raise ImportModelError(
            f"--{option} is given for several inputs, and --inputs states one: state each as --inputs NAME=KIND:SHAPE"
        )
    return values[0] if values else ""


def _one(text: str, said: Mapping[str, str]) -> tuple[InputSpec, str]:
    mean, scale, span = (_numbers(option, said.get(option, "")) for option in ("mean", "scale", "range"))
    given = said.get("bits", "")
    bits = next((bits for bits in BITS if bits == given), None)
    if given and bits is None:
        raise ImportModelError(f"--bits {given} is not understood; allowed are {', '.join(BITS)}")
    return parse_inputs(text, mean, scale, span, bits)


def _numbers(option: str, text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")] if text else []
    except ValueError as error:
        raise ImportModelError(f"--{option} {text} is no list of numbers, such as 0.485,0.456,0.406") from error
