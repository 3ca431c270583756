"""Plain data as Jinja writes it."""

from __future__ import annotations

import json
from typing import Any

# Inside a macro file these could be taken for Jinja.
_ESCAPED = {each: f"\\u{ord(each):04x}" for each in "{}%#'"}


def literal(value: Any) -> str:
    """Return a value as Jinja writes it. Texts hold nothing that Jinja or a macro file could take for its own."""
    if value is None or isinstance(value, bool):
        return {None: "none", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False)
        return "".join(_ESCAPED.get(each, each) for each in text)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(key)}: {literal(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(literal(each) for each in value) + "]"
    return literal(str(value))  # dates
