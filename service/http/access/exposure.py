"""Where the service may listen: on the loopback by anyone's leave, elsewhere with keys."""

from __future__ import annotations

import ipaddress

from service.http.access.key_file import read_keys
from service.settings import Settings


class ExposedError(Exception):
    """The service would be open to anyone who reaches its port."""


def check_access(settings: Settings) -> None:
    """Check, before the service listens, that its keys can be read, or that it needs none.

    Raises:
        UnusableKeyFileError: if the file of keys cannot be used.
        ExposedError: if there are no keys, the address is not of the loopback, and nobody has allowed that; or if it
            is not clear where keys are kept.
    """
    if settings.database_keys and (settings.key_file is not None or not settings.database_url):
        raise ExposedError(
            "CREDENCE_DATABASE_KEYS needs the database that CREDENCE_DATABASE_URL names, and no CREDENCE_KEY_FILE"
        )
    if settings.key_file is not None:
        read_keys(settings.key_file)
    elif not (settings.database_keys or settings.allow_anyone or is_loopback(settings.host)):
        raise ExposedError(
            f"CREDENCE_HOST is {settings.host!r}, and without keys anyone who reaches that address may do everything:"
            " name a file of keys with CREDENCE_KEY_FILE (python -m service keys add NAME makes one), or set"
            " CREDENCE_ALLOW_ANYONE=true, or listen on 127.0.0.1"
        )


def check_proxies(names: str) -> None:
    """Check that the list in ``FORWARDED_ALLOW_IPS`` has proxies, which are believed in what they say of clients.

    Raises:
        ExposedError: if it has everyone, so that clients would be believed themselves; or what is no address, so that
            nobody would be.
    """
    for name in filter(None, (one.strip() for one in names.split(","))):
        try:
            proxies = ipaddress.ip_network(name)
        except ValueError:
            proxies = None
        if proxies is None or not proxies.prefixlen:
            raise ExposedError(
                f"FORWARDED_ALLOW_IPS has {name!r}, by which clients would choose their own address, or all have the"
                " proxy's: name the address or the network of the proxy, such as 10.0.0.7 or 10.0.0.0/8"
            )


def is_loopback(host: str) -> bool:
    """Return whether an address is of this machine alone; a name other than ``localhost`` may come to mean anything."""
    try:
        address = ipaddress.ip_address(host)
        return (getattr(address, "ipv4_mapped", None) or address).is_loopback
    except ValueError:
        return host == "localhost"
