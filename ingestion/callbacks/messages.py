"""What stands in callbacks: XML of WeCom and the 公众号, JSON of the 微信小店, as one kind of object."""

from __future__ import annotations

import json
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from ingestion.callbacks.crypto import CallbackError

# Beyond this a reader that takes numbers for floats rounds them.
_EXACT_IN_A_FLOAT = 2**53
# A list with one entry must look like a list with two.
_ALWAYS_LISTS = frozenset({"Item", "item"})


class UnreadableMessageError(ValueError):
    """The message came from the platform and cannot be read as an object."""


def encrypted_part(body: bytes) -> str:
    """Return ``Encrypt`` of the outer XML or JSON.

    Raises:
        CallbackError: there is none.
    """
    try:
        outer = as_object(body)
    except UnreadableMessageError as error:
        raise CallbackError(f"the envelope is unreadable: {error}") from None
    encrypted = outer.get("Encrypt")
    if not isinstance(encrypted, str) or not encrypted:
        raise CallbackError("expected Encrypt in the body; choose 安全模式 (safe mode) in the console")
    return encrypted


def as_object(message: bytes) -> dict[str, Any]:
    """Return XML or JSON as an object: XML elements by name, texts as texts, repeated ones as lists.

    Whole numbers beyond 2^53 become text, as ids are everywhere else in the lake.

    Raises:
        UnreadableMessageError: not UTF-8, or neither a JSON object nor XML without DTD and entities.
    """
    try:
        text = message.decode()
    except UnicodeDecodeError:
        raise UnreadableMessageError("expected UTF-8") from None
    if text.lstrip("\ufeff \r\n\t").startswith("{"):
        return _from_json(text)
    try:
        root = fromstring(text.strip("\ufeff \r\n\t"), forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise UnreadableMessageError(f"expected XML or JSON, got neither ({type(error).__name__})") from None
    try:
        content = _content(root)
    except RecursionError:
        raise UnreadableMessageError("expected XML a few levels deep, got very many") from None
    if not isinstance(content, dict):
        raise UnreadableMessageError("expected XML with elements inside, got text only")
    return content


def _from_json(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text.strip("\ufeff \r\n\t"), parse_constant=_refuse_constant)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise UnreadableMessageError(f"expected JSON ({type(error).__name__})") from None
    exact = _exact(value)
    assert isinstance(exact, dict)
    return exact


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _exact(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _exact(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_exact(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _EXACT_IN_A_FLOAT:
        return str(value)
    return value


def _content(element: Element) -> Any:
    if len(element) == 0:
        return element.text or ""
    content: dict[str, Any] = {}
    for child in element:
        value = _content(child)
        if child.tag in _ALWAYS_LISTS:
            content.setdefault(child.tag, []).append(value)
        elif child.tag not in content:
            content[child.tag] = value
        elif isinstance(content[child.tag], list):
            content[child.tag].append(value)
        else:
            content[child.tag] = [content[child.tag], value]
    return content
