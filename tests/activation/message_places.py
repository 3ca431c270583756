"""The destinations of messages under test: how each is made to have something due, and what the platform delivered.

A new destination of messages joins by one more entry in ``PLACES``.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from message_brand import SEGMENT, START, Member, MessageBrand, journey, strike

from sandbox.sending import Sending

TODAY = START.date().isoformat()
# What may go wrong with a call that must take effect once.
FAULTS = (
    "http_5xx", "html_instead_of_json", "cut_connection", "busy_minus1", "concurrency_45033", "token_death",
    "late_call", "doubled_call", "duplicated_rows", "empty_page_has_more", "repeated_cursor", "string_numbers",
)  # fmt: skip
LATE_SECONDS = 0.1


@dataclass
class MessagePlace:
    """``key`` names the receiver of a ledger row as ``arrived`` does; ``can_look_up`` as the destination says."""

    name: str
    brand: MessageBrand
    journeys: list[dict[str, Any]]
    arrived: Callable[[], Counter[str]]
    key: Callable[[dict[str, Any]], str]
    can_look_up: bool = True
    first: tuple[str, ...] = ()

    def ready(self, count: int) -> list[str]:
        """Make a segment of so many customers, to whom something is due now."""
        self.brand.write_rules(self.journeys, **NO_CAPS)
        customers = self.brand.customers(count)
        self.brand.members[SEGMENT] = [Member(each) for each in customers]
        self.brand.build()
        return customers

    def sync(self, **options: Any) -> Any:
        for each in self.first:
            self.brand.sync(each, **options)
        return self.brand.sync(self.name, **options)

    def faults(self, seed: int, rate: float = 0.3, but: str = "") -> None:
        names = [name for name in FAULTS if name != but]
        strike(self.brand.settings.wecom_base_url, *names, seed=seed, rate=rate, slow_seconds=LATE_SECONDS)

    def calm(self) -> None:
        """No more faults; what was late has arrived."""
        strike(self.brand.settings.wecom_base_url)
        time.sleep(2 * LATE_SECONDS)


NO_CAPS: dict[str, Any] = {"caps": [], "allowance_per_month": {}, "late_days": 3}


def customers(brand: MessageBrand) -> MessagePlace:
    return MessagePlace(
        "wecom_messages",
        brand,
        [journey(steps=[{"day": 1, "content": "offer"}])],
        lambda: Counter(receiver for receiver, *_ in brand.arrived()),
        lambda row: str(row["receiver"]),
    )


def groups(brand: MessageBrand) -> MessagePlace:
    steps = [{"on": TODAY, "content": "offer"}]
    return MessagePlace(
        "wecom_group_messages",
        brand,
        [journey(destination="wecom_group_messages", steps=steps)],
        lambda: Counter(receiver for receiver, *_ in brand.arrived("group")),
        lambda row: str(row["receiver"]),
    )


def moments(brand: MessageBrand) -> MessagePlace:
    steps = [{"on": TODAY, "content": "offer"}]

    def seen() -> Counter[str]:
        sending = Sending(brand.desk)
        return Counter(
            f"{userid}:{external}"
            for task in sending.of_kind("moment")
            for userid in task.receivers
            for external in sending.sees_moment(task, userid)
        )

    return MessagePlace(
        "wecom_moments",
        brand,
        [journey(destination="wecom_moments", steps=steps)],
        seen,
        lambda row: f"{row['sender']}:{row['receiver']}",
        first=("wecom_tags",),
    )


def subscriptions(brand: MessageBrand, name: str = "subscribe_messages") -> MessagePlace:
    steps = [{"day": 1, "content": "reminder"}]
    return MessagePlace(
        name,
        brand,
        [journey(destination=name, steps=steps)],
        lambda: Counter(openid for openid, _, _ in brand.desk.state.sent.subscription_uses),
        lambda row: str(row["receiver"]),
        can_look_up=False,
    )


PLACES = {
    "wecom_messages": customers,
    "wecom_group_messages": groups,
    "wecom_moments": moments,
    "subscribe_messages": subscriptions,
    "miniprogram_messages": lambda brand: subscriptions(brand, "miniprogram_messages"),
}
