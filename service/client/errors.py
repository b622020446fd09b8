"""Errors of a call that got no answer."""

from __future__ import annotations

import httpx


class ClientError(Exception):
    """A call ended without an answer."""


class InputFileError(ClientError):
    """A file of rows cannot be read, or one of answers not be written."""


class UnreachableError(ClientError):
    """The service was not reached, or did not answer, within the call's time."""


class RefusedError(ClientError):
    """The service refused a request.

    Attributes:
        status: HTTP status.
        code: A word for the fault that never changes.
        detail: Sentence on what was given, what is allowed and what to do.
        request_id: Id under which the service's log has the request.
    """

    def __init__(self, status: int, code: str, detail: str, request_id: str) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status, self.code, self.detail, self.request_id = status, code, detail, request_id


def refusal(response: httpx.Response) -> RefusedError:
    """Return the error that a response of status 400 or above stands for."""
    try:
        problem = response.json()
        code, detail = problem["code"], problem["detail"]
    except (ValueError, KeyError, TypeError):  # a proxy between here and the service wrote it
        code, detail = "no-problem", "the answer does not come from this service; is there a proxy in between?"
    return RefusedError(response.status_code, code, detail, response.headers.get("X-Request-ID", ""))
