"""Header lines that every answer has, whichever process sends it."""

from __future__ import annotations

import re

HEADERS = [
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", "frame-ancestors 'none'"),
]
"""Lines of every answer and refusal; pages add a stricter policy of their own, and browsers then keep both."""

PLAIN_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
"""Ids of requests that clients may choose: any other is replaced."""
