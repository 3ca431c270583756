"""What is true of WeCom's people: staff, tags, contacts with their details, groups, and the figures of their days."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from common.canonical import canonical_hash, with_exact_ids
from common.streams import STREAMS
from sandbox.calendar import YEAR_START
from sandbox.contacts import DAY, Relation
from sandbox.desk import Desk
from sandbox.wecom_days import WecomDays, midnight_of
from sandbox.wecom_payloads import external_contact, follow_info, follow_user, group_chat

Payload = dict[str, Any]
Payloads = Iterator[Payload]


def staff(desk: Desk) -> Payloads:
    """Tell of everyone with the customer-contact function."""
    for userid in desk.view.staff:
        yield {"userid": userid}


def corp_tags(desk: Desk) -> Payloads:
    """Tell of every tag, those that clients added too."""
    for tag in desk.state.tags.values():
        yield {
            "group_id": tag.group_id,
            "group_name": tag.group_name,
            "id": tag.tag_id,
            "name": tag.name,
            "create_time": tag.created_at,
            "order": tag.order,
        }


def contacts(desk: Desk) -> Payloads:
    """Tell of every relation there is."""
    for relations in desk.view.of_staff.values():
        for relation in relations:
            yield _contact(desk, relation)


def contact_details(desk: Desk) -> Payloads:
    """Tell of every contact with all followers.

    ``relations_hash`` says which state of the relations a detail belongs to: MD5 over the keys and hashes of the
    contact's relations, in the order of the keys. A home holds all details once nobody waits for one
    (``SIYU_CONTACT_DETAILS_PER_RUN``).
    """
    view, tags = desk.view, desk.state.tags
    for external_userid, relations in view.of_contact.items():
        followers = []
        for relation in relations:
            named = [(each, tags[each].group_name, tags[each].name) for each in desk.state.tags_of(relation)]
            followers.append(follow_user(relation, named, view.strategy_tag))
        states = {
            f"{relation.userid}|{external_userid}": canonical_hash(with_exact_ids(_contact(desk, relation)))
            for relation in relations
        }
        text = ",".join(f"{key} {states[key]}" for key in sorted(states))
        yield {
            "external_contact": external_contact(relations[0].person, view.unionids_bound),
            "follow_user": followers,
            "relations_hash": hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(),
        }


def groups(desk: Desk) -> Payloads:
    """Tell of every group with its members; every owner is in office (status 0)."""
    view = desk.view
    for group in view.groups.values():
        yield {**group_chat(group, view.until, view.unionids_bound), "status": 0}


def group_stats(desk: Desk) -> Payloads:
    """Tell of each owner's days with at least one group: the reader leaves the others out."""
    figures = WecomDays(desk.world)
    for day in _days_told("wecom/group_stats", desk.view.until):
        for owner in desk.view.staff:
            data = figures.groups([owner], day, day)
            if any(data.values()):
                yield {"owner": owner, "stat_time": day, "data": data}


def staff_behavior(desk: Desk) -> Payloads:
    """Tell of everybody's days, those on which nothing happened too."""
    figures = WecomDays(desk.world)
    for day in _days_told("wecom/staff_behavior", desk.view.until):
        for userid in desk.view.staff:
            yield {"userid": userid, **figures.behavior([userid], day)}


def _contact(desk: Desk, relation: Relation) -> Payload:
    return {
        "external_contact": external_contact(relation.person, desk.view.unionids_bound),
        "follow_info": follow_info(relation, desk.state.tags_of(relation)),
    }


def _days_told(stream: str, until: int) -> range:
    """Return the midnights of the Shanghai days that are over and still kept.

    A first fetch asks a day less far back than the platform keeps them, because reading takes a while.
    """
    kept = STREAMS[stream].kept_days or 0
    first = midnight_of(max(YEAR_START, until - (kept - 1) * DAY))
    return range(first, midnight_of(until), DAY)
