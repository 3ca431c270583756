"""WeCom corp tags (企业标签): one tag per segment, marked on every (staff, customer) relation of its members.

Only a tag in a tag group of our own is ever added or removed; tags of staff and of other apps are not looked
at. Setting a tag that is set, or removing one that is not, is no error: a tag may be sent again.
"""

from __future__ import annotations

import json
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

from activation.contracts import (
    RELATION_ENDED,
    Action,
    ActivationError,
    Change,
    Channel,
    DestinationStoppedError,
    Estimate,
    Observed,
    Order,
    Outcome,
    PayloadError,
    ReadBack,
    Receipt,
    Segment,
    Values,
)
from activation.policy import Policy
from activation.rows import BAR
from activation.wecom_client import (
    BAD_TAG,
    STOPPING_CLASSES,
    NotSentError,
    UnknownOutcomeError,
    WecomClient,
    WecomRefusedError,
    stopped,
)
from activation.wecom_contacts import relations_with_tags
from common.settings import Settings

_NAME_LIMIT = 30  # characters of a tag or tag group name
_FIXED_CALLS = 2  # the token and the tag library
_MOST_TAGS = 3000  # of a corp, whoever made them

Tag = tuple[str, str]


class WecomTags:
    """The destination ``wecom_tags``."""

    name = "wecom_tags"
    channel = Channel.WECOM
    relation = "activation.act_wecom__segment_tags"
    key_columns: tuple[str, ...] = ("userid", "external_userid")
    value_columns: tuple[str, ...] = ("tag_group_name", "tag_name")
    checked_columns: tuple[str, ...] = ("tag_group_name", "tag_name")
    needs_members = False
    removes = True
    # Bounds how many rows are in doubt after a crash; each costs one call to read back.
    chunk_rows: int | None = 40

    def __init__(self, settings: Settings, policy: Policy) -> None:
        self._settings = settings
        self._policy = policy.wecom_tags
        self._client: WecomClient | None = None
        self._tag_ids: dict[Tag, str] = {}
        self._tag_count = 0
        self._library_lock = threading.Lock()
        self.warnings: list[str] = []

    def check(self, segment: Segment) -> None:
        """Raise PayloadError unless the segment has a tag in a group of our own, with names that fit."""
        if not segment.tag_group_name or not segment.tag_name:
            raise PayloadError(
                f"segment {segment.code!r} goes to wecom_tags but declares no tag_group_name/tag_name"
            )
        self._refuse_foreign(segment.tag_group_name)
        for name in (segment.tag_group_name, segment.tag_name):
            if len(name) > _NAME_LIMIT:
                raise PayloadError(
                    f"segment {segment.code!r}: {name!r} has over {_NAME_LIMIT} characters; shorten it"
                )

    def check_values(self, values: Iterable[Values]) -> None:
        """Raise PayloadError when a row carries a tag outside the groups of our own."""
        for each in values:
            self._refuse_foreign(str(each["tag_group_name"]))

    def estimate(self, rows: int) -> Estimate:
        """One call per relation, at the slower of the quota and the round trips in flight."""
        if not rows:
            return Estimate(0, 0.0)
        calls = rows + _FIXED_CALLS
        per_minute = min(
            self._policy.calls_per_minute, self._policy.in_flight * 60 / self._policy.seconds_per_call
        )
        return Estimate(calls, round(calls / per_minute, 2))

    def prepare(self, order: Order, counts: Mapping[Action, int]) -> None:
        """Look up the tags; create the segment's own when rows are to get it and it is missing.

        Warns when few tags are left of the 3,000 that a corp may have.
        """
        wanted = {_declared(order.segment)} if counts[Action.ADD] or counts[Action.CHANGE] else set()
        try:
            self._ready_tags(wanted)
        except WecomRefusedError as error:
            if error.code_class in STOPPING_CLASSES:
                raise stopped(error) from None
            raise
        if self._tag_count >= self._policy.warn_tags_share * _MOST_TAGS:
            self.warnings = [
                f"the corp has {self._tag_count:,} of at most {_MOST_TAGS:,} tags; "
                "delete some before new segments need theirs"
            ]

    def send(self, order: Order, changes: Sequence[Change]) -> Iterator[Receipt]:
        """One mark_tag call per relation, a few in flight."""
        halt = threading.Event()
        reasons: list[str] = []

        def one(change: Change) -> Receipt:
            if halt.is_set():
                return Receipt(change.row_key, Outcome.NOT_SENT, None, "stopped", "not attempted")
            try:
                return self._mark(change)
            except DestinationStoppedError as error:
                halt.set()
                reasons.append(str(error))
                return Receipt(change.row_key, Outcome.NOT_SENT, None, "stopped", str(error))

        with ThreadPoolExecutor(self._policy.in_flight) as pool:
            for done in as_completed([pool.submit(one, each) for each in changes]):
                yield done.result()
        if reasons:
            raise DestinationStoppedError(reasons[0])

    def read_back(self, order: Order, changes: Sequence[Change]) -> dict[str, ReadBack]:
        """Read each customer in question once and compare its tags with what the changes wanted."""
        by_customer: dict[str, list[Change]] = defaultdict(list)
        for change in changes:
            by_customer[str(change.values["external_userid"])].append(change)
        answers: dict[str, ReadBack] = {}
        for external_userid, asked in by_customer.items():
            tags = self._tags_by_staff(external_userid)
            for change in asked:
                there = tags.get(str(change.values["userid"]))
                answers[change.row_key] = (
                    ReadBack.RELATION_ENDED if there is None else _verdict(change, there)
                )
        return answers

    def observe(self, segment: Segment, ours: Sequence[Segment]) -> Observed | None:
        """Read all contacts of all staff; see which relations carry the tag, and tags in our groups of nobody."""
        with self._library_lock:
            self._read_library()
            names = {tag_id: tag for tag, tag_id in self._tag_ids.items()}
        own, declared = _declared(segment), {_declared(each) for each in ours}
        content = json.dumps(
            dict(zip(self.value_columns, own, strict=True)), ensure_ascii=False, separators=(",", ":")
        )
        rows: dict[str, str] = {}
        foreign: Counter[str] = Counter()
        for userid, external_userid, tag_ids in relations_with_tags(self._wecom):
            tags = {names[tag_id] for tag_id in tag_ids if tag_id in names}
            if own in tags:
                rows[f"{userid}{BAR}{external_userid}"] = content
            foreign.update("/".join(tag) for tag in tags - declared)
        return Observed(rows, dict(sorted(foreign.items())))

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    # -- inside --------------------------------------------------------------------------------

    @property
    def _wecom(self) -> WecomClient:
        if self._client is None:
            self._client = WecomClient(self._settings, self._policy)
        return self._client

    def _refuse_foreign(self, group: str) -> None:
        if not group.startswith(self._policy.owned_group_prefix):
            raise PayloadError(
                f"tag group {group!r} is not ours: expected a name that begins with "
                f"{self._policy.owned_group_prefix!r}; tags of staff are never touched"
            )

    def _mark(self, change: Change) -> Receipt:
        try:
            self._post_mark(change)
        except WecomRefusedError as error:
            if error.code_class in STOPPING_CLASSES:
                raise stopped(error) from None
            return Receipt(change.row_key, Outcome.REFUSED, str(error.code), error.code_class, error.message)
        except NotSentError as error:
            return Receipt(change.row_key, Outcome.NOT_SENT, None, "retry_later", str(error))
        except UnknownOutcomeError as error:
            return Receipt(change.row_key, Outcome.IN_DOUBT, None, "unknown", str(error))
        return Receipt(change.row_key, Outcome.SENT, "0", "ok")

    def _post_mark(self, change: Change) -> None:
        try:
            self._post_body(self._body(change))
        except WecomRefusedError as error:
            if error.code != BAD_TAG:
                raise
            self._ready_tags(set(_wishes(change)[0]))  # the tag was deleted, or made anew, since we looked
            self._post_body(self._body(change))

    def _post_body(self, body: dict[str, Any]) -> None:
        if body["add_tag"] or body["remove_tag"]:  # a tag that no longer exists needs no removing
            self._wecom.post("externalcontact/mark_tag", body)

    def _body(self, change: Change) -> dict[str, Any]:
        add, remove = _wishes(change)
        return {
            "userid": change.values["userid"],
            "external_userid": change.values["external_userid"],
            "add_tag": [self._tag_ids[tag] for tag in add],
            "remove_tag": [self._tag_ids[tag] for tag in remove if tag in self._tag_ids],
        }

    def _ready_tags(self, wanted: set[Tag]) -> None:
        with self._library_lock:
            self._read_library()
            for tag in sorted(wanted - self._tag_ids.keys()):
                self._create(tag)

    def _read_library(self) -> None:
        answer = self._wecom.post("externalcontact/get_corp_tag_list", {}, safe=True)
        found = {
            (str(group["group_name"]), str(tag["name"])): str(tag["id"])
            for group in answer.get("tag_group", [])
            if str(group["group_name"]).startswith(self._policy.owned_group_prefix)
            for tag in group.get("tag", [])
            if not tag.get("deleted")
        }
        self._tag_ids = found
        self._tag_count = sum(
            not tag.get("deleted") for group in answer.get("tag_group", []) for tag in group.get("tag", [])
        )

    def _create(self, tag: Tag) -> None:
        group, name = tag
        self._refuse_foreign(group)
        if self._tag_count >= _MOST_TAGS:
            raise ActivationError(
                f"the tag {name!r} cannot be made: expected less than {_MOST_TAGS:,} tags in the corp, it has "
                f"{self._tag_count:,}; delete some, then plan again; nothing was sent"
            )
        # A group of this name is added to, not doubled; an unknown outcome is settled by the next look.
        try:
            self._wecom.post("externalcontact/add_corp_tag", {"group_name": group, "tag": [{"name": name}]})
        except UnknownOutcomeError:
            pass
        except WecomRefusedError as error:
            if error.code != 40071:  # made by somebody else in the meantime
                raise
        self._read_library()
        if tag not in self._tag_ids:
            raise ActivationError(
                f"WeCom did not create the tag {name!r} in group {group!r}; nothing was sent"
            )

    def _tags_by_staff(self, external_userid: str) -> dict[str, set[Tag]]:
        """Tags of one customer by staff; empty when the customer is nobody's contact any more."""
        found: dict[str, set[Tag]] = {}
        params = {"external_userid": external_userid}
        while True:
            try:
                answer = self._wecom.get("externalcontact/get", params)
            except WecomRefusedError as error:
                if error.code_class == RELATION_ENDED:
                    return {}
                raise
            for follow in answer.get("follow_user", []):
                found[str(follow["userid"])] = {
                    (str(tag["group_name"]), str(tag["tag_name"]))
                    for tag in follow.get("tags", [])
                    if tag["type"] == 1
                }
            if not answer.get("next_cursor"):
                return found
            params = {**params, "cursor": str(answer["next_cursor"])}


def _declared(segment: Segment) -> Tag:
    return str(segment.tag_group_name), str(segment.tag_name)


def _tag(values: Values) -> Tag:
    return str(values["tag_group_name"]), str(values["tag_name"])


def _wishes(change: Change) -> tuple[list[Tag], list[Tag]]:
    """The tags to add and to remove."""
    if change.action == Action.REMOVE:
        return [], [_tag(change.values)]
    old = _tag(change.before) if change.before else None
    return [_tag(change.values)], [old] if old and old != _tag(change.values) else []


def _verdict(change: Change, there: set[Tag] | None) -> ReadBack:
    if there is None:
        return ReadBack.RELATION_ENDED
    add, remove = _wishes(change)
    return (
        ReadBack.IN_EFFECT if there.issuperset(add) and there.isdisjoint(remove) else ReadBack.NOT_IN_EFFECT
    )
