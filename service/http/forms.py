"""Bodies of ``multipart/form-data``, as browsers and ``curl -F`` send files and text fields."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, FormParser, parse_options_header

from service.errors import InvalidRequestError
from service.http.request_body import MOST_KEYS

FORM = "multipart/form-data"

_PIECE = 262_144
"""Bytes that are parsed at once: searching and copying all of a long body keeps Python's lock for 70 ms."""


class Form(NamedTuple):
    """The parts of a form.

    Attributes:
        files: Contents of the files in their order, whatever their fields are called.
        options: Values of the text fields by name.
    """

    files: list[bytes]
    options: dict[str, Any]


def parse_form(body: bytes, content_type: str, max_files: int) -> Form:
    """Return the files and text fields of a body.

    Args:
        body: The whole body.
        content_type: Content-Type with its boundary.
        max_files: Largest number of files.

    Raises:
        InvalidRequestError: if it is no whole form, has no file, too many parts, or a field with two values.
    """
    form, ended = Form([], {}), []

    def add_file(file: File) -> None:
        if len(form.files) == max_files:
            raise InvalidRequestError(
                f"the form has more than {max_files} files; allowed are at most as many", "/files"
            )
        file.file_object.seek(0)
        form.files.append(file.file_object.read())

    def add_field(field: Field) -> None:
        _add_option(form.options, field)

    _, parameters = parse_options_header(content_type)
    config = {"MAX_MEMORY_FILE_SIZE": math.inf, "UPLOAD_ERROR_ON_BAD_CTE": True}  # a body is in memory anyway
    try:
        parser = FormParser(
            FORM, add_field, add_file, lambda: ended.append(True), parameters.get(b"boundary"), config=config
        )
        for start in range(0, len(body), _PIECE):
            parser.write(body[start : start + _PIECE])
        parser.finalize()
    except FormParserError as error:
        raise InvalidRequestError(
            "the body is no form of multipart/form-data with the boundary that it states"
        ) from error
    if not ended:
        raise InvalidRequestError("the form is cut off: the boundary after its last part is missing")
    if not form.files:
        raise InvalidRequestError(
            "the form has no file; send pictures as files, as curl -F files=@a.png does", "/files"
        )
    return form


def _add_option(options: dict[str, Any], field: Field) -> None:
    try:
        name, value = (field.field_name or b"").decode(), (field.value or b"").decode()
    except UnicodeDecodeError as error:
        raise InvalidRequestError("a text field of the form is not UTF-8; send a picture as a file") from error
    if options.setdefault(name, value) != value:
        raise InvalidRequestError("a text field of the form is given twice with different values", "")
    if len(options) > MOST_KEYS:
        raise InvalidRequestError(f"the form has more than {MOST_KEYS} text fields; that many are allowed")
