"""Numbers as people write them in a CSV file, turned into those of programs, or refused."""

from __future__ import annotations

import re

import pyarrow as pa
from pyarrow import compute

from service.client.batches import TextForm
from service.client.errors import InputFileError

_EXPONENT = r"(?:[eE][-+]?\d+)?"
_BLANK = r"[\s\x{00A0}]*"
_PLAIN = rf"^{_BLANK}[-+]?(?:\d+\.?\d*|\.\d+){_EXPONENT}{_BLANK}$"
_COMMA = rf"^{_BLANK}[-+]?\d[\d.]*,[\d.,]*{_EXPONENT}{_BLANK}$"
_GROUPS = {" ": r"[\s\x{00A0}\x{2009}\x{202F}]", "'": r"['\x{2019}]"}
_SEPARATORS = "if the comma begins the decimals, say --decimal , and if it groups thousands, --thousands ,"


def as_programs_write(table: pa.Table, form: TextForm, place: str, start: int) -> pa.Table:
    """Return a table of texts whose numbers have no thousands separator and a decimal point.

    What is no number stays as it is: the service knows which marks stand for missing values.

    Args:
        table: The table.
        form: Form of its numbers.
        place: Place of a row in a message, its number excepted.
        start: Number of the first row.

    Raises:
        InputFileError: naming a number that has another form, and would be taken for something else.
    """
    usual = (form.decimal, form.thousands) == (".", "")
    allowed = f"numbers with --decimal {form.decimal}{f' --thousands {form.thousands!r}' * bool(form.thousands)}"
    for name in [name for name in table.column_names if name in form.numbers]:
        cells = table[name]
        read = compute.match_substring_regex(cells, _pattern(form))
        other = compute.match_substring_regex(cells, _COMMA if usual else _PLAIN)
        strange = compute.and_(other, compute.invert(read))
        if compute.any(strange).as_py():
            row = compute.index(strange, True).as_py()
            hint = _SEPARATORS if usual else f"allowed are {allowed}"
            raise InputFileError(f"{place} {start + row}, column {name!r}: {cells[row].as_py()!r}; {hint}")
        if not usual:
            plain = compute.replace_substring_regex(cells, _group(form) or "$^", "")
            plain = compute.replace_substring(plain, form.decimal, ".")
            table = table.set_column(table.column_names.index(name), name, compute.if_else(read, plain, cells))
    return table


def _group(form: TextForm) -> str:
    return _GROUPS.get(form.thousands, re.escape(form.thousands))


def _pattern(form: TextForm) -> str:
    decimal = re.escape(form.decimal)
    whole = rf"(?:\d{{1,3}}(?:{_group(form)}\d{{3}})+|\d+)" if form.thousands else r"\d+"
    return rf"^{_BLANK}[-+]?(?:{whole}(?:{decimal}\d*)?|{decimal}\d+){_EXPONENT}{_BLANK}$"
