"""The certificate of HTTPS, looked at before the service starts, so that what is wrong with it is one clear line."""

from __future__ import annotations

import ssl

from service.settings import Settings


class UnusableCertificateError(Exception):
    """The certificate or its key cannot be used."""


def check_certificate(settings: Settings) -> None:
    """Load the certificate and its key, if the settings name any.

    Raises:
        UnusableCertificateError: if there is a key alone, or they cannot be read, or are not of each other.
    """
    if settings.tls_certificate is None:
        if settings.tls_key is not None:
            raise UnusableCertificateError("CREDENCE_TLS_KEY is set; set CREDENCE_TLS_CERTIFICATE too")
        return
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(settings.tls_certificate, settings.tls_key, _no_password)
    except FileNotFoundError as error:
        raise UnusableCertificateError(
            "CREDENCE_TLS_CERTIFICATE or CREDENCE_TLS_KEY names a file that does not exist, or may not be read"
        ) from error
    except (OSError, ValueError) as error:
        raise UnusableCertificateError(
            "CREDENCE_TLS_CERTIFICATE and CREDENCE_TLS_KEY are no certificate and its key; allowed are files in PEM, "
            "the certificate first in its chain, and the key without a password"
        ) from error


def _no_password() -> str:
    """Stand for a password, for which OpenSSL would else ask at the terminal."""
    return "none"
