"""Official account (公众号): its followers. A full scan: there is no list of those who left."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ingestion.api_errors import ApiError
from ingestion.details import concerns_one_record, reason_of, tolerated
from ingestion.http import Transport
from ingestion.paging import PagingError, chunks, each_in_parallel
from ingestion.readers import Reader
from ingestion.records import Refused

OPENIDS = "/cgi-bin/user/get"
FOLLOWERS = "/cgi-bin/user/info/batchget"

_OPENIDS_A_PAGE = 10_000
_FOLLOWERS_A_CALL = 100
# Some leave while the list is being read; more than this share missing means a list cut short.
_MOST_MISSING_SHARE = 0.01
_FEW_MISSING = 10


def followers(transport: Transport) -> Iterator[Any]:
    """Yield every follower as received. Who left meanwhile (``subscribe`` 0) is left out: the scan deletes it.

    Such a row holds nothing but the openid, and would hide the unionid that was known.

    Raises:
        PagingError: the list ended long before the number of followers that it states.
        TooManyRefusedError: see ``ingestion.details.tolerated``.
    """

    def details(openids: list[str]) -> list[Any]:
        try:
            return _followers_among(transport, openids)
        except ApiError as error:
            if not _concerns_some(error):
                raise
            # One openid spoils a call for all hundred: ask one by one.
            return [each for openid in openids for each in _one(transport, openid)]

    batches = (some for page in _openids(transport) for some in chunks(page, _FOLLOWERS_A_CALL))
    yield from tolerated(each for some in each_in_parallel(details, batches) for each in some)


def _followers_among(transport: Transport, openids: list[str]) -> list[Any]:
    asked = [{"openid": openid, "lang": "zh_CN"} for openid in openids]
    found = transport.post(FOLLOWERS, {"user_list": asked}).get("user_info_list") or []
    missing = set(openids) - {each.get("openid") for each in found}
    refused = [
        Refused({"openid": openid}, "expected the follower in the answer") for openid in sorted(missing)
    ]
    return [each for each in found if str(each.get("subscribe")) != "0"] + refused


def _one(transport: Transport, openid: str) -> list[Any]:
    try:
        return _followers_among(transport, [openid])
    except ApiError as error:
        if not _concerns_some(error):
            raise
        return [Refused({"openid": openid}, reason_of(error))]


def _concerns_some(error: ApiError) -> bool:
    return concerns_one_record(error) or error.code == _INVALID_OPENID


_INVALID_OPENID = 40003


def _openids(transport: Transport) -> Iterator[list[str]]:
    """Yield the openids page by page. Where the total is stated, a short page is no end."""
    position, count, seen = "", 0, {""}
    while True:
        answer = transport.get(OPENIDS, {"next_openid": position} if position else None)
        page = (answer.get("data") or {}).get("openid") or []
        yield page
        count += len(page)
        total = answer.get("total")
        position = answer.get("next_openid") or ""
        over = len(page) < _OPENIDS_A_PAGE if total is None else count >= int(total)
        if over or not page or not position:
            break
        if position in seen:
            raise PagingError(f"{OPENIDS}: expected a new next_openid, got an old one")
        seen.add(position)
    missing = int(total or 0) - count
    if missing > max(_FEW_MISSING, _MOST_MISSING_SHARE * int(total or 0)):
        raise PagingError(
            f"{OPENIDS}: expected {int(total or 0):,} followers, the list ended after {count:,}; run again"
        )


READERS: dict[str, Reader] = {
    "official_account/followers": lambda question: followers(question.transport),
}
