"""How the video-account shop (视频号小店) describes orders and after-sales. Amounts are fen, ids are text."""

from __future__ import annotations

import hashlib
from typing import Any

from sandbox.coupons import coupon_info
from sandbox.credentials import SANDBOX_SHOP_APP_ID
from sandbox.people import SandboxPerson
from sandbox.shop import PAID, SHIPPED, UNPAID_CANCELLED, AfterSale, Line, ShopOrder
from sandbox.words import FINDER_ID, FINDER_NICKNAME, PRODUCTS

Payload = dict[str, Any]
_IN_LIVE, _PRODUCT_SHARE, _OTHER_SCENE = 2, 4, 1
_STATUS_DURING = {"REFUND": "MERCHANT_PROCESSING", "RETURN": "USER_WAIT_RETURN"}


def _sku_id(line: Line) -> str:
    return str(2_000_345_678_000 + line.product_no * 10 + line.variant_no)


def _product_id(line: Line) -> str:
    return str(10_000_123_456_000 + line.product_no)


def updated_at(order: ShopOrder, until: int) -> int:
    """Return the ``update_time`` of the order just before ``until`` (unix seconds)."""
    times = [at for at, _ in order.steps] + [s.created_at for s in order.aftersales]
    times += [s.settled_at for s in order.aftersales]
    return max(at for at in times if at < until)


def order_payload(order: ShopOrder, until: int) -> Payload:
    """Return the ``order`` of order/get as it was just before ``until``."""
    status = [status for at, status in order.steps if at < until][-1]
    paid_at = next((at for at, step in order.steps if step == PAID and at < until), None)
    payload: Payload = {
        "order_id": order.order_id,
        "status": status,
        "openid": order.person.openids[SANDBOX_SHOP_APP_ID],
        "create_time": order.created_at,
        "update_time": updated_at(order, until),
        "is_present": order.giver is not None,
        "order_detail": {
            "product_infos": [_product(order, no, line, until) for no, line in enumerate(order.lines)],
            "price_info": _prices(order),
            "pay_info": _pay_info(order, paid_at),
            "delivery_info": _delivery(order.person, order, until),
            "ext_info": _ext_info(order),
            "source_infos": [_source(order, line) for line in order.lines],
            "commission_infos": [],
            "settle_info": {},
            "refund_info": {"refund_freight": order.freight_fen if status == 200 else 0},
        },
        "aftersale_detail": _aftersale_detail(order, until),
    }
    if order.shows_unionid:
        payload["unionid"] = order.person.unionid
    if order.giver:
        payload["present_giver_openid"] = order.giver.openids[SANDBOX_SHOP_APP_ID]
    if order.from_wecom:
        payload["order_detail"]["sku_sharer_infos"] = [
            {"sku_id": _sku_id(line), "sharer_type": 1, "share_scene": 5, "from_wecom": True}
            for line in order.lines
        ]
    return payload


def _product(order: ShopOrder, number: int, line: Line, until: int) -> Payload:
    product = PRODUCTS[line.product_no]
    mine = [s for s in order.aftersales if s.line_no == number and s.created_at < until]
    settled = [s for s in mine if s.settled_at < until]
    discount = line.sale_fen * line.count - line.real_fen
    return {
        "product_id": _product_id(line),
        "sku_id": _sku_id(line),
        "out_sku_id": f"SKU-{line.product_no:04d}-{line.variant_no}",
        "product_unique_id": str(number),
        "title": product.title,
        "sku_attrs": [{"attr_key": product.attribute, "attr_value": product.variants[line.variant_no]}],
        "sku_cnt": line.count,
        "on_aftersale_sku_cnt": sum(s.count for s in mine if s not in settled),
        "finish_aftersale_sku_cnt": sum(s.count for s in settled if s.gave_money_back),
        "market_price": line.sale_fen * 5 // 4,
        "sale_price": line.sale_fen,
        "estimate_price": line.real_fen,
        "real_price": line.real_fen,
        "is_discounted": discount > 0,
        "merchant_discounted_price": discount,
        "is_free_gift": 0,
        "order_product_coupon_info_list": coupon_info(order, number, line),
    }


def _prices(order: ShopOrder) -> Payload:
    product_price = sum(line.sale_fen * line.count for line in order.lines)
    discount = product_price - sum(line.real_fen for line in order.lines)
    return {
        "product_price": product_price,
        "original_order_price": product_price + order.freight_fen,
        "order_price": order.order_fen,
        "freight": order.freight_fen,
        "discounted_price": discount,
        "is_discounted": discount > 0,
        "merchant_discounted_price": discount,
        "finder_discounted_price": 0,
        "deduction_price": 0,
        "change_down_price": 0,
        "estimate_product_price": order.order_fen - order.freight_fen,
        "merchant_receieve_price": order.order_fen,
    }


def _pay_info(order: ShopOrder, paid_at: int | None) -> Payload:
    info: Payload = {"payment_method": 1, "prepay_time": order.created_at + 1}
    if paid_at is not None:
        info |= {"pay_time": paid_at, "transaction_id": f"42000025{order.order_id}"}
    return info


def _delivery(person: SandboxPerson, order: ShopOrder, until: int) -> Payload:
    phone = person.phone_at(order.created_at)
    masked_phone = f"{phone[:3]}****{phone[-4:]}"
    address = f"{person.person_no}:{person.city}:{phone}"
    shipped = [at for at, step in order.steps if step == SHIPPED and at < until]
    return {
        "deliver_method": 0,
        "address_info": {
            "user_name": person.name[0] + "*" * (len(person.name) - 1),
            "province_name": person.province,
            "city_name": person.city,
            "county_name": person.county,
            "detail_info": "***********",
            "tel_number": masked_phone,
            "hash_code": hashlib.sha256(address.encode()).hexdigest()[:32],
            "use_tel_number": 1,
            "tel_number_ext_info": {
                "real_tel_number": masked_phone,
                "virtual_tel_number": f"18400000000-{person.person_no % 10_000:04d}",
            },
        },
        "delivery_product_info": [{"delivery_time": at, "delivery_name": "顺丰速运"} for at in shipped],
    }


def _ext_info(order: ShopOrder) -> Payload:
    info: Payload = {"customer_notes": "", "merchant_notes": "", "order_scene": _OTHER_SCENE}
    if order.live:
        info |= {"order_scene": _IN_LIVE, "finder_id": FINDER_ID, "live_id": order.live.export_id}
    elif order.from_wecom:
        info["order_scene"] = _PRODUCT_SHARE
    return info


def _source(order: ShopOrder, line: Line) -> Payload:
    wecom = order.from_wecom
    return {
        "sku_id": _sku_id(line),
        "sale_channel": 0,
        "account_type": 4 if wecom else 1,
        "account_id": "wecom" if wecom else FINDER_ID,
        "account_nickname": FINDER_NICKNAME,
        "content_type": 1 if wecom else 0,
        "content_id": "",
    }


def _aftersale_detail(order: ShopOrder, until: int) -> Payload:
    asked = [s for s in order.aftersales if s.created_at < until]
    return {
        "on_aftersale_order_cnt": sum(1 for s in asked if s.settled_at >= until),
        "aftersale_order_list": [{"aftersale_order_id": s.after_sale_id} for s in asked],
    }


def aftersale_payload(order: ShopOrder, sale: AfterSale, until: int) -> Payload:
    """Return the ``after_sale_order`` of getaftersaleorder as it was just before ``until``."""
    settled = sale.settled_at < until
    payload: Payload = {
        "after_sale_order_id": sale.after_sale_id,
        "order_id": order.order_id,
        "openid": order.person.openids[SANDBOX_SHOP_APP_ID],
        "type": sale.kind,
        "status": sale.outcome if settled else _STATUS_DURING[sale.kind],
        "reason": "NO_LONGER_WANT",
        "product_info": {
            "product_id": _product_id(order.lines[sale.line_no]),
            "sku_id": _sku_id(order.lines[sale.line_no]),
            "count": sale.count,
        },
        "refund_info": {"amount": sale.refund_fen, "refund_reason": 1, "platform_discount_return_amount": 0},
        "details": {"desc": "不想要了", "receive_product": sale.kind == "RETURN", "cancel_time": 0},
        "create_time": sale.created_at,
        "update_time": sale.settled_at if settled else sale.created_at,
    }
    if settled:
        payload["complete_time"] = sale.settled_at
    if order.shows_unionid:
        payload["unionid"] = order.person.unionid
    return payload


def was_paid(order: ShopOrder) -> bool:
    """Return whether the order was ever paid (a cancelled unpaid one was not)."""
    return order.steps[-1][1] != UNPAID_CANCELLED
