"""Random histories: what happened in a small world, and in which loads the pipeline heard of it.

Days arrive in any order, orders late and corrected (amount, status, even the buyer), refunds before or after their
order and moved to another, unionids after the contact, relations, followers and group members come and go, deliveries
before their message. Reusable: a history is a list of ``Step`` values, each one run of the daily job.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from common.clock import UTC
from common.lake import Lake, LoadReport
from common.streams import STREAMS

DAY_ZERO = dt.date(2026, 1, 1)
# Enough people, and few enough links between them, that a run leaves most of them untouched.
PEOPLE = 14
MAX_EVENT_DAY = 130
OUR_TAG_GROUP = "Siyu_人群"
# What may happen; the more often a kind stands here, the more often it does.
KINDS = (
    *["order"] * 5,
    *["shop_order"] * 4,
    *["store_order", "refund", "follow", "outgoing", "send"] * 2,
    *[
        "coupon",
        "points",
        "member",
        "store_member",
        "friend",
        "contact",
        "unionid",
        "unfollow",
        "leave_official",
    ],
    *["join", "leave", "lines", "decision", "lead", "interaction", "live"],
    *["staff_tag", "staff_tag", "tag_library", "contact_details", "message"],
)


@dataclass
class Step:
    """One run: the loads that arrived before it (stream -> rows), and its business day."""

    as_of: dt.date
    loads: list[tuple[str, list[dict[str, Any]]]] = field(default_factory=list)


@dataclass(frozen=True)
class Happening:
    """Something that a channel reports: on ``day``, heard of in run number ``heard``."""

    kind: str
    who: int
    day: int
    heard: int
    size: int
    twist: int


def happenings(runs: int, kinds: tuple[str, ...] = KINDS) -> st.SearchStrategy[Happening]:
    return st.builds(
        Happening,
        kind=st.sampled_from(kinds),
        who=st.integers(0, PEOPLE - 1),
        day=st.integers(0, MAX_EVENT_DAY),
        heard=st.integers(0, runs - 1),
        size=st.integers(-2, 400),
        twist=st.integers(0, PEOPLE - 1),
    )


def one_of_everything(seed: int, repeats: int = 15) -> Step:
    """A single run that has heard of every kind of happening several times."""
    chance = random.Random(seed)
    events = [
        Happening(
            kind,
            chance.randrange(PEOPLE),
            chance.randrange(60),
            0,
            chance.randrange(400),
            chance.randrange(PEOPLE),
        )
        for kind in sorted(set(KINDS)) * repeats
    ]
    world = _World()
    for event in events:
        world.hear(event)
    return Step(as_of=DAY_ZERO + dt.timedelta(days=100), loads=world.deliver())


def random_history(seed: int, kinds: tuple[str, ...] = KINDS, runs: int = 4, events: int = 110) -> list[Step]:
    """One history that is always the same and always full: for proofs that can afford only a few."""
    chance = random.Random(seed)
    day, steps = chance.randint(20, 60), []
    for _ in range(runs):
        steps.append(Step(as_of=DAY_ZERO + dt.timedelta(days=day)))
        day += chance.choice([0, 1, 7, 29, 31, 45])
    heard = [
        Happening(
            chance.choice(kinds),
            chance.randrange(PEOPLE),
            chance.randint(0, MAX_EVENT_DAY),
            chance.randrange(runs),
            chance.randint(-2, 400),
            chance.randrange(PEOPLE),
        )
        for _ in range(events)
    ]
    world = _World()
    for number, step in enumerate(steps):
        for event in (each for each in heard if each.heard == number):
            world.hear(event)
        step.loads = world.deliver()
    return steps


@st.composite
def histories(draw: st.DrawFn, kinds: tuple[str, ...] = KINDS, fewest: int = 5) -> list[Step]:
    """A strategy of whole histories: 2 to 5 runs, with jumps that let windows of 30 and 90 days run out."""
    runs = draw(st.integers(2, 5))
    day, steps = draw(st.integers(5, 60)), []
    for _ in range(runs):
        steps.append(Step(as_of=DAY_ZERO + dt.timedelta(days=day)))
        day += draw(st.sampled_from([0, 1, 1, 2, 7, 29, 30, 31, 90]))
    events = draw(st.lists(happenings(runs, kinds), min_size=fewest, max_size=60))
    world = _World()
    for number, step in enumerate(steps):
        for event in (each for each in events if each.heard == number):
            world.hear(event)
        step.loads = world.deliver()
    return steps


def deliver(lake: Lake, step: Step, at: dt.datetime) -> dt.datetime:
    """Admit a step's loads, one microsecond apart from ``at`` on; returns the next free instant.

    They come in the night after the step's day, or after ``at`` where that is later.
    """
    at = max(at, dt.datetime.combine(step.as_of, dt.time(18, 30), UTC))
    for stream_key, rows in step.loads:
        stream = STREAMS[stream_key]
        arrival = lake.arrive_rows(
            stream, rows, LoadReport(stream=stream_key, source="history", rows=len(rows))
        )
        lake.admit(arrival, at=at)
        at += dt.timedelta(microseconds=1)
    return at


class _World:
    """Keeps what full scans must repeat, and turns happenings into rows of the streams."""

    def __init__(self) -> None:
        self.tables: dict[str, list[dict[str, Any]]] = {}
        self.contacts: dict[str, dict[str, Any]] = {}
        self.groups: dict[str, dict[str, dict[str, Any]]] = {}
        self.followers: dict[str, dict[str, Any]] = {}
        self.library = {f"et{number}": {"group_name": "跟进", "name": f"标签{number}"} for number in range(3)}
        self.library["et3"] = {"group_name": OUR_TAG_GROUP, "name": "沉睡"}
        self.scanned: set[str] = set()

    def hear(self, event: Happening) -> None:
        getattr(self, f"_{event.kind}")(event)

    def deliver(self) -> list[tuple[str, list[dict[str, Any]]]]:
        loads = [(key, rows) for key, rows in self.tables.items() if rows]
        self.tables = {}
        if "contacts" in self.scanned and self.contacts:
            loads.append(("wecom/contacts", [_record(key, value) for key, value in self.contacts.items()]))
        if "groups" in self.scanned and self.groups:
            loads.append(
                (
                    "wecom/groups",
                    [_record(chat, _group(chat, people)) for chat, people in self.groups.items()],
                )
            )
        if "followers" in self.scanned and self.followers:
            followers = [_record(openid, payload) for openid, payload in self.followers.items()]
            loads.append(("official_account/followers", followers))
        if "library" in self.scanned:
            loads.append(("wecom/corp_tags", [_record(key, value) for key, value in self.library.items()]))
        self.scanned = set()
        return loads

    def _add(self, stream: str, row: dict[str, Any]) -> None:
        self.tables.setdefault(stream, []).append(row)

    def _order(self, event: Happening) -> None:
        """Few order ids, so that most are heard of again: other amount, status, day, or another buyer."""
        self._add("miniprogram/orders", _order_row(event, order=_order_id(event)))

    def _store_order(self, event: Happening) -> None:
        """In stores many buyers are known by their phone alone, or not at all."""
        row = _order_row(event, order=_store_order_id(event))
        self._add("store/orders", {**row, "buyer_id": None} if event.size % 3 == 0 else row)

    def _lines(self, event: Happening) -> None:
        stream, order_id = (
            ("store/order_lines", _store_order_id(event))
            if event.size % 4 == 0
            else ("miniprogram/order_lines", _order_id(event))
        )
        for line in range(1, 2 + event.size % 3):
            self._add(
                stream,
                {
                    "order_id": order_id,
                    "buyer_source": "test",
                    "line_no": line,
                    "sku_id": f"sku{event.twist}",
                    "product_name": "商品",
                    "category": "类目",
                    "quantity": line,
                    "amount_fen": event.size,
                    "source": "history",
                    "source_line": line,
                },
            )

    def _shop_order(self, event: Happening) -> None:
        self._shop(event, _shop_order_id(event))

    def _shop(self, event: Happening, order_id: str) -> None:
        payload = {
            "order_id": order_id,
            "status": [20, 30, 100, 200, 250, 10][event.size % 6],
            "openid": f"oShop{event.who}",
            "create_time": _seconds(event.day),
            "is_present": event.size % 7 == 0,
            "order_detail": {
                "price_info": {
                    "order_price": abs(event.size) * 1000,
                    **({"deduction_price": abs(event.size) * 7} if event.size % 5 == 0 else {}),
                },
                "pay_info": {} if event.size % 6 == 5 else {"pay_time": _seconds(event.day) + 60},
                "ext_info": {
                    **({"live_id": "live1"} if event.size % 3 == 0 else {}),
                    "customer_notes": "优惠券能用吗" if event.size % 4 == 1 else "",
                },
                "product_infos": [{"sku_id": "s1", "sku_cnt": 1, "real_price": abs(event.size) * 1000}],
            },
        }
        if event.size % 2:
            payload["unionid"] = f"union{event.who}"
        if payload["is_present"]:
            payload["present_giver_openid"] = f"oShop{(event.who + 1) % PEOPLE}"
        self._add("video_account/shop_orders", _record(order_id, payload))

    def _refund(self, event: Happening) -> None:
        """Few ids and any order: some orders have several, and some come again as another order's."""
        number = f"a{event.who % 6}"
        status = "MERCHANT_REFUND_SUCCESS" if event.size % 3 else "MERCHANT_PROCESSING"
        payload = {
            "after_sale_order_id": number,
            "order_id": _shop_order_id(event),
            "openid": f"oShop{event.who}",
            "status": status,
            "type": "REFUND",
            "product_info": {"sku_id": f"s{event.size % 2}", "count": 1},
            "refund_info": {"amount": abs(event.size) * 100},
            "details": {"desc": "偏小" if event.size % 4 == 3 else ""},
            "create_time": _seconds(event.day),
        }
        if event.size % 4:
            payload["complete_time"] = _seconds(event.day + event.twist % 5)
        self._add("video_account/aftersales", _record(number, payload))

    def _coupon(self, event: Happening) -> None:
        self._add(
            "miniprogram/coupon_uses",
            {
                "coupon_use_id": f"u{event.who}-{event.day % 50}",
                "buyer_id": f"b{event.twist}",
                "buyer_source": "test",
                "coupon_id": "c1",
                "campaign_id": "k1",
                "used_at": _instant(event.day),
                "source": "history",
                "source_line": 1,
            },
        )

    def _points(self, event: Happening) -> None:
        """Few ids, so that most changes are corrected: other points (spent for granted too), day, or buyer."""
        self._add(
            "store/points_changes" if event.twist % 3 == 0 else "miniprogram/points_changes",
            {
                "change_id": f"pc{event.twist}",
                "buyer_id": f"b{event.who}",
                "buyer_source": "test",
                "changed_at": _instant(event.day),
                "points": 20 * (event.size - 200) or 1,
                "reason": ("gift", "sign_in", None)[event.size % 3],
                "source": "history",
                "source_line": 1,
            },
        )

    def _member(self, event: Happening) -> None:
        self._add("miniprogram/members", _member_row(event))

    def _store_member(self, event: Happening) -> None:
        row = _member_row(event)
        self._add("store/members", {**row, "openid": None, "app_id": None, "name": f"店{event.twist}"})

    def _friend(self, event: Happening) -> None:
        """The same wxid is one person in two accounts; other ids are known inside their account only."""
        self._add(
            "personal_wechat/contacts",
            {
                "account_id": f"staff{event.twist % 2}",
                "contact_id": f"f{event.who}" if event.size % 5 == 0 else f"wxid_{event.who}",
                "alias": None,
                "nickname": f"友{event.twist}",
                "remark": None,
                "phone": None,
                "phone_hmac": f"p{event.who}" if event.size % 3 == 1 else None,
                "added_at": None if event.size % 3 == 0 else _instant(event.day),
                "tags": f"标签{event.size}",
                "source": "history",
                "source_line": 1,
            },
        )

    def _follow(self, event: Happening) -> None:
        self.scanned.add("followers")
        payload = {
            "subscribe": 1,
            "openid": f"oOff{event.who}",
            "subscribe_time": _seconds(event.day),
            "subscribe_scene": "ADD_SCENE_QR_CODE",
            "qr_scene_str": f"q{event.twist % 3}",
        }
        if event.size % 2:
            payload["unionid"] = f"union{event.who}"
        self.followers[f"oOff{event.who}"] = payload

    def _leave_official(self, event: Happening) -> None:
        if len(self.followers) > 1 and self.followers.pop(f"oOff{event.who}", None):
            self.scanned.add("followers")

    def _lead(self, event: Happening) -> None:
        """Corrected to another phone now and then, which moves it to another customer."""
        number = f"lead{event.who % 5}"
        payload = {
            "lead_id": number,
            "leads_component_id": "form",
            "request_id": f"r{event.twist % 2}",
            "time": _seconds(event.day),
            "live_start_time": _seconds(event.day) - 60,
            "leads_data": [{"title": "手机号", "value": "…"}],
        }
        phones = sorted({f"p{event.who}", f"p{event.twist}"}) if event.size % 4 == 0 else [f"p{event.who}"]
        self._add("video_account/leads", _record(number, payload, phones if event.size % 7 else []))

    def _live(self, event: Happening) -> None:
        figures = {"live_dashboard_data": {"summary": {"new_watch_uv": abs(event.size)}}, "live_duration": 60}
        payload = {
            "export_id": f"live{event.who % 3}",
            "create_time": _seconds(event.day),
            "data": {"live_dashboard_data": figures, "live_ec_data_summary": {"total_gmv": abs(event.size)}},
        }
        self._add("video_account/lives", _record(payload["export_id"], payload))

    def _outgoing(self, event: Happening) -> None:
        """A message or a moment as it was created, before or after what is known of its delivery."""
        stream, name, number = _outgoing_of(event)
        payload: dict[str, Any] = {
            name: number,
            "create_time": _seconds(event.day),
            "create_type": event.size % 2,
        }
        if stream == "moment":
            payload |= {"visible_type": event.who % 2, "create_time": str(payload["create_time"])}
        self._add(f"wecom/{stream}s", _record(number, payload))

    def _send(self, event: Happening) -> None:
        """To a customer or, of a message, to a group; staff send late, so that its status changes."""
        stream, name, number = _outgoing_of(event)
        userid, who = f"staff{event.size % 2}", f"wm{event.who}"
        payload: dict[str, Any] = {name: number, "userid": userid, "external_userid": who}
        if stream == "mass_message":
            if event.size % 7 == 0:
                who = "wr0"
                payload = {name: number, "userid": userid, "chat_id": who}
            payload |= {"receiver": who, "status": event.day % 5}
            if payload["status"] == 1:
                payload["send_time"] = _seconds(event.day)
        self._add(f"wecom/{stream}_sends", _record(f"{number}|{userid}|{who}", payload))

    def _interaction(self, event: Happening) -> None:
        kind, who = ("like", "comment")[event.size % 2], f"wm{event.who}"
        payload = {
            "moment_id": f"mom{event.twist % 3}",
            "userid": "staff0",
            "kind": kind,
            "create_time": _seconds(event.day),
        }
        if event.size % 6 == 0:
            who = payload["person_id"] = "staff1"
        else:
            payload["person_id"] = payload["external_userid"] = who
        key = "|".join(
            str(payload[name]) for name in ("moment_id", "userid", "kind", "person_id", "create_time")
        )
        self._add("wecom/moment_interactions", _record(key, payload))

    def _decision(self, event: Happening) -> None:
        """A reviewer joins two buyers or keeps them apart, and may think otherwise later."""
        left, right = sorted((event.who, event.twist))
        if left == right:
            return
        self._add(
            "identity/decisions",
            {
                "left_key": f"buyer_id:test:b{left}",
                "right_key": f"buyer_id:test:b{right}",
                "verdict": "same" if event.size % 2 else "apart",
                "reason": None,
                "decided_by": "reviewer",
                "decided_at": _instant(event.day),
                "source": "history",
                "source_line": 1,
            },
        )

    def _contact(self, event: Happening) -> None:
        self.scanned.add("contacts")
        userid, external = f"staff{event.twist % 2}", f"wm{event.who}"
        self.contacts[f"{userid}|{external}"] = {
            "external_contact": {
                "external_userid": external,
                "name": f"昵称{event.size}",
                "type": 1,
                "gender": event.twist % 3,
            },
            "follow_info": {
                "userid": userid,
                "createtime": _seconds(event.day),
                "add_way": 10,
                "remark_mobiles": [],
            },
        }

    def _staff_tag(self, event: Happening) -> None:
        """Put on a relation, or taken off it; ours among them."""
        tag = f"et{event.size % 4}"
        for key, value in self.contacts.items():
            if key.endswith(f"|wm{event.who}"):
                self.scanned |= {"contacts", "library"} if event.twist % 4 else {"contacts"}
                tags = {tag} ^ set(value["follow_info"].get("tag_id", []))
                self.contacts[key] = {
                    **value,
                    "follow_info": {**value["follow_info"], "tag_id": sorted(tags)},
                }

    def _tag_library(self, event: Happening) -> None:
        """A tag is named anew: by the name that a rule asks for, or by another."""
        self.scanned.add("library")
        name = "勿扰" if event.size % 2 else f"标签{event.twist}"
        self.library[f"et{event.who % 3}"] = {"group_name": "跟进", "name": name}

    def _contact_details(self, event: Happening) -> None:
        """A customer read alone: personal tags come and go, one of them with a name that a rule asks for."""
        names = [name for bit, name in enumerate(("勿扰", "爱问价", "要发票")) if event.size >> bit & 1]
        tags: list[dict[str, Any]] = [{"type": 2, "group_name": "我的", "tag_name": name} for name in names]
        if event.twist % 2:
            tags += [{"type": 3, "tag_id": "st0", "group_name": "规则组", "tag_name": "老客"}]
            tags += [{"type": 1, "tag_id": "et3", "group_name": OUR_TAG_GROUP, "tag_name": "沉睡"}]
        payload = {
            "external_contact": {"external_userid": f"wm{event.who}"},
            "follow_user": [{"userid": f"staff{event.twist % 2}", "remark": "备注", "tags": tags}],
        }
        self._add("wecom/contact_details", _record(f"wm{event.who}", payload))

    def _message(self, event: Happening) -> None:
        """To the official account, from somebody who may not follow it yet."""
        words = ("快递到哪了", "想退货", "尺码偏大", "在吗")[event.size % 4]
        message = {"FromUserName": f"oOff{event.who}", "CreateTime": str(_seconds(event.day))}
        kind: dict[str, Any] = {"MsgType": "event", "Event": "CLICK"} if event.twist % 5 == 0 else {}
        payload = {"message": {"MsgType": "text", "Content": words, **message, **kind}}
        self._add("official_account/events", _record(f"msg{event.who}-{event.day}-{event.size}", payload))

    def _unionid(self, event: Happening) -> None:
        """A unionid arrives late; now and then it is a wrong one, corrected by a later event."""
        for key, value in self.contacts.items():
            if key.endswith(f"|wm{event.who}"):
                self.scanned.add("contacts")
                who = event.who if event.size % 8 else event.twist
                self.contacts[key] = {
                    **value,
                    "external_contact": {**value["external_contact"], "unionid": f"union{who}"},
                }

    def _unfollow(self, event: Happening) -> None:
        gone = [key for key in self.contacts if key.endswith(f"|wm{event.who}")]
        for key in gone[: len(self.contacts) - 1]:  # an empty scan is the gate's business
            self.scanned.add("contacts")
            del self.contacts[key]

    def _join(self, event: Happening) -> None:
        self.scanned.add("groups")
        self.groups.setdefault(f"wr{event.twist % 2}", {})[f"wm{event.who}"] = {
            "userid": f"wm{event.who}",
            "type": 2,
            "join_time": _seconds(event.day),
            "join_scene": 3,
            **({"unionid": f"union{event.who}"} if event.size % 2 else {}),
        }

    def _leave(self, event: Happening) -> None:
        people = self.groups.get(f"wr{event.twist % 2}", {})
        if people.pop(f"wm{event.who}", None):
            self.scanned.add("groups")


def _order_id(event: Happening) -> str:
    return f"m{event.twist}"


def _store_order_id(event: Happening) -> str:
    return f"st{event.twist}"


def _outgoing_of(event: Happening) -> tuple[str, str, str]:
    """Stream, name of the id and id: few of each, so that deliveries meet their message."""
    if event.twist % 2:
        return "mass_message", "msgid", f"msg{event.twist % 3}"
    return "moment", "moment_id", f"mom{event.twist % 3}"


def _member_row(event: Happening) -> dict[str, Any]:
    shared = event.twist if event.size % 9 == 0 else event.who
    return {
        "buyer_id": f"b{event.who}",
        "buyer_source": "test",
        "unionid": f"union{event.who}" if event.size % 2 else None,
        "openid": f"oMini{event.who}",
        "app_id": "wxmini",
        "phone": None,
        "phone_hmac": f"p{shared}" if event.size % 3 == 0 else None,
        "name": f"名{event.who}",
        "gender": ["male", "female", "unknown"][event.size % 3],
        "birthday": dt.date(1990, 1 + event.twist % 12, 3),
        "city": "杭州",
        "registered_at": _instant(event.day),
        "source": "history",
        "source_line": 1,
    }


def _shop_order_id(event: Happening) -> str:
    """19 digits, as the platform gives them."""
    return f"37245610987612345{event.twist:02d}"


def _order_row(event: Happening, order: str) -> dict[str, Any]:
    return {
        "order_id": order,
        "buyer_id": f"b{event.who}",
        "buyer_source": "test",
        "paid_at": _instant(event.day),
        "amount_fen": event.size * 1000,
        "refunded_fen": 500 if event.size % 6 == 4 else 0,
        "item_count": 1,
        "status": "cancelled" if event.size % 6 == 5 else "completed",
        "unionid": f"union{event.who}" if event.size % 5 == 0 else None,
        "openid": None,
        "app_id": None,
        "phone": None,
        "phone_hmac": f"p{event.who}" if event.size % 4 == 0 else None,
        "source": "history",
        "source_line": 1,
    }


def _group(chat: str, people: dict[str, dict[str, Any]]) -> dict[str, Any]:
    staff = {"userid": "staff0", "type": 1, "join_time": _seconds(0), "join_scene": 1}
    return {
        "chat_id": chat,
        "name": "福利群",
        "owner": "staff0",
        "create_time": _seconds(0),
        "member_list": [staff, *people.values()],
    }


def _record(key: str, payload: dict[str, Any], phone_hmacs: Sequence[str] = ()) -> dict[str, Any]:
    text = json.dumps(payload, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return {
        "record_key": key,
        "op": "upsert",
        "payload": text,
        "payload_hash": hashlib.sha256(text.encode()).hexdigest(),
        "phone_hmacs": json.dumps(list(phone_hmacs)),
        "source": "history",
    }


def _instant(day: int) -> dt.datetime:
    """Stamps walk around the clock, so that some fall on either side of midnight in Shanghai (16:00 UTC)."""
    return dt.datetime.combine(DAY_ZERO, dt.time()) + dt.timedelta(days=day, hours=(day * 7) % 24, minutes=59)


def _seconds(day: int) -> int:
    return int(_instant(day).replace(tzinfo=UTC).timestamp())
