"""Chance without a dice cup: the same parts always give the same answer, in whatever order they are asked."""

from __future__ import annotations

import hashlib


def share(*parts: object) -> float:
    """Return a number in [0, 1) that depends on nothing but ``parts``."""
    digest = hashlib.blake2b(":".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def between(low: int, high: int, *parts: object) -> int:
    """Return a whole number from ``low`` to ``high``, both included."""
    return low + int(share(*parts) * (high - low + 1))
