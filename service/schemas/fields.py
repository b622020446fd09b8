"""Types of the options that requests have in common."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from models.noise import SEED_LIMIT

_NUMBER = re.compile("[-+0-9.eE]+")


def _number(value: object) -> object:
    """Refuse booleans, and texts that only Python takes for numbers, such as ``1_0`` or digits of other scripts."""
    if isinstance(value, bool):
        raise ValueError("Input should be a number, not a boolean")
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise ValueError("Input should be a number in the digits 0 to 9")
    return value


PlainNumber = BeforeValidator(_number)
"""Check of a number. It goes last: bounds that follow it would not be keywords of the JSON schema."""
Whole = Annotated[int, PlainNumber]
Real = Annotated[float, Field(allow_inf_nan=False), PlainNumber]
Seed = Annotated[int, Field(ge=0, lt=SEED_LIMIT), PlainNumber]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
"""A number in a body, where texts and booleans are not taken for one."""


class Options(BaseModel):
    """Base of all options of requests: an unknown one is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)
