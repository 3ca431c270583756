"""Callback events (回调) of the sandbox world: what WeCom and the shop would have sent, with their times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from sandbox.contacts import Relation
from sandbox.credentials import SANDBOX_CORP_ID, SANDBOX_SHOP_APP_ID
from sandbox.groups import Group
from sandbox.people import opaque
from sandbox.shop import CREATED, DONE, PAID, REFUNDED, SHIPPED, UNPAID_CANCELLED, ShopOrder
from sandbox.world import World

_ORDER_EVENTS: dict[int, tuple[str, str | None]] = {
    CREATED: ("channels_ec_order_new", None),
    PAID: ("channels_ec_order_pay", "pay_time"),
    SHIPPED: ("channels_ec_order_deliver", None),
    DONE: ("channels_ec_order_confirm", None),
    UNPAID_CANCELLED: ("channels_ec_order_cancel", None),
    REFUNDED: ("channels_ec_order_cancel", None),
}
_SCANNED, _SCENE_SCANNED, _SCENE_INVITED = 3, 3, 1
_LEFT, _REMOVED = 0, 1


@dataclass(frozen=True, order=True)
class Event:
    """One event: its unix second, the app it goes to, and the fields of the message."""

    at: int
    app: Literal["wecom", "shop"]
    number: int
    fields: tuple[tuple[str, Any], ...]

    @property
    def message(self) -> dict[str, Any]:
        return dict(self.fields)


def events_of(world: World, start: int, end: int) -> list[Event]:
    """Return the events with ``start <= second < end``, oldest first; the same world gives the same ones."""
    found = [(at, "wecom", fields) for at, fields in _wecom(world) if start <= at < end]
    found += [(at, "shop", fields) for at, fields in _shop(world) if start <= at < end]
    found.sort(key=lambda each: (each[0], each[1], str(each[2])))
    return [
        Event(at, "wecom" if app == "wecom" else "shop", number, tuple(fields.items()))
        for number, (at, app, fields) in enumerate(found)
    ]


def _wecom(world: World) -> Iterator[tuple[int, dict[str, Any]]]:
    seed = world.options.seed
    for relation in world.relations:
        yield from _of_relation(seed, relation)
    for group in world.groups:
        yield from _of_group(group)
    for tag in world.tags:
        fields = {"Event": "change_external_tag", "ChangeType": "create", "Id": tag.tag_id, "TagType": "tag"}
        yield tag.created_at, _wecom_event(tag.created_at, fields)


def _of_relation(seed: int, relation: Relation) -> Iterator[tuple[int, dict[str, Any]]]:
    """The customer's deletion shows in no list: the event tells of it, and what is not delivered later."""
    person = relation.person.external_userid
    random = Random(f"{seed}:callbacks:{relation.userid}:{person}")
    added, ended = relation.created_at, relation.ended_at

    def event(at: int, change: str, **more: str) -> tuple[int, dict[str, Any]]:
        who = {"UserID": relation.userid, "ExternalUserID": person}
        fields = {"Event": "change_external_contact", "ChangeType": change, **who, **more}
        return at, _wecom_event(at, fields)

    welcome = {"WelcomeCode": opaque(24, seed, "welcome", relation.userid, person)}
    if relation.state:
        welcome["State"] = relation.state
    if random.random() < 0.03:
        yield event(added - random.randrange(60, 3600), "add_half_external_contact", **welcome)
    yield event(added, "add_external_contact", **welcome)
    if relation.remark:
        yield event(added + random.randrange(60, 7200), "edit_external_contact")
    if relation.left_at is not None:
        yield event(relation.left_at, "del_follow_user")
    if random.random() < 0.02:
        yield event(
            added + random.randrange(86_400, 30 * 86_400), "transfer_fail", FailReason="customer_refused"
        )
    if ended is not None:
        moved = {"Source": "DELETE_BY_TRANSFER"} if random.random() < 0.2 else {}
        yield event(ended, "del_external_contact", **moved)


def _of_group(group: Group) -> Iterator[tuple[int, dict[str, Any]]]:
    def event(at: int, change: str, **more: Any) -> tuple[int, dict[str, Any]]:
        fields = {"Event": "change_external_chat", "ChatId": group.chat_id, "ChangeType": change, **more}
        return at, _wecom_event(at, fields)

    yield event(group.created_at, "create")
    if group.notice:
        yield event(group.created_at + 600, "update", UpdateDetail="change_notice")
    for member in group.members:
        userid = member.person.external_userid if member.person else member.staff and member.staff.userid
        changed = {"MemChangeCnt": "1", "MemChangeList": {"Item": [userid]}}
        scene = _SCENE_SCANNED if member.join_scene == _SCANNED else _SCENE_INVITED
        yield event(member.joined_at, "update", UpdateDetail="add_member", JoinScene=str(scene), **changed)
        if member.left_at is not None:
            how = _LEFT if member.left_at % 4 else _REMOVED
            yield event(member.left_at, "update", UpdateDetail="del_member", QuitScene=str(how), **changed)
    if group.dismissed_at is not None:
        yield event(group.dismissed_at, "dismiss")


def _shop(world: World) -> Iterator[tuple[int, dict[str, Any]]]:
    for order in world.orders:
        for at, status in order.steps:
            name, time_field = _ORDER_EVENTS[status]
            # Bare, beyond 2^53, as the platform sends it in some of these events.
            info: dict[str, Any] = {"order_id": int(order.order_id)}
            if time_field:
                info[time_field] = str(at)
            yield at, _shop_event(at, order, name, {"order_info": info})
        for sale in order.aftersales:
            update = {
                "status": sale.outcome,
                "after_sale_order_id": sale.after_sale_id,
                "order_id": order.order_id,
            }
            fields = {"finder_shop_aftersale_status_update": update}
            yield sale.settled_at, _shop_event(sale.settled_at, order, "channels_ec_aftersale_update", fields)


def _wecom_event(at: int, fields: dict[str, Any]) -> dict[str, Any]:
    return {
        "ToUserName": SANDBOX_CORP_ID,
        "FromUserName": "sys",
        "CreateTime": str(at),
        "MsgType": "event",
        **fields,
    }


def _shop_event(at: int, order: ShopOrder, name: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {
        "ToUserName": SANDBOX_SHOP_APP_ID,
        "FromUserName": order.person.openids[SANDBOX_SHOP_APP_ID],
        "CreateTime": at,
        "MsgType": "event",
        "Event": name,
        **fields,
    }
