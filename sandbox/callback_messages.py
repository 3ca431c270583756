"""How the platforms write an event: JSON from the shop, XML from WeCom."""

from __future__ import annotations

import json
from typing import Any
from xml.sax.saxutils import escape

from sandbox.callback_events import Event


def message_of(event: Event) -> bytes:
    """Return the message of an event, as it is before it is encrypted."""
    return (as_json(event.message) if event.app == "shop" else as_xml(event.message)).encode()


def as_json(fields: dict[str, Any]) -> str:
    """Return the message as the shop sends it."""
    return json.dumps(fields, ensure_ascii=False)


def as_xml(fields: dict[str, Any]) -> str:
    """Return the message as WeCom sends it: texts as CDATA, lists as repeated elements."""
    return f"<xml>{_elements(fields)}</xml>"


def _elements(fields: dict[str, Any]) -> str:
    return "".join(_element(name, value) for name, value in fields.items())


def _element(name: str, value: Any) -> str:
    if isinstance(value, list):
        return "".join(_element(name, each) for each in value)
    if isinstance(value, dict):
        return f"<{name}>{_elements(value)}</{name}>"
    text = str(value)
    inner = escape(text) if text.isdigit() or "]]>" in text else f"<![CDATA[{text}]]>"
    return f"<{name}>{inner}</{name}>"
