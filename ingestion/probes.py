"""The small reading calls by which `siyu doctor` sees what each app may do. A new API is entered here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from common.clock import utc_now
from ingestion.channels import compass, official_account, payments, video_account, wecom, wecom_groups
from ingestion.platform_days import PLATFORM_ZONE

LABELS = {
    "wecom": "WeCom (企业微信)",
    "shop": "shop (微信小店)",
    "finder": "livestreams (视频号助手)",
    "official": "official account (公众号)",
    "miniprogram": "mini-program (小程序)",
    "youzan": "Youzan (有赞)",
}

Answers = dict[str, Any]


@dataclass(frozen=True)
class Probe:
    """One call. ``body`` is made from the answers so far, by path; None means that there is nothing to ask."""

    label: str
    method: Literal["GET", "POST"]
    path: str
    body: Callable[[Answers], dict[str, Any] | None] = lambda _answers: {}


def _one_contact(answers: Answers) -> dict[str, Any] | None:
    staff = answers.get(wecom.STAFF, {}).get("follow_user")
    return {"userid_list": staff[:1], "cursor": "", "limit": 1} if staff else None


def _last_minute(_answers: Answers) -> dict[str, Any]:
    end = int(utc_now().timestamp())
    span = {"start_time": end - 60, "end_time": end}
    return {"update_time_range": span, "page_size": 1, "next_key": ""}


def _last_minute_of_aftersales(_answers: Answers) -> dict[str, Any]:
    end = int(utc_now().timestamp())
    return {"begin_create_time": end - 60, "end_create_time": end, "next_key": ""}


def _yesterday(_answers: Answers) -> dict[str, Any]:
    return _days_ago(1)


def _day_before_yesterday(_answers: Answers) -> dict[str, Any]:
    return {"ds": str(_days_ago(2)["ds"])}  # settled by then; this API writes the day as text


def _days_ago(days: int) -> dict[str, Any]:
    day = utc_now().astimezone(PLATFORM_ZONE).date() - dt.timedelta(days=days)
    return {"ds": int(day.strftime("%Y%m%d"))}


def _last_minute_of_payments(_answers: Answers) -> dict[str, Any]:
    end = int(utc_now().timestamp())
    return {"pay_time_range": {"begin_time": end - 60, "end_time": end}, "page_size": 1}


# By the name of the app; an app without probes is asked for a token only.
PROBES: dict[str, tuple[Probe, ...]] = {
    "wecom": (
        Probe("staff (成员)", "GET", wecom.STAFF),
        Probe("contacts (客户)", "POST", wecom.CONTACTS, _one_contact),
        Probe("tags (企业标签)", "POST", wecom.TAGS),
        Probe("groups (客户群)", "POST", wecom_groups.GROUPS, lambda _answers: {"cursor": "", "limit": 1}),
    ),
    "shop": (
        Probe("orders (订单)", "POST", video_account.ORDERS, _last_minute),
        Probe("after-sales (售后)", "POST", video_account.AFTERSALES, _last_minute_of_aftersales),
        Probe("day figures (罗盘)", "POST", compass.SHOP_DAY, _day_before_yesterday),
    ),
    "finder": (Probe("livestreams (直播)", "POST", video_account.LIVES, _yesterday),),
    "official": (Probe("followers (粉丝)", "GET", official_account.OPENIDS),),
    "miniprogram": (Probe("payments (发货信息管理)", "POST", payments.PAYMENTS, _last_minute_of_payments),),
}
