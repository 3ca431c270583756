"""When two JSON payloads say the same: one canonical form, and its hash.

The platforms answer the same fact in several spellings: ``5`` or ``"5"``, a 19-digit id as text or as a bare
number, an empty field as ``null``, ``""``, ``[]`` or not at all, and lists of a set in any order. The lake keeps
payloads as they were said; the *hash* that tells versions apart is taken of the canonical form, so another
spelling of the same fact is no new version. What the form lays aside:

- a whole number and its decimal text are the same (``5``, ``5.0``, ``"5"``); ``"05"`` and ``"5.0"`` stay text;
- object fields that are null, empty text, an empty list or an empty object count as absent (0 and false do not);
- the order of an object's fields, and of the lists in ``UNORDERED_LISTS``, whose order has no meaning.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

# Lists that are sets: the platforms give them in no promised order. Any other list keeps its order, because it may
# mean something (order lines, the phones that staff typed first).
UNORDERED_LISTS = frozenset(
    {"tag_id", "tags", "member_list", "admin_list", "aftersale_order_list", "follow_user", "user_list"}
)
_SAFE_WHOLE = 2**53


def canonical(value: Any) -> Any:
    """Return the canonical form of a parsed JSON value: numbers as text, empty fields gone, sets sorted."""
    # Every record of every load passes here, so the commonest kind comes first.
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        kept = {}
        for name, found in value.items():
            item = canonical(found)
            if item is None or item == "" or item == [] or item == {}:
                continue
            kept[name] = (
                sorted(item, key=_compact) if name in UNORDERED_LISTS and type(item) is list else item
            )
        return kept
    if isinstance(value, list):
        return [canonical(item) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < _SAFE_WHOLE:
        value = int(value)
    return str(value)


def canonical_text(value: Any) -> str:
    """Return the canonical form as compact JSON with sorted fields."""
    return _compact(canonical(value))


def canonical_hash(value: Any) -> str:
    """Return the sha256 (64 hex digits) of the canonical form.

    Raises:
        UnicodeEncodeError: a text holds a lone surrogate.
    """
    return hashlib.sha256(canonical_text(value).encode()).hexdigest()


def with_exact_ids(value: Any) -> Any:
    """Return the value with every id, and every whole number beyond 2^53, as text.

    Ids come as text or as bare numbers; a later reader must not take a 19-digit number through a float.
    """
    if isinstance(value, dict):
        return {
            name: str(item) if name.endswith("_id") and _is_whole(item) else with_exact_ids(item)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [with_exact_ids(item) for item in value]
    return str(value) if _is_whole(value) and abs(value) >= _SAFE_WHOLE else value


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_compact = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode
