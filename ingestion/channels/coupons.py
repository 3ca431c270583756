"""Coupons (优惠券) of the video-account shop: what they are, and how many were taken and used so far."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from common.streams import STREAMS
from ingestion.details import details_by_id, object_in
from ingestion.http import Transport
from ingestion.known import given_up_keys, living_values
from ingestion.paging import pages_by_number
from ingestion.readers import Question, Reader

COUPONS = "/channels/ec/coupon/get_list"
COUPON = "/channels/ec/coupon/get"

_COUPONS_A_PAGE = 200
# 4 void (作废), 5 deleted: nobody takes or uses such a coupon any more.
FINAL_STATUSES = ("4", "5")


def coupons(transport: Transport, known: Iterable[str] = ()) -> Iterator[Any]:
    """Yield every coupon as it is now. ``known`` ones are read even where the list leaves them out.

    No full scan in the lake's sense: whether deleted coupons stay listed is not documented, and a list that
    moves while it is paged by number may skip one.
    """
    pages = pages_by_number(transport, COUPONS, {}, "coupons", size=_COUPONS_A_PAGE)
    listed = (each["coupon_id"] for page in pages for each in page)

    def detail(coupon_id: str) -> dict[str, Any]:
        answer = transport.post(COUPON, {"coupon_id": coupon_id})
        return object_in(answer, "coupon")

    yield from details_by_id(detail, listed, known, "coupon_id")


def _coupons(question: Question) -> Iterator[Any]:
    lake, stream = question.lake, STREAMS["video_account/coupons"]
    final = ", ".join(f"'{status}'" for status in FINAL_STATUSES)
    living = f"coalesce(payload ->> '$.status', '') not in ({final})"
    given_up = given_up_keys(lake, stream, "coupon_id")
    known = [each for each in living_values(lake, stream, "record_key", living) if each not in given_up]
    return coupons(question.transport, known)


READERS: dict[str, Reader] = {"video_account/coupons": _coupons}
