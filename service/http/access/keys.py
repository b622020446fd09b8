"""API keys: what one may do, until when, and the digest by which the service knows it.

A key is ``credence_<id>_<secret>`` with 256 random bits of secret. Nobody can guess these, however fast a digest is, so
SHA-256 is enough where a password would need a slow function; a request pays microseconds for it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Scope = Literal["predict", "generate", "admin", "metrics"]
SCOPES: tuple[Scope, ...] = ("predict", "generate", "admin", "metrics")

NAME_PATTERN = "^[a-z0-9][a-z0-9._-]{0,63}$"
_PREFIX = "credence"
_ID_BYTES, _SECRET_BYTES = 4, 32
_NO_DIGEST = "0" * 64


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A key as its file has it, without its secret.

    Attributes:
        id: Public part of the key, by which logs and the audit name it.
        name: Name that the operator gave to it.
        sha256: SHA-256 of the whole key, in hexadecimal.
        scopes: Kinds of work that it opens.
        created: Time at which it was made.
        expires: Time from which it opens nothing; ``None`` if there is none.
        revoked: Time at which it was revoked; ``None`` if it was not.
    """

    id: Annotated[str, Meta(pattern="^[0-9a-f]{8}$")]
    name: Annotated[str, Meta(pattern=NAME_PATTERN)]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    scopes: Annotated[tuple[Scope, ...], Meta(min_length=1)]
    created: Annotated[datetime, Meta(tz=True)]
    expires: Annotated[datetime, Meta(tz=True)] | None = None
    revoked: Annotated[datetime, Meta(tz=True)] | None = None

    def state(self, now: datetime) -> Literal["valid", "expired", "revoked"]:
        """Return what has become of the key."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= now else "valid"


def make_key(name: str, scopes: Sequence[Scope], expires: datetime | None) -> tuple[Key, str]:
    """Return a new key as its file has it, and as its owner gets it: nobody can read the latter from the former."""
    identity = secrets.token_hex(_ID_BYTES)
    text = f"{_PREFIX}_{identity}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    ordered = tuple(scope for scope in SCOPES if scope in scopes)
    now = datetime.now(UTC).replace(microsecond=0)
    return Key(id=identity, name=name, sha256=_digest(text), scopes=ordered, created=now, expires=expires), text


def find_key(keys: Sequence[Key], text: str) -> Key | None:
    """Return the key that a text is, whatever its state; ``None`` if it is none.

    The id is no secret. The digests are compared in constant time, and an unknown id takes as long as a known one.
    """
    identity = text.removeprefix(f"{_PREFIX}_").partition("_")[0]
    named = next((key for key in keys if key.id == identity), None)
    matches = hmac.compare_digest(_digest(text), _NO_DIGEST if named is None else named.sha256)
    return named if matches else None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
