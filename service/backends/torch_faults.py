"""Faults of a device that are no fault of a model: its memory has ended, or it is lost."""

from __future__ import annotations

import torch

_NO_MEMORY = ("can't allocate memory", "not enough memory", "bad_alloc", "failed to allocate memory", "out of memory")
"""Parts of messages, in lower case, of errors without a class of their own: of torch's CPU, and of ONNX Runtime."""

_LOST = (
    "device-side assert",
    "unspecified launch failure",
    "illegal memory access",
    "illegal instruction",
    "misaligned address",
    "uncorrectable ecc error",
    "device is lost",
    "no longer usable",
    "unknown error",
    "launch timed out",
    "hardware stack error",
    "fallen off the bus",
)
"""Parts of the messages of CUDA errors after which a process can compute no more, in lower case."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether there was too little memory for what was tried, so that half of it may pass."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return any(part in str(error).lower() for part in _NO_MEMORY)


def is_device_lost(error: BaseException) -> bool:
    """Return whether nothing will be computed any more before the process starts again."""
    text = str(error).lower()
    return ("cuda" in text or "cudnn" in text or "cublas" in text) and any(part in text for part in _LOST)


def free_memory() -> None:
    """Give what torch keeps for later back to a CUDA device."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
