"""What is true of the video account and its shop: livestreams, leads, orders, after-sales, day figures, coupons."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

from common.pii import normalise_phone
from sandbox.calendar import YEAR_START
from sandbox.compass import PLATFORM_ZONE, CompassDays
from sandbox.coupons import COUPONS, DELETED, coupon_payload, used_counts
from sandbox.desk import Desk
from sandbox.leads import FormInLive, Lead, make_leads
from sandbox.live_payloads import live_payload
from sandbox.shop_payloads import aftersale_payload, order_payload
from sandbox.words import FINDER_ID, FINDER_NICKNAME

Payloads = Iterator[dict[str, Any]]


def lives(desk: Desk) -> Payloads:
    """Tell of every livestream with its figures, the blobs as objects."""
    view = desk.view
    for live in view.lives.values():
        blobs = live_payload(live, view.orders_of_live.get(live.export_id, []), view.until)
        data = {name: json.loads(blob) for name, blob in blobs.items()}
        yield {"export_id": live.export_id, "create_time": live.started_at, "data": data}


def leads(desk: Desk) -> Payloads:
    """Tell of every filled-in form. ``lead_id`` is a keyed hash: only a desk with the home's key can tell it."""
    if desk.pii_key is None:
        return
    for request in make_leads(desk.world):
        for lead in request.leads:
            if lead.at < desk.view.until:
                row = lead.payload(request.live)
                yield {
                    "lead_id": _lead_id(request, lead, row["leads_data"], desk.pii_key),
                    "leads_component_id": request.form.component_id,
                    "request_id": request.request_id,
                    **row,
                }


def shop_orders(desk: Desk) -> Payloads:
    """Tell of every order as it is now."""
    for order in desk.view.orders.values():
        yield order_payload(order, desk.view.until)


def aftersales(desk: Desk) -> Payloads:
    """Tell of every after-sale as it is now."""
    for order, sale in desk.view.aftersales.values():
        yield aftersale_payload(order, sale, desk.view.until)


def shop_days(desk: Desk) -> Payloads:
    """Tell of the shop's figures of every day that is over."""
    figures = CompassDays(desk.view)
    for ds in _days_over(desk.view.until):
        yield {"ds": ds, "data": figures.shop(ds)}


def finder_days(desk: Desk) -> Payloads:
    """Tell of the figures of the one account that sells, every day that is over."""
    figures = CompassDays(desk.view)
    who = {"finder_id": FINDER_ID, "finder_nickname": FINDER_NICKNAME}
    for ds in _days_over(desk.view.until):
        yield {"ds": ds, "seller_id": f"finder_id:{FINDER_ID}", **who, "data": figures.finder(ds)}


def coupons(desk: Desk) -> Payloads:
    """Tell of every coupon that is not deleted: a first fetch finds the others in no list."""
    until = desk.view.until
    used = used_counts(list(desk.view.orders.values()), until)
    for coupon in COUPONS:
        if coupon.made_at < until and coupon.status(until) != DELETED:
            yield coupon_payload(coupon, used[coupon.coupon_id], until)


def _lead_id(request: FormInLive, lead: Lead, answers: list[dict[str, Any]], key: bytes) -> str:
    """HMAC over form, request, second and phone; over all answers where the phone typed is no mobile number."""
    phone = normalise_phone(lead.phone)
    parts = [request.form.component_id, request.request_id, str(lead.at), [phone] if phone else answers]
    text = json.dumps(parts, ensure_ascii=True, sort_keys=True)
    return hmac.new(key, b"lead:" + text.encode(), hashlib.sha256).hexdigest()


def _days_over(until: int) -> Iterator[str]:
    """Yield the Shanghai days from the shop's first one on that are over just before ``until``."""
    day = dt.datetime.fromtimestamp(YEAR_START, PLATFORM_ZONE).date()
    over = dt.datetime.fromtimestamp(until, PLATFORM_ZONE).date()
    while day < over:
        yield day.strftime("%Y%m%d")
        day += dt.timedelta(days=1)
