"""Coupons (优惠券) of the video-account shop: what they are, and how many were taken and used so far."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from common.streams import STREAMS
from ingestion.details import each_detail, object_in
from ingestion.http import Transport
from ingestion.known import living_values
from ingestion.paging import pages_by_number
from ingestion.readers import Question, Reader
from ingestion.records import with_text_ids

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

    def ids() -> Iterator[str]:
        seen = set[str]()
        for page in pages_by_number(transport, COUPONS, {}, "coupons", size=_COUPONS_A_PAGE):
            for coupon_id in (str(each["coupon_id"]) for each in page):
                if coupon_id not in seen:
                    seen.add(coupon_id)
                    yield coupon_id
        yield from (each for each in known if each not in seen)

    def detail(coupon_id: str) -> dict[str, Any]:
        answer = transport.post(COUPON, {"coupon_id": coupon_id})
        return with_text_ids(object_in(answer, "coupon"))

    yield from each_detail(detail, ids(), lambda coupon_id: {"coupon_id": coupon_id})


def _coupons(question: Question) -> Iterator[Any]:
    final = ", ".join(f"'{status}'" for status in FINAL_STATUSES)
    living = f"coalesce(payload ->> '$.status', '') not in ({final})"
    return coupons(
        question.transport,
        living_values(question.lake, STREAMS["video_account/coupons"], "record_key", living),
    )


READERS: dict[str, Reader] = {"video_account/coupons": _coupons}
