"""Leads (留资): what people typed into the form of a livestream, phones among it. Read whole each time.

A row has no id of its own. Its natural key is (component, livestream's request, second, phone), and a phone must
not stand in a key that travels on to the warehouse: the key is a keyed hash over those four.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

from common.pii import normalise_phone, pii_key
from ingestion.details import each_detail
from ingestion.http import Transport
from ingestion.paging import pages_by_key
from ingestion.readers import Reader
from ingestion.records import Refused, lead_answers

COMPONENTS = "/channels/leads/get_leads_component_id"
REQUESTS = "/channels/leads/get_leads_request_id"
LEADS = "/channels/leads/get_leads_info_by_request_id"

# Without it the rows are phones and nothing else.
_WITH_ANSWERS = 1


def leads(transport: Transport, key: bytes) -> Iterator[Any]:
    """Yield every lead as received, with ``lead_id``, ``leads_component_id`` and ``request_id`` added.

    ``key`` is the HMAC key of the home (``common.pii.pii_key``): another key gives other ids.
    """

    def rows(request: dict[str, str]) -> list[dict[str, Any]]:
        body = {"request_id": request["request_id"], "version": _WITH_ANSWERS}
        pages = _pages(transport, LEADS, body, "user_data")
        return [{"lead_id": lead_id(request, row, key), **request, **row} for page in pages for row in page]

    for found in each_detail(rows, _requests(transport), dict):
        if isinstance(found, Refused):
            yield found
        else:
            yield from found


def lead_id(request: dict[str, str], row: dict[str, Any], key: bytes) -> str:
    """Return the id of a lead: the same each time it is read, and telling nothing of the phone."""
    phones = sorted({phone for text in lead_answers(row) if (phone := normalise_phone(text))})
    who = phones or row.get("leads_data") or row.get("phone")
    parts = [request["leads_component_id"], request["request_id"], str(row.get("time")), who]
    text = json.dumps(parts, ensure_ascii=True, sort_keys=True)
    return hmac.new(key, b"lead:" + text.encode(), hashlib.sha256).hexdigest()


def _requests(transport: Transport) -> Iterator[dict[str, str]]:
    """Yield the ids of every livestream that a form was shown in."""
    for components in _pages(transport, COMPONENTS, {}, "item"):
        for component in (str(each["leads_component_id"]) for each in components):
            for page in _pages(transport, REQUESTS, {"leads_component_id": component}, "item"):
                for each in page:
                    yield {"leads_component_id": component, "request_id": str(each["request_id"])}


def _pages(transport: Transport, path: str, body: dict[str, Any], items: str) -> Iterator[list[Any]]:
    return pages_by_key(transport, path, body, items, key="last_buffer", more="continue_flag")


READERS: dict[str, Reader] = {
    "video_account/leads": lambda question: leads(question.transport, pii_key(question.settings)),
}
