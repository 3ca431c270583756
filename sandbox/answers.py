"""Answers in the platform's manner: HTTP 200 always, success or failure told by ``errcode``."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse


class ApiError(Exception):
    """An answer with an error code; ``message`` is what ``errmsg`` says."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message


def answer(fields: Mapping[str, Any] | None = None) -> JSONResponse:
    """Return a success with these fields beside ``errcode``."""
    return JSONResponse({"errcode": 0, "errmsg": "ok", **(fields or {})})


def refusal(error: ApiError, path: str) -> JSONResponse:
    """Return an error with the trace text that the real hosts append."""
    if path.startswith(("/channels/", "/wxa/", "/cgi-bin/stable_token", "/cgi-bin/token", "/cgi-bin/user/")):
        text = f"{error.message} rid: 00000000-00000000-00000000"
    else:
        text = f"{error.message}, hint: [0000000000000000000000], from ip: 127.0.0.1"
    return JSONResponse({"errcode": error.code, "errmsg": text})


async def body_of(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request.

    Raises:
        ApiError: 47001 when the body is no JSON object.
    """
    raw = await request.body()
    try:
        parsed = json.loads(raw or b"{}")
    except (json.JSONDecodeError, UnicodeDecodeError):
        parsed = None
    if not isinstance(parsed, dict):
        raise ApiError(47001, "data format error")
    return parsed


def text_field(body: Mapping[str, Any], name: str) -> str:
    """Return a field that must be a non-empty string.

    Raises:
        ApiError: 40058 otherwise.
    """
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise ApiError(40058, f"invalid Request Parameter: {name} should be a non-empty string")
    return value


def list_field(body: Mapping[str, Any], name: str, longest: int) -> list[str]:
    """Return a field that must be a list of at most ``longest`` strings (absent reads as empty).

    Raises:
        ApiError: 40058 otherwise.
    """
    value = body.get(name) or []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ApiError(40058, f"invalid Request Parameter: {name} should be a list of strings")
    if len(value) > longest:
        raise ApiError(40058, f"invalid Request Parameter: {name} exceed max length {longest}")
    return value


def whole_field(body: Mapping[str, Any], name: str, default: int) -> int:
    """Return a field that must be a whole number (absent reads as ``default``).

    Raises:
        ApiError: 40058 otherwise.
    """
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ApiError(40058, f"invalid Request Parameter: {name} should be an integer")
    return value


def make_cursor(question: str, offset: int) -> str:
    """Return an opaque cursor that is only good for the same question."""
    return base64.urlsafe_b64encode(f"{offset}:{question}".encode()).decode()


def read_cursor(question: str, cursor: object) -> int:
    """Return the offset of a cursor, 0 for an empty one.

    Raises:
        ApiError: 40058 when the cursor is broken or belongs to another question.
    """
    if not cursor:
        return 0
    try:
        offset, asked = base64.urlsafe_b64decode(str(cursor)).decode().split(":", 1)
        if asked == question:
            return int(offset)
    except (ValueError, binascii.Error, UnicodeDecodeError):
        pass
    raise ApiError(40058, "invalid Request Parameter: cursor is not valid for this request")
