"""Fingerprints of files and folders, by which data are known again wherever they are."""

from __future__ import annotations

import hashlib
from pathlib import Path

_DIGEST_BYTES = 16


def fingerprint(path: Path) -> str:
    """Return a hash of a file's content, or of the names and contents of all files in a folder."""
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    for file in files:
        if path.is_dir():
            digest.update(f"{file.relative_to(path).as_posix()}\0".encode())
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "blake2b").digest())
    return digest.hexdigest()
