"""Youzan (有赞): trades (订单), asked for by windows of time and pages with numbers.

What Youzan does not state for sure (version, unit of amounts, which time pair, how deep pages go) is a setting.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from pydantic import SecretStr

from common.clock import utc_now
from common.settings import Settings
from ingestion.api_errors import ApiError, BusyError, TokenStaleError, TransportError
from ingestion.http import Transport, object_of, part_of, status_error
from ingestion.paging import PagingError
from ingestion.readers import App, Question, Reader
from ingestion.tokens import TokenCache
from ingestion.windows import Window

TRADES = "youzan.trades.sold.get"
# Stamps are Beijing wall-clock time, whatever the brand's business day is.
ZONE = ZoneInfo("Asia/Shanghai")
_STAMP = "%Y-%m-%d %H:%M:%S"
_READINGS = 5
_SHORTEST = dt.timedelta(seconds=2)


class YouzanTransport(Transport):
    """Youzan's envelope: errors stand in ``gw_err_resp``, ``error_response`` or beside ``success: false``."""

    def _answer(self, path: str, response: httpx.Response, stale_codes: frozenset[int]) -> dict[str, Any]:
        if response.status_code != httpx.codes.OK:
            raise status_error(path, response)
        answer = object_of(path, response)
        if (error := _error_in(answer)) is not None:
            raise _error(path, *error)
        data = answer.get("data", answer.get("response"))
        if not isinstance(data, dict):
            raise TransportError(f"{path}: expected 'data' in the answer, got {', '.join(sorted(answer))}")
        return data


def _error_in(answer: dict[str, Any]) -> tuple[str, str] | None:
    for name in ("gw_err_resp", "error_response"):
        if isinstance(error := answer.get(name), dict):
            message = error.get("err_msg") or error.get("msg") or ""
            return str(error.get("err_code") or error.get("code") or 0), str(message)
    if answer.get("success") is False or str(answer.get("code", 200)) != "200":
        return str(answer.get("code") or 0), str(answer.get("message") or "")
    return None


def _error(path: str, code_text: str, message: str) -> ApiError:
    """Return the exception. The codes are not published as a list: a word about the token costs one new token."""
    code = int(code_text) if code_text.lstrip("-").isdigit() else 0
    if "token" in message.lower() and not path.startswith("/auth/"):
        return TokenStaleError(path, code, message)
    if 500 <= code < 600:
        return BusyError(path, code, message)
    return ApiError(path, code, message)


class YouzanApp(App):
    """An app of Youzan belongs to one shop, whose number (kdt_id) the token is asked for with."""

    def missing(self, settings: Settings) -> list[str]:
        """Return the environment variables that are not set."""
        return super().missing(settings) + ([] if settings.youzan_kdt_id else ["SIYU_YOUZAN_KDT_ID"])

    def transport(self, settings: Settings, **options: Any) -> Transport:
        """Return the app's transport; close it after use."""
        return super().transport(settings, kdt_id=settings.youzan_kdt_id, **options)


def youzan_transport(
    base_url: str, client_id: str, secret: SecretStr, *, kdt_id: str, **options: Any
) -> Transport:
    """Return the transport of one shop; ``options`` as of Transport."""
    transport = YouzanTransport(base_url, client_id, **options)

    def fetch(_force: bool) -> tuple[str, float]:
        body = {
            "authorize_type": "silent",
            "client_id": client_id,
            "client_secret": secret.get_secret_value(),
            "grant_id": kdt_id,
        }
        answer = transport.call("POST", "/auth/token", body=body)
        return str(part_of(answer, "access_token", "/auth/token")), _life_of(answer)

    transport.tokens = TokenCache(fetch)
    return transport


def _life_of(answer: dict[str, Any]) -> float:
    """Return the token's life in seconds: ``expires`` is an instant in milliseconds, ``expires_in`` a span."""
    if answer.get("expires"):
        return max(0.0, float(answer["expires"]) / 1000 - utc_now().timestamp())
    return float(answer.get("expires_in") or 7200)


def trades(question: Question) -> Iterator[dict[str, Any]]:
    """Yield every trade of the window, once.

    Raises:
        ApiError, TransportError, PagingError: the window could not be read to the end.
    """
    settings, window = question.settings, question.window
    if settings.youzan_window_field == "created":
        window = Window(window.start - dt.timedelta(days=settings.youzan_reread_days), window.end)
    for piece in window.split(dt.timedelta(hours=settings.youzan_window_hours)):
        yield from _all_of(question, piece)


def _all_of(question: Question, window: Window) -> Iterator[dict[str, Any]]:
    """Yield the trades of a short window; one with too many for its pages is halved.

    Pages have numbers, so a trade that leaves the window while it is read moves the others up, and one slips by.
    The window is read again until its total stands still and every trade of it was seen.
    """
    seen: dict[str, dict[str, Any]] = {}
    for _ in range(_READINGS):
        totals: list[int | None] = []
        for page, total in _pages(question, window):
            if total is not None and total > question.settings.youzan_most_results and not totals:
                length = window.end - window.start
                if length >= _SHORTEST:
                    middle = window.start + dt.timedelta(seconds=int(length.total_seconds() / 2))
                    yield from _all_of(question, Window(window.start, middle))
                    yield from _all_of(question, Window(middle, window.end))
                    return
            totals.append(total)
            for trade in page:
                seen[str((trade.get("order_info") or {}).get("tid") or len(seen))] = trade
        first, last = totals[0], totals[-1]
        if first is None or last is None or (first == last and len(seen) >= last):
            yield from seen.values()
            return
    raise PagingError(f"{TRADES}: expected {totals[-1]} trades in {window}, got {len(seen)}; run again later")


def _pages(question: Question, window: Window) -> Iterator[tuple[list[dict[str, Any]], int | None]]:
    settings, field = question.settings, question.settings.youzan_window_field
    path = f"/api/{TRADES}/{settings.youzan_trades_version}"
    last_second = window.end.replace(microsecond=0) - dt.timedelta(seconds=1)
    body = {
        f"start_{field}": window.start.astimezone(ZONE).strftime(_STAMP),
        f"end_{field}": last_second.astimezone(ZONE).strftime(_STAMP),
        "page_size": settings.youzan_page_size,
    }
    for page_no in itertools.count(1):
        answer = question.transport.post(path, {**body, "page_no": page_no})
        total = None if answer.get("total_results") is None else int(answer["total_results"])
        yield [_trade(each) for each in answer.get("full_order_info_list") or []], total
        reached = page_no * settings.youzan_page_size
        more = (answer.get("paginator") or {}).get("has_next")
        if not (reached < (total or 0) if more is None else more):
            return
        if total is not None and reached > total + 3 * settings.youzan_page_size:
            raise PagingError(f"{path}: expected at most {total} trades, still more after {reached}")


def _trade(item: Any) -> Any:
    """Take a trade out of its wrapper; what stands beside it in there stays with it."""
    if not isinstance(item, dict) or not isinstance(item.get("full_order_info"), dict):
        return item
    beside = {name: value for name, value in item.items() if name != "full_order_info"}
    return {**beside, **item["full_order_info"]}


YOUZAN = YouzanApp("youzan", "youzan_client_id", "youzan_client_secret", "youzan_base_url", youzan_transport)
READERS: dict[str, Reader] = {"miniprogram/youzan_trades": trades}
