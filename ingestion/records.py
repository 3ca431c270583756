"""API objects become rows of a records stream: key, payload, its hash, HMACs of its phones.

The payload stays as received but for one thing: ids and other whole numbers beyond 2^53 become text, so that no
later reader takes them through a float. Its hash is of the canonical form (``common.canonical``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson
import pyarrow as pa

from common.canonical import canonical_hash, with_exact_ids
from common.pii import phone_hmac
from common.streams import RECORD_COLUMNS, STREAMS, Stream

_BATCH = 1000
_KEY_TYPES = (str, int)

_PHONES: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "wecom/contacts": lambda payload: payload["follow_info"].get("remark_mobiles") or [],
    "video_account/leads": lambda payload: lead_answers(payload),
    "miniprogram/youzan_trades": lambda payload: [(payload.get("buyer_info") or {}).get("buyer_phone") or ""],
    "wecom/contact_details": lambda payload: [
        phone for follower in payload["follow_user"] for phone in follower.get("remark_mobiles") or []
    ],
}


class UnreadableRecordError(ValueError):
    """A record that cannot be kept as a row; it goes to quarantine with this text as the reason."""


@dataclass(frozen=True)
class Refused:
    """A record that the platform would not give: what it was asked for, and why not. It goes to quarantine."""

    record: dict[str, Any]
    reason: str


class RecordBatches:
    """Turns payloads into Arrow tables of RECORD_COLUMNS; what cannot be read is kept in ``refused``."""

    def __init__(self, stream: Stream, source: str, pii_key: bytes) -> None:
        self.rows = 0
        self.refused: list[dict[str, Any]] = []
        self._stream, self._source, self._pii_key = stream, source, pii_key
        # Looked up here once: what stands in _row is done for every record of every load.
        self._stream_key, self._phones = stream.key, _PHONES.get(stream.key)

    def tables(self, payloads: Iterable[Any]) -> Iterator[pa.Table]:
        """Yield the readable payloads as tables of up to 1,000 rows; ``Refused`` ones are no rows."""
        pending: list[dict[str, Any]] = []
        for number, payload in enumerate(payloads, start=1):
            if isinstance(payload, Refused):
                self._refuse(number, payload.record, payload.reason)
                continue
            try:
                pending.append(self._row(payload))
            except UnreadableRecordError as error:
                self._refuse(number, payload, str(error))
            if len(pending) >= _BATCH:
                yield self._table(pending)
        if pending:
            yield self._table(pending)

    def _table(self, pending: list[dict[str, Any]]) -> pa.Table:
        table = pa.Table.from_pylist(pending, schema=RECORD_COLUMNS)
        self.rows += len(pending)
        pending.clear()
        return table

    def _row(self, payload: Any) -> dict[str, Any]:
        key = record_key(self._stream_key, payload)
        payload = with_exact_ids(payload)
        text = _text_of(payload)
        return {
            "record_key": key,
            "op": "upsert",
            "payload": text,
            "payload_hash": canonical_hash(payload),
            "phone_hmacs": self._phone_hmacs(payload),
            "source": self._source,
        }

    def _phone_hmacs(self, payload: dict[str, Any]) -> str | None:
        if self._phones is None:
            return None
        phones = self._phones(payload)
        if not phones:
            return "[]"
        hmacs = [phone_hmac(str(phone), self._pii_key) for phone in phones]
        return json.dumps(sorted({each for each in hmacs if each}))

    def _refuse(self, number: int, payload: Any, reason: str) -> None:
        self.refused.append(
            {
                "channel": self._stream.channel,
                "stream": self._stream.name,
                "source": self._source,
                "source_line": number,
                "reason": reason,
                "record": json.dumps(payload),  # ASCII escapes keep what is no valid Unicode
            }
        )


def record_key(stream_key: str, payload: Any) -> str:
    """Return the natural key of a payload inside its stream.

    Raises:
        UnreadableRecordError: the payload is no object, or a part of the key is missing or empty.
    """
    parts = []
    for path, names in _key_names(stream_key):
        value = payload
        for name in names:
            value = value.get(name) if isinstance(value, dict) else None
        if not isinstance(value, _KEY_TYPES) or isinstance(value, bool) or value == "":
            raise UnreadableRecordError(f"expected the key {path}, got {type(value).__name__}")
        parts.append(str(value))
    return "|".join(parts)


def lead_answers(payload: dict[str, Any]) -> list[str]:
    """Return the texts somebody typed into a lead form (留资): the form's maker words the question for the phone.

    Lists, such as the answer to the question for the city, hold no phone and are left out.
    """
    typed = [each.get("value") for each in payload.get("leads_data") or [] if isinstance(each, dict)]
    return [str(value) for value in [payload.get("phone"), *typed] if isinstance(value, str | int) and value]


@cache
def _key_names(stream_key: str) -> list[tuple[str, list[str]]]:
    return [(path, path.split(".")) for path in STREAMS[stream_key].key_paths]


def _text_of(payload: Any) -> str:
    try:
        return orjson.dumps(payload).decode()
    except TypeError:
        pass  # a number beyond 64 bits, which it does not write, or a lone surrogate, which nobody may
    text = json.dumps(payload, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UnreadableRecordError("expected valid Unicode, got a lone surrogate") from error
    return text
