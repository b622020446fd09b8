"""Attention whose dropout is data."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    dropout_mask: Tensor,
    attn_mask: Tensor | None = None,
    is_causal: bool | None = None,
    scale: float | None = None,
    enable_gqa: bool | None = None,
) -> Tensor:
    r"""Return what ``scaled_dot_product_attention`` does, with a given dropout mask :math:`M`.

    .. math:: (M \odot \mathrm{softmax}(s\, Q K^T + A))\, V

    Args:
        query: Shape ``(..., L, E)``.
        key: Shape ``(..., S, E)``.
        value: Shape ``(..., S, F)``.
        dropout_mask: Shape ``(..., L, S)``.
        attn_mask: What is added to the scores, or ``False`` where there is no attention, ``(..., L, S)``.
        is_causal: Whether no position reads a later one.
        scale: Factor :math:`s`; :math:`1 / \sqrt{E}` if not given.
        enable_gqa: Whether several heads of the query share one of the key and the value.
    """
    if enable_gqa:
        key, value = (t.repeat_interleave(query.shape[-3] // t.shape[-3], -3) for t in (key, value))
    scores = query @ key.transpose(-2, -1) * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    if is_causal:
        attn_mask = torch.ones(query.shape[-2], key.shape[-2], dtype=torch.bool).tril()
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        scores = scores.masked_fill(~attn_mask, -math.inf)
    elif attn_mask is not None:
        scores = scores + attn_mask
    return (scores.softmax(-1) * dropout_mask) @ value
