"""Personal data leaves the lake only as a keyed HMAC or a mask.

A plain SHA-256 of a Chinese mobile number falls to enumeration in under an hour on two cores (measured
2026-11-21), therefore the key.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from pathlib import Path

from common.settings import Settings

_NOT_DIGIT = re.compile(r"\D")
_MAINLAND_MOBILE = re.compile(r"1[3-9]\d{9}")
_WITH_EXTENSION = re.compile(r"\d{11}\s*[-转,]\s*\d+$")
# Ranges of relay numbers that shops show instead of the buyer's phone; they never identify anybody.
_VIRTUAL_PREFIXES = ("184000000", "170000000")
MIN_KEY_BYTES = 32


def normalise_phone(text: str | None) -> str | None:
    """Return a mainland mobile number as 11 digits, or None for anything else (masked, virtual, landline)."""
    if not text or "*" in text or _WITH_EXTENSION.search(text):
        return None
    digits = _NOT_DIGIT.sub("", text)
    if len(digits) > 11:
        digits = digits.removeprefix("0086").removeprefix("86")
    if not _MAINLAND_MOBILE.fullmatch(digits) or digits.startswith(_VIRTUAL_PREFIXES):
        return None
    return digits


def phone_hmac(phone: str | None, key: bytes) -> str | None:
    """Return the hex HMAC-SHA256 of a normalised phone, None when the text is no identifying phone."""
    normalised = normalise_phone(phone)
    if normalised is None:
        return None
    return hmac.new(key, b"phone:" + normalised.encode(), hashlib.sha256).hexdigest()


def pii_key(settings: Settings) -> bytes:
    """Return the HMAC key: ``SIYU_PII_KEY``, or one made once for this home and kept beside the stores.

    Raises:
        ValueError: the configured key is shorter than 32 bytes.
    """
    if settings.pii_key is not None:
        key = settings.pii_key.get_secret_value().encode()
        if len(key) < MIN_KEY_BYTES:
            raise ValueError(f"SIYU_PII_KEY: expected at least {MIN_KEY_BYTES} bytes, got {len(key)}")
        return key
    return _key_of_this_home(settings.home / "secrets" / "pii.key")


def _key_of_this_home(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = secrets.token_hex(32).encode()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(descriptor, "wb") as file:
        file.write(new)
    return new
