"""Tokens and secrets ride in WeChat URLs; nothing that is logged or raised may show them."""

from __future__ import annotations

import logging
import re

_SECRET_PARAMETER = re.compile(r"((?:access_token|corpsecret|secret|corpid|appid)=)[^&\s\"']+", re.IGNORECASE)


def redact(text: str) -> str:
    """Return the text with the values of secret-bearing URL parameters replaced by ``***``."""
    return _SECRET_PARAMETER.sub(r"\1***", text)


class RedactingFilter(logging.Filter):
    """Rewrites a record's message before any handler sees it."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = redact(record.getMessage())
        record.args = ()
        return True
