"""Tokens and secrets ride in WeChat URLs; nothing that is logged or raised may show them."""

from __future__ import annotations

import contextlib
import logging
import re
from collections import OrderedDict
from urllib.parse import quote, urlsplit

_SECRET_PARAMETER = re.compile(r"((?:access_token|corpsecret|secret|corpid|appid)=)[^&\s\"']+", re.IGNORECASE)
# Anything shorter is a word that would be blacked out everywhere.
_SHORTEST = 6
_MOST_KNOWN = 1000
_known: OrderedDict[str, None] = OrderedDict()


def keep_secret(value: str) -> None:
    """Let ``redact`` black out this value from now on, wherever it stands; of a URL, its password.

    A server may repeat a secret in its error text, and a library in its exception.
    """
    forms = {value, quote(value, safe="")}
    if "://" in value:
        with contextlib.suppress(ValueError):
            forms.add(urlsplit(value).password or "")
    for form in forms:
        if len(form) >= _SHORTEST:
            _known[form] = None
            _known.move_to_end(form)
    while len(_known) > _MOST_KNOWN:
        _known.popitem(last=False)


def redact(text: str) -> str:
    """Return the text with known secrets, and the values of secret-bearing URL parameters, as ``***``."""
    for value in sorted(tuple(_known), key=len, reverse=True):
        if value in text:
            text = text.replace(value, "***")
    return _SECRET_PARAMETER.sub(r"\1***", text)


class RedactingFilter(logging.Filter):
    """Rewrites a record's message before any handler sees it."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = redact(record.getMessage())
        record.args = ()
        return True
