"""Who made a checkpoint: an Ed25519 signature (RFC 8032) over its list of checksums, and so over all its files.

The keys are PEM files as OpenSSL writes them, and ``openssl pkeyutl -verify -rawin`` checks a signature as well.
"""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from models.checkpoints.folder import CHECKSUMS, opened
from models.errors import CheckpointError

SIGNATURE = f"{CHECKSUMS}.sig"
SIGNATURE_BYTES = 64
_PEM = serialization.Encoding.PEM


class KeyFileError(CheckpointError):
    """A file of a key that cannot be used."""


def make_keys(path: Path) -> Path:
    """Write a new private key, which its owner alone may read, and the public one beside it.

    Returns:
        The file of the public key: the same name with ``.pub``.

    Raises:
        KeyFileError: if one of the files is there already, or cannot be written.
    """
    key, public = Ed25519PrivateKey.generate(), path.with_name(f"{path.name}.pub")
    private = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    shown = key.public_key().public_bytes(_PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for file, content, mode in ((path, private, 0o600), (public, shown, 0o644)):
        try:
            with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as written:
                written.write(content)
        except OSError as error:
            raise KeyFileError(f"{file} cannot be written: {error.strerror}; give a name that is free") from error
    return public


def sign(folder: Path, key: Path) -> Path:
    """Sign a checkpoint as it lies in its folder, and return the file of the signature.

    Args:
        folder: Folder ``<store>/<name>/<version>``.
        key: File of the private key.

    Raises:
        KeyFileError: if the key cannot be used.
        CheckpointError: if there is no checkpoint.
    """
    private = _read_key(key, public=False)
    assert isinstance(private, Ed25519PrivateKey)  # as it was asked for
    with opened(folder) as files:
        signature = private.sign(files.stated)
    temporary = folder.parent / f".signing-{os.getpid()}"
    temporary.write_bytes(signature)
    return temporary.rename(folder / SIGNATURE)


def read_public_key(path: Path) -> Ed25519PublicKey:
    """Return the public key in a file.

    Raises:
        KeyFileError: if it cannot be used.
    """
    key = _read_key(path, public=True)
    assert isinstance(key, Ed25519PublicKey)  # as it was asked for
    return key


def check_signature(stated: bytes, signature: bytes, key: Ed25519PublicKey) -> None:
    """Raise unless a signature of checksums is that of a key's owner.

    Raises:
        CheckpointError: if it is not.
    """
    try:
        key.verify(signature, stated)
    except InvalidSignature as error:
        raise CheckpointError(f"{SIGNATURE} is not the signature of these files by the key that is trusted") from error


def _read_key(path: Path, *, public: bool) -> Ed25519PrivateKey | Ed25519PublicKey:
    kind, wanted = ("public", Ed25519PublicKey) if public else ("private", Ed25519PrivateKey)
    try:
        content = path.read_bytes()
        key = (
            serialization.load_pem_public_key(content)
            if public
            else serialization.load_pem_private_key(content, password=None)
        )
    except OSError as error:
        raise KeyFileError(f"{path} cannot be read: {error.strerror}; python -m training make-key makes one") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyFileError(
            f"{path} is no {kind} key in PEM without a password, as make-key and openssl write"
        ) from error
    if not isinstance(key, wanted):
        raise KeyFileError(f"{path} is a key of another kind than Ed25519: openssl genpkey -algorithm ed25519")
    return key
