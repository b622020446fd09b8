"""The network that an address stands for, where one client may have many."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

_HOME_BITS = 64
"""Bits of an IPv6 address that name the network of one client, who may take any address in it."""


@lru_cache(1024)
def network_of(address: str) -> str:
    """Return the network of an IPv6 address; of an IPv4 address in that form, or of anything else, itself."""
    try:
        given = ipaddress.IPv6Address(address)
    except ValueError:
        return address
    if given.ipv4_mapped:
        return str(given.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(given), _HOME_BITS), strict=False))
