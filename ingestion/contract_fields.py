"""What a file may bring: the contract fields of every stream that files can fill."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["id", "text", "money", "count", "instant", "date", "choice", "phone", "points"]

ORDER_STATUSES = ("paid", "completed", "cancelled", "refunded")
GENDERS = ("male", "female", "unknown")
VERDICTS = ("same", "apart")


@dataclass(frozen=True)
class ContractField:
    """One field of a file contract, and the column of the raw stream that it fills."""

    kind: Kind
    column: str
    required: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class FileContract:
    """The fields of one stream; ``lines`` are the fields of a row that is an order line."""

    fields: dict[str, ContractField]
    lines: dict[str, ContractField]


def _field(
    kind: Kind, column: str, *, required: bool = False, choices: tuple[str, ...] = ()
) -> ContractField:
    return ContractField(kind, column, required, choices)


_PERSON = {
    "unionid": _field("id", "unionid"),
    "openid": _field("id", "openid"),
    "app_id": _field("id", "app_id"),
    "phone": _field("phone", "phone"),
}

_LINE = {
    "sku_id": _field("id", "sku_id", required=True),
    "quantity": _field("count", "quantity", required=True),
    "amount": _field("money", "amount_fen", required=True),
    "product_name": _field("text", "product_name"),
    "category": _field("text", "category"),
    "line_no": _field("count", "line_no"),
}

_ORDERS = FileContract(
    fields={
        "order_id": _field("id", "order_id", required=True),
        "buyer_id": _field("id", "buyer_id", required=True),
        "paid_at": _field("instant", "paid_at", required=True),
        "amount": _field("money", "amount_fen", required=True),
        "item_count": _field("count", "item_count", required=True),
        "status": _field("choice", "status", required=True, choices=ORDER_STATUSES),
        "refunded": _field("money", "refunded_fen"),
        **_PERSON,
    },
    lines={**_LINE, "refunded": _field("money", "refunded_fen")},
)

# Lines that come apart from their orders, as from a table of their own.
_ORDER_LINES = FileContract(fields={"order_id": _field("id", "order_id", required=True), **_LINE}, lines={})

_MEMBERS = FileContract(
    fields={
        "buyer_id": _field("id", "buyer_id", required=True),
        **_PERSON,
        "name": _field("text", "name"),
        "gender": _field("choice", "gender", choices=GENDERS),
        "birthday": _field("date", "birthday"),
        "city": _field("text", "city"),
        "registered_at": _field("instant", "registered_at"),
    },
    lines={},
)

_COUPON_USES = FileContract(
    fields={
        "coupon_use_id": _field("id", "coupon_use_id", required=True),
        "buyer_id": _field("id", "buyer_id", required=True),
        "coupon_id": _field("id", "coupon_id", required=True),
        "campaign_id": _field("id", "campaign_id"),
        "used_at": _field("instant", "used_at", required=True),
    },
    lines={},
)

_POINTS_CHANGES = FileContract(
    fields={
        "change_id": _field("id", "change_id", required=True),
        "buyer_id": _field("id", "buyer_id", required=True),
        "changed_at": _field("instant", "changed_at", required=True),
        "points": _field("points", "points", required=True),
        "reason": _field("text", "reason"),
    },
    lines={},
)

# Friends of a staff member's personal WeChat (个人微信), as the phone's export or a helper lists them.
_CONTACTS = FileContract(
    fields={
        "account_id": _field("id", "account_id", required=True),
        "contact_id": _field("id", "contact_id", required=True),
        "alias": _field("id", "alias"),
        "nickname": _field("text", "nickname"),
        "remark": _field("text", "remark"),
        "phone": _field("phone", "phone"),
        "added_at": _field("instant", "added_at"),
        "tags": _field("text", "tags"),
    },
    lines={},
)

_PEOPLE = FileContract(
    fields={
        "buyer_id": _field("id", "buyer_id", required=True),
        "phone": _field("phone", "phone"),
        "gender": _field("choice", "gender", choices=GENDERS),
        "birthday": _field("id", "birthday"),
        "street_number": _field("id", "street_number"),
        "postcode": _field("id", "postcode"),
        **{
            name: _field("text", name)
            for name in ("name", "given_name", "family_name", "address", "address_more", "city", "province")
        },
    },
    lines={},
)

_DECISIONS = FileContract(
    fields={
        "left_key": _field("id", "left_key", required=True),
        "right_key": _field("id", "right_key", required=True),
        "verdict": _field("choice", "verdict", required=True, choices=VERDICTS),
        "reason": _field("text", "reason"),
        "decided_by": _field("text", "decided_by", required=True),
        "decided_at": _field("instant", "decided_at", required=True),
    },
    lines={},
)

FILE_CONTRACTS: dict[str, FileContract] = {
    "miniprogram/orders": _ORDERS,
    "miniprogram/order_lines": _ORDER_LINES,
    "miniprogram/members": _MEMBERS,
    "miniprogram/coupon_uses": _COUPON_USES,
    "miniprogram/points_changes": _POINTS_CHANGES,
    "store/orders": _ORDERS,
    "store/order_lines": _ORDER_LINES,
    "store/members": _MEMBERS,
    "store/points_changes": _POINTS_CHANGES,
    "personal_wechat/contacts": _CONTACTS,
    "identity/people": _PEOPLE,
    "identity/decisions": _DECISIONS,
}

# An order row that is one line of an order may leave these to the sum over its lines.
SUMMED_OVER_LINES = {"amount": "amount", "item_count": "quantity", "refunded": "refunded"}
