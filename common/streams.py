"""The raw streams of the lake: which exist, what a row of each looks like.

Two shapes. A *records* stream keeps what an API said, one row per version of a record, payload verbatim as JSON
text. A *table* stream keeps rows of a contract (files), one column per contract field.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

RECORD_COLUMNS = pa.schema(
    [
        ("record_key", pa.string()),  # natural key inside the stream
        ("op", pa.string()),  # upsert, or delete when a full scan no longer shows the key
        ("payload", pa.string()),  # JSON as received
        ("payload_hash", pa.string()),  # sha256 of the payload, tells versions apart
        ("phone_hmacs", pa.string()),  # JSON list: keyed HMACs of the phones in the payload
        ("source", pa.string()),  # API and window, or file
    ]
)

_ORDERS = pa.schema(
    [
        ("order_id", pa.string()),
        ("buyer_id", pa.string()),
        ("buyer_source", pa.string()),  # whose buyer ids these are: ids of two shops never meet by chance
        ("paid_at", pa.timestamp("us")),  # UTC
        ("amount_fen", pa.int64()),
        ("refunded_fen", pa.int64()),
        ("item_count", pa.int64()),
        ("status", pa.string()),  # paid, completed, cancelled, refunded
        ("unionid", pa.string()),
        ("openid", pa.string()),
        ("app_id", pa.string()),
        ("phone", pa.string()),
        ("phone_hmac", pa.string()),
        ("source", pa.string()),
        ("source_line", pa.int64()),
    ]
)

_ORDER_LINES = pa.schema(
    [
        ("order_id", pa.string()),
        ("buyer_source", pa.string()),
        ("line_no", pa.int64()),
        ("sku_id", pa.string()),
        ("product_name", pa.string()),
        ("category", pa.string()),
        ("quantity", pa.int64()),
        ("amount_fen", pa.int64()),
        ("source", pa.string()),
        ("source_line", pa.int64()),
    ]
)

_COUPON_USES = pa.schema(
    [
        ("coupon_use_id", pa.string()),
        ("buyer_id", pa.string()),
        ("buyer_source", pa.string()),
        ("coupon_id", pa.string()),
        ("campaign_id", pa.string()),
        ("used_at", pa.timestamp("us")),  # UTC
        ("source", pa.string()),
        ("source_line", pa.int64()),
    ]
)

# Member points (积分) that moved elsewhere than in orders: gifts of the 积分商城, sign-in, corrections.
_POINTS_CHANGES = pa.schema(
    [
        ("change_id", pa.string()),
        ("buyer_id", pa.string()),
        ("buyer_source", pa.string()),
        ("changed_at", pa.timestamp("us")),  # UTC
        ("points", pa.int64()),  # negative: spent, positive: granted; never 0
        ("reason", pa.string()),  # the member system's own code: gift, sign_in, correction …
        ("source", pa.string()),
        ("source_line", pa.int64()),
    ]
)

# The brand's own member register: the bridge from shop buyer ids to WeChat identities.
_MEMBERS = pa.schema(
    [
        ("buyer_id", pa.string()),
        ("buyer_source", pa.string()),
        ("unionid", pa.string()),
        ("openid", pa.string()),
        ("app_id", pa.string()),
        ("phone", pa.string()),
        ("phone_hmac", pa.string()),
        ("name", pa.string()),
        ("gender", pa.string()),  # male, female, unknown
        ("birthday", pa.date32()),
        ("city", pa.string()),
        ("registered_at", pa.timestamp("us")),  # UTC
        ("source", pa.string()),
        ("source_line", pa.int64()),
    ]
)

# Friends of a personal WeChat account (个人微信好友); no API gives them, only files do.
_PERSONAL_CONTACTS = pa.schema(
    [
        ("account_id", pa.string()),  # whose friend: the staff member's own account
        ("contact_id", pa.string()),  # the friend's wxid, or whatever the exporting tool knows them by
        ("alias", pa.string()),  # WeChat number (微信号)
        ("nickname", pa.string()),
        ("remark", pa.string()),
        ("phone", pa.string()),
        ("phone_hmac", pa.string()),
        ("added_at", pa.timestamp("us")),  # UTC
        ("tags", pa.string()),  # as exported, several in one text
        ("source", pa.string()),
        ("source_line", pa.int64()),
    ]
)

_QUARANTINE = pa.schema(
    [
        ("channel", pa.string()),
        ("stream", pa.string()),
        ("source", pa.string()),
        ("source_line", pa.int64()),
        ("reason", pa.string()),
        ("record", pa.string()),  # JSON of the row as read; personal data, so it stays in the lake
    ]
)

# What a file says of people beside the member register, to be compared and never modelled: personal data, lake only.
_PEOPLE = pa.schema(
    [
        ("buyer_id", pa.string()),
        ("buyer_source", pa.string()),
        ("name", pa.string()),  # whole name, where the file does not split it
        ("given_name", pa.string()),
        ("family_name", pa.string()),
        ("gender", pa.string()),  # male, female, unknown
        ("birthday", pa.string()),  # as written: 2026-02-31 is wrong, and yet it tells people apart
        ("street_number", pa.string()),
        ("address", pa.string()),
        ("address_more", pa.string()),
        ("city", pa.string()),
        ("postcode", pa.string()),
        ("province", pa.string()),
        ("phone", pa.string()),
        ("phone_hmac", pa.string()),
        ("source", pa.string()),
        ("source_line", pa.int64()),
    ]
)

# Pairs of identifiers that may be one person: ids, odds and names of fields, never a value of a field.
_SUGGESTIONS = pa.schema(
    [
        ("pair_id", pa.string()),
        ("left_key", pa.string()),  # as type:value, the smaller of the two
        ("right_key", pa.string()),
        ("match_probability", pa.float64()),
        ("match_weight", pa.float64()),  # log2 of the odds
        ("agreed_fields", pa.string()),  # JSON lists of field names
        ("similar_fields", pa.string()),
        ("differing_fields", pa.string()),
        ("source", pa.string()),  # library and digest of the model
    ]
)

_DECISIONS = pa.schema(
    [
        ("left_key", pa.string()),  # as type:value, in any order
        ("right_key", pa.string()),
        ("verdict", pa.string()),  # same, apart
        ("reason", pa.string()),
        ("decided_by", pa.string()),
        ("decided_at", pa.timestamp("us")),  # UTC
        ("source", pa.string()),
        ("source_line", pa.int64()),
    ]
)

# What a training found, whether it came into force or not. Numbers and names of features only, no customer.
_PREDICTION_MODELS = pa.schema(
    [
        ("model_version", pa.string()),  # model_code@trained_as_of#digest of the parameters
        ("model_code", pa.string()),
        ("trained_as_of", pa.date32()),  # last business day that the training had seen
        ("known_load_id", pa.string()),  # newest load that it had seen
        ("train_days", pa.string()),  # JSON lists of business days: looked from, and tested from
        ("test_days", pa.string()),
        ("train_count", pa.int64()),  # customers learned from, and tested on
        ("test_count", pa.int64()),
        ("is_promoted", pa.bool_()),
        ("reason", pa.string()),  # why it was promoted, or not
        (
            "metrics",
            pa.string(),
        ),  # JSON: back-test of this model, the baseline and the version in force; drift
        ("parameters", pa.string()),  # JSON: what scoring needs
        ("source", pa.string()),  # library and version
    ]
)


@dataclass(frozen=True)
class Stream:
    """One raw stream.

    ``complete`` marks full scans: a key that is missing from one was deleted. ``windowed`` streams are asked for
    by windows of time, whose end is kept as the stream's cursor. ``key`` are the paths of a record's natural key
    inside its payload (``follow_info.userid``), joined with ``|``; table streams have none.

    ``reread`` names the setting that says how many days before the cursor are asked for again, or, for a full
    scan, after how many days what it knows is read again. ``kept_days`` is how long the platform keeps it: such
    streams are fetched first. A window longer than ``piece_days`` is landed piece by piece, each admitted before
    the next is asked for. ``after`` is the stream that must be in the lake before this one is fetched.
    """

    channel: str
    name: str
    columns: pa.Schema
    complete: bool = False
    windowed: bool = False
    key_paths: tuple[str, ...] = ()
    reread: str | None = None
    kept_days: int | None = None
    piece_days: int | None = None
    after: str | None = None

    @property
    def key(self) -> str:
        return f"{self.channel}/{self.name}"

    @property
    def holds_records(self) -> bool:
        return self.columns is RECORD_COLUMNS


def _records(
    channel: str, name: str, *key_paths: str, complete: bool = False, windowed: bool = False, **more: Any
) -> Stream:
    return Stream(channel, name, RECORD_COLUMNS, complete, windowed, key_paths, **more)


# 180 days is what WeCom keeps of its statistics. Records of messages and moments have no known end.
_STATISTICS: dict[str, Any] = {"reread": "statistics_reread_days", "kept_days": 180, "piece_days": 90}
_MESSAGES: dict[str, Any] = {"reread": "mass_message_reread_days", "piece_days": 122}
_MOMENTS: dict[str, Any] = {"reread": "moment_reread_days", "piece_days": 122}
# One person may comment on the same moment several times.
_INTERACTION = ("moment_id", "userid", "kind", "person_id", "create_time")

_WECOM = (
    _records("wecom", "staff", "userid", complete=True),
    _records("wecom", "corp_tags", "id", complete=True),
    _records("wecom", "contacts", "follow_info.userid", "external_contact.external_userid", complete=True),
    _records("wecom", "groups", "chat_id", complete=True, reread="group_reread_days"),
    _records("wecom", "contact_details", "external_contact.external_userid", after="wecom/contacts"),
    _records("wecom", "group_stats", "owner", "stat_time", windowed=True, **_STATISTICS),
    _records("wecom", "staff_behavior", "userid", "stat_time", windowed=True, **_STATISTICS),
    _records("wecom", "mass_messages", "msgid", windowed=True, **_MESSAGES),
    _records("wecom", "mass_message_tasks", "msgid", "userid", windowed=True, **_MESSAGES),
    _records("wecom", "mass_message_sends", "msgid", "userid", "receiver", windowed=True, **_MESSAGES),
    _records("wecom", "moments", "moment_id", windowed=True, **_MOMENTS),
    _records("wecom", "moment_tasks", "moment_id", "userid", windowed=True, **_MOMENTS),
    _records("wecom", "moment_sends", "moment_id", "userid", "external_userid", windowed=True, **_MOMENTS),
    _records("wecom", "moment_interactions", *_INTERACTION, windowed=True, **_MOMENTS),
    _records("wecom", "events", "event_id"),
)
_VIDEO_ACCOUNT = (
    _records("video_account", "lives", "export_id", windowed=True),
    # A brand's first fetch of years survives a crash; a day's is one piece.
    _records("video_account", "shop_orders", "order_id", windowed=True, piece_days=122),
    _records("video_account", "aftersales", "after_sale_order_id", windowed=True, piece_days=122),
    _records("video_account", "leads", "lead_id"),
    _records("video_account", "shop_days", "ds", windowed=True),
    _records("video_account", "finder_days", "ds", "seller_id", windowed=True),
    _records("video_account", "coupons", "coupon_id"),
    _records("video_account", "events", "event_id"),
)
_MINIPROGRAM = (
    Stream("miniprogram", "orders", _ORDERS),
    Stream("miniprogram", "order_lines", _ORDER_LINES),
    Stream("miniprogram", "coupon_uses", _COUPON_USES),
    Stream("miniprogram", "members", _MEMBERS),
    Stream("miniprogram", "points_changes", _POINTS_CHANGES),
    _records("miniprogram", "payments", "transaction_id", windowed=True),
    _records("miniprogram", "youzan_trades", "order_info.tid", windowed=True),
)
_OFFICIAL_ACCOUNT = (
    _records("official_account", "followers", "openid", complete=True),
    _records("official_account", "events", "event_id"),
)
_STORE = (
    Stream("store", "orders", _ORDERS),
    Stream("store", "order_lines", _ORDER_LINES),
    Stream("store", "members", _MEMBERS),
    Stream("store", "points_changes", _POINTS_CHANGES),
)
_PERSONAL_WECHAT = (Stream("personal_wechat", "contacts", _PERSONAL_CONTACTS),)
_ALL = (
    *_WECOM,
    *_VIDEO_ACCOUNT,
    *_MINIPROGRAM,
    *_OFFICIAL_ACCOUNT,
    *_STORE,
    *_PERSONAL_WECHAT,
    Stream("quarantine", "rows", _QUARANTINE),
)

# What people and the matcher say of identities. No API brings it, so it is no channel of the daily job.
_IDENTITY = (
    Stream("identity", "people", _PEOPLE),
    Stream("identity", "suggestions", _SUGGESTIONS),
    Stream("identity", "decisions", _DECISIONS),
)

# What Siyu itself finds out and must not forget.
_SIYU = (Stream("siyu", "prediction_models", _PREDICTION_MODELS),)

STREAMS: dict[str, Stream] = {stream.key: stream for stream in (*_ALL, *_IDENTITY, *_SIYU)}
CHANNELS: tuple[str, ...] = (
    "video_account", "miniprogram", "wecom", "official_account", "store", "personal_wechat"
)  # fmt: skip


def streams_of(channel: str) -> list[Stream]:
    """Return a channel's streams.

    Raises:
        KeyError: no such channel.
    """
    found = [stream for stream in STREAMS.values() if stream.channel == channel]
    if not found:
        raise KeyError(f"unknown channel {channel!r}; known: {', '.join(CHANNELS)}")
    return found
