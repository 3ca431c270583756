"""A brand whose customers are contacts of a sandbox: a small warehouse, journeys of its own, and a clock to move."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import uvicorn
import yaml

from activation.contracts import ApplyReport
from activation.policy import POLICY_PATH
from activation.segments import Planned, apply_plans, plan_segment
from common.clock import UTC
from common.settings import Settings
from common.warehouse import connect
from sandbox.credentials import SANDBOX_MINIPROGRAM_APP_ID, as_environment
from sandbox.faults import FaultPlan
from sandbox.followers import make_followers
from sandbox.sending import Sending
from sandbox.server import create_app
from sandbox.world import World, WorldOptions, build_world

ZONE = "America/New_York"
START = dt.datetime(2017, 6, 5, 14, tzinfo=UTC)  # a Monday, 10:00 in New York
SEGMENT, GROUP, TAG = "fans", "Siyu 人群", "粉丝"
CONTENT = [
    {"code": "hello", "name_zh": "问候", "scene": "warmth", "text": "你好"},
    {
        "code": "offer", "name_zh": "活动", "scene": "selling", "text": "来看看",
        "link": {"title": "活动", "url": "https://example.invalid/offer?from=wecom#top"},
    },
    {
        "code": "reminder", "name_zh": "提醒", "scene": "knowledge",
        "template_id": "tmpl-reminder", "data": {"thing1": "开播提醒"},
    },
]  # fmt: skip


def journey(code: str = "welcome", **fields: Any) -> dict[str, Any]:
    return {
        "code": code, "name_zh": code, "owner": "operations", "segment": SEGMENT,
        "destination": "wecom_messages", "mode": "live", "steps": [{"day": 1, "content": "offer"}], **fields,
    }  # fmt: skip


@dataclass(frozen=True)
class Member:
    """One customer of a segment; ``value_fen`` is what she is expected to be worth."""

    customer_id: str
    entered: dt.date = START.date() - dt.timedelta(days=1)
    is_holdout: bool = False
    variant: str | None = None
    value_fen: int = 0


@dataclass
class MessageBrand:
    settings: Settings
    app: Any
    folder: Path
    now: dt.datetime = START
    members: dict[str, list[Member]] = field(default_factory=dict)
    caps: dict[str, tuple[int | None, int | None, int | None]] = field(default_factory=dict)
    destinations: str = (
        "wecom_tags,wecom_messages,wecom_group_messages,wecom_moments,subscribe_messages,miniprogram_messages"
    )
    world_people: dict[str, Any] = field(default_factory=dict)

    @property
    def desk(self) -> Any:
        return self.app.state.desk

    def move(self, now: dt.datetime) -> None:
        """Let it be another moment, for the brand and for the platform."""
        self.now = now
        day = now.astimezone(self.settings.zone).date()
        at = int(now.timestamp())
        if self.desk.view.day != day:
            self.desk.show(day, at)
        self.desk.moment = at

    def later(self, **span: float) -> None:
        self.move(self.now + dt.timedelta(**span))

    def customers(self, count: int) -> list[str]:
        """Return customers with active relations now, that stay all the year, by the ids of the warehouse."""
        found = []
        for external, relations in self.desk.view.of_contact.items():
            if all(each.ended_at is None and each.left_at is None for each in relations):
                self.world_people[f"c-{external}"] = relations
                found.append(f"c-{external}")
            if len(found) == count:
                return found
        raise AssertionError(f"the world has only {len(found)} such customers")

    def write_rules(
        self, journeys: list[dict[str, Any]], content: list[dict[str, Any]] | None = None, **policy: Any
    ) -> None:
        whole = yaml.safe_load(POLICY_PATH.read_text(encoding="utf-8"))
        whole["messages"] |= policy
        whole["wecom_tags"]["calls_per_minute"] = 10_000
        for name, value in (("journeys", journeys), ("content", content or CONTENT), ("policy", whole)):
            (self.folder / f"{name}.yml").write_text(
                yaml.safe_dump(value, allow_unicode=True, sort_keys=False)
            )

    def build(self) -> None:
        """Write the warehouse anew."""
        self.settings.warehouse_path.unlink(missing_ok=True)
        self.settings.home.mkdir(exist_ok=True)
        with contextlib.closing(connect(self.settings.warehouse_path)) as db:
            db.execute(_TABLES)
            self._fill(db)

    def _fill(self, db: Any) -> None:
        openids = self._openids()
        rows: dict[str, list[tuple[Any, ...]]] = {}
        known: set[tuple[str, str]] = set()
        for code, members in self.members.items():
            caps = self.caps.get(code, (None, None, None))
            rows.setdefault("marts.segments", []).append(
                (code, code, self.destinations, GROUP, f"{TAG} {code}", 1, *caps)
            )
            for each in members:
                external = each.customer_id.removeprefix("c-")
                treated = not each.is_holdout
                rows.setdefault("marts.segment_members", []).append(
                    (code, each.customer_id, each.entered, each.is_holdout, treated, each.variant)
                )
                known.add((f"external_userid:{external}", each.customer_id))
                relations = self.world_people.get(each.customer_id, [])
                for relation in relations if treated else ():
                    added = dt.datetime.fromtimestamp(relation.created_at, UTC).replace(tzinfo=None)
                    rows.setdefault("activation.act_wecom__receivers", []).append(
                        (code, each.customer_id, relation.userid, external, added, each.value_fen)
                    )
                    rows.setdefault("activation.act_wecom__segment_tags", []).append(
                        (code, GROUP, f"{TAG} {code}", each.customer_id, relation.userid, external)
                    )
                for app, openid in openids.get(external, ()) if treated else ():
                    rows.setdefault("activation.act_wechat__receivers", []).append(
                        (code, each.customer_id, app, openid, None, each.value_fen)
                    )
            ids = {each.customer_id.removeprefix("c-"): each for each in members}
            for chat in self.desk.view.groups.values():
                inside = [
                    ids[m.person.external_userid]
                    for m in chat.members
                    if m.person and m.person.external_userid in ids
                ]
                if any(not each.is_holdout for each in inside):
                    rows.setdefault("activation.act_wecom__group_receivers", []).append(
                        (code, chat.chat_id, chat.owner, 0)
                    )
                rows.setdefault("marts.fct_group_memberships", []).extend(
                    (chat.chat_id, each.customer_id, True) for each in inside
                )
        rows["marts.bridge_customer_identities"] = sorted(known)
        for table, found in rows.items():
            if found:
                columns = [pa.array(values) for values in zip(*found, strict=True)]
                db.register("rows", pa.table(columns, names=[f"c{n}" for n, _ in enumerate(columns)]))
                db.execute(f"insert into {table} select * from rows")

    def _openids(self) -> dict[str, list[tuple[str, str]]]:
        """Return the apps that know a contact, with the openid there; the last is another brand's mini-program."""
        found: dict[str, list[tuple[str, str]]] = {}
        for follower in make_followers(self.desk.world):
            found.setdefault(follower.person.external_userid, []).append(
                ("official_account", follower.openid)
            )
        for person in self.desk.world.people:
            if person.purchases and person.purchases[0] < START.timestamp():
                mine = person.openids[SANDBOX_MINIPROGRAM_APP_ID]
                found.setdefault(person.external_userid, []).extend(
                    [(SANDBOX_MINIPROGRAM_APP_ID, mine), ("wx0000000000000000", f"other{mine[5:]}")]
                )
        return found

    def plan(self, destination: str, segment: str = SEGMENT, mode: str = "live") -> Planned:
        settings = self.settings.model_copy(update={"activation_mode": mode})
        return plan_segment(settings, segment, [destination], as_of=self.now.date())

    def sync(self, destination: str, segment: str = SEGMENT, mode: str = "live") -> ApplyReport:
        """Do what the daily job does with one destination of the segment."""
        settings = self.settings.model_copy(update={"activation_mode": mode})
        planned = self.plan(destination, segment, mode)
        if not planned.plans:
            return ApplyReport(segment, destination, mode, "failed", reason=planned.errors[destination])
        report = apply_plans(settings, [planned.plans[0].plan_id])[0]
        return replace(report, settled=report.settled + planned.settled.get(destination, Counter()))

    def until_settled(self, destination: str, segment: str = SEGMENT, days: int = 6) -> None:
        """Let days pass, with a look at the platform twice a day; nothing new falls due."""
        from activation.reconcile import reconcile

        for _ in range(days * 2):
            self.later(hours=12)
            reconcile(self.settings, segment, destination)

    def arrived(self, kind: str = "single") -> list[tuple[str, str, int, str]]:
        """Return (receiver, userid, second, task) of all that the platform delivered of ours."""
        return Sending(self.desk).deliveries(kind)


_TABLES = """
create schema marts; create schema activation;
create table marts.segments (segment_code varchar, name_zh varchar, destinations varchar, tag_group_name varchar,
    tag_name varchar, rule_version integer, most_members bigint, most_touches bigint, touch_window_days bigint);
create table marts.segment_members (segment_code varchar, customer_id varchar, entered_date date,
    is_holdout boolean, is_treated boolean, variant_code varchar);
create table marts.customer_tags (customer_id varchar, tag_code varchar, tag_value varchar);
create table marts.bridge_customer_identities (identifier_key varchar, customer_id varchar);
create table marts.fct_group_memberships (chat_id varchar, customer_id varchar, is_member boolean);
create table activation.act_wecom__receivers (segment_code varchar, customer_id varchar, userid varchar,
    external_userid varchar, added_at timestamp, value_fen bigint);
create table activation.act_wecom__segment_tags (segment_code varchar, tag_group_name varchar, tag_name varchar,
    customer_id varchar, userid varchar, external_userid varchar);
create table activation.act_wecom__group_receivers (segment_code varchar, chat_id varchar, owner_userid varchar,
    member_count bigint);
create table activation.act_wechat__receivers (segment_code varchar, customer_id varchar, app varchar,
    openid varchar, added_at timestamp, value_fen bigint);
"""


def small_world() -> World:
    return build_world(WorldOptions(seed=7, buyers=300, extra_people=150, shop_orders=50))


@contextlib.contextmanager
def sandbox_served(world: World, folder: Path, **options: Any) -> Iterator[tuple[Any, str]]:
    """Serve a new sandbox in a thread; yield its application and address."""
    app = create_app(world, state_dir=folder, day=START.date(), **options)
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", lifespan="off")
    server = uvicorn.Server(config)
    server.config.timeout_graceful_shutdown = 1
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started:
        assert time.monotonic() < deadline, "the sandbox did not start"
        time.sleep(0.01)
    yield app, f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
    app.state.desk.state.close()


def settings_for(home: Path, base_url: str) -> Settings:
    hosts = {name.removeprefix("SIYU_").lower(): value for name, value in as_environment(base_url).items()}
    return Settings(_env_file=None, home=home, business_timezone=ZONE, first_day="2017-01-01", **hosts)


def strike(base_url: str, *names: str, **numbers: Any) -> None:
    """Switch the sandbox's faults."""
    import httpx

    httpx.post(f"{base_url}/sandbox/faults", json={"names": list(names), **numbers}, trust_env=False)


__all__ = [
    "FaultPlan",
    "Member",
    "MessageBrand",
    "journey",
    "sandbox_served",
    "settings_for",
    "small_world",
    "strike",
]
