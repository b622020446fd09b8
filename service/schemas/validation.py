"""Validation of a request's query and body: options of a schema come out, or every fault with a pointer to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from starlette.datastructures import QueryParams
from starlette.requests import Request

from service.errors import FieldError, InvalidRequestError
from service.schemas.fields import Options

M = TypeVar("M", bound=BaseModel)


def validate(schema: type[M], query: QueryParams, body: Mapping[str, Any], at: str = "") -> M:
    """Return the options in query and body together.

    An option in both may be written in two ways, such as ``0.50`` and ``0.5``; one that is twice in the query may not.

    Args:
        schema: Schema of the options.
        query: Options in the query.
        body: Options in the body.
        at: JSON pointer to the body's options.

    Raises:
        InvalidRequestError: for an option that does not exist, has two values, or one that is not allowed.
    """
    asked = dict(query)
    options = _validated(schema, {**asked, **body}, at)
    other = _validated(schema, {**body, **asked}, at) if asked.keys() & body.keys() else options
    names = {field.alias or name: name for name, field in schema.model_fields.items()}
    for option in asked:
        values = [getattr(one, names[option]) for one in (options, other)]
        if values[0] != values[1] or len(set(query.getlist(option))) > 1:
            raise InvalidRequestError(f"{option} is given twice with different values", f"{at}/{option}")
    return options


def refuse_query(request: Request) -> None:
    """Refuse every option, for routes that have none."""
    validate(Options, request.query_params, {})


def _validated(schema: type[M], given: Mapping[str, Any], at: str) -> M:
    try:
        return schema.model_validate(given)
    except ValidationError as error:
        faults = _faults(schema, error.errors(include_url=False, include_input=False, include_context=False), at)
        raise InvalidRequestError(faults[0].detail, faults[0].pointer, faults) from error


class _Location(NamedTuple):
    """The location of a fault, by names of the schema alone: a client's own names are not repeated.

    Attributes:
        parts: Names and indices from the root.
        union: Names and indices before the first type of a union; faults that share them belong to its branches.
        field: Innermost field.
        known: Fields of the innermost object, by the names that requests use.
    """

    parts: tuple[str | int, ...]
    union: tuple[str | int, ...]
    field: FieldInfo | None
    known: Mapping[str, FieldInfo]

    @property
    def name(self) -> str:
        return ".".join(part for part in self.parts if isinstance(part, str))

    @property
    def pointer(self) -> str:
        return "".join(f"/{part}" for part in self.parts)


def _locate(schema: type[BaseModel], loc: Iterable[str | int]) -> _Location:
    parts: list[str | int] = []
    union, field, known = None, None, _fields(schema)
    for part in loc:
        if isinstance(part, str) and part not in known:
            union = tuple(parts) if union is None else union
            continue
        parts.append(part)
        if isinstance(part, str):
            field = known[part]
            if get_origin(field.annotation) is dict:  # the next part is a name that the client made up
                return _Location(tuple(parts), tuple(parts), field, {})
            known = _fields(_model(field))
    return _Location(tuple(parts), tuple(parts) if union is None else union, field, known)


def _fields(schema: type[BaseModel] | None) -> dict[str, FieldInfo]:
    return {} if schema is None else {field.alias or name: field for name, field in schema.model_fields.items()}


def _model(field: FieldInfo) -> type[BaseModel] | None:
    """Return the schema of a field that is an object."""
    kinds = (field.annotation, *get_args(field.annotation))
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _faults(schema: type[BaseModel], errors: list[ErrorDetails], at: str) -> list[FieldError]:
    """Return one fault for each location, at most ten; of a union, the faults of the branches that came furthest."""
    unions: dict[tuple[str | int, ...], list[ErrorDetails]] = {}
    for error in errors:
        unions.setdefault(_locate(schema, error["loc"]).union, []).append(error)
    faults = []
    for branches in list(unions.values())[:10]:
        depth = max(len(error["loc"]) for error in branches)
        furthest = [error for error in branches if len(error["loc"]) == depth]
        location = _locate(schema, furthest[0]["loc"])
        pointer = location.pointer.rpartition("/")[0] if furthest[0]["type"] == "missing" else location.pointer
        faults.append(FieldError(f"{at}{pointer}", _explanation(location, furthest)))
    return faults


def _explanation(location: _Location, errors: list[ErrorDetails]) -> str:
    # Pydantic cannot name a key that is half a character.
    if errors[0]["type"] == "extra_forbidden" or not location.parts:
        names = ", ".join(location.known)
        if location.name:
            return f"{location.name} is not allowed: it has no such field. Its fields: {names}"
        return f"there is no such option; options are: {names}" if names else "there is no such option; there are none"
    reasons = list(dict.fromkeys(_reason(error) for error in errors))
    others = [reason.removeprefix("input should be ") for reason in reasons[1:]]
    where = f", at {location.pointer}" if isinstance(location.parts[-1], int) else ""
    allowed = location.field.description if location.field else ""
    return f"{location.name} is not allowed{where}: {', or '.join([reasons[0], *others])}. Allowed: {allowed}"


def _reason(error: ErrorDetails) -> str:
    """Return pydantic's reason, without the names of our classes."""
    if error["type"] == "model_type":
        return "input should be an object"
    if error["type"] == "int_parsing_size":
        return "input should be a smaller whole number"
    text = error["msg"].removeprefix("Value error, ")
    return f"{text[0].lower()}{text[1:]}"
