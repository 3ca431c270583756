"""A tiny warehouse with one segment, and a fake WeCom that its customers are contacts of."""

from __future__ import annotations

import datetime as dt
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import stamina

sys.path.insert(0, str(Path(__file__).parents[1] / "ingestion"))  # the database servers of the tests there
from fake_wecom import CORP_ID, SECRET, FakeWecom, serving
from message_brand import MessageBrand, sandbox_served, settings_for, small_world

from activation import store
from activation.contracts import ApplyReport
from activation.segments import apply_plans, plan_segment
from common.settings import Settings
from common.warehouse import connect
from sandbox.world import World

AS_OF = dt.date(2026, 3, 1)


@dataclass
class Brand:
    """Writes the payload tables; ``members`` is {customer_id: [(userid, external_userid), ...]}."""

    settings: Settings
    wecom: FakeWecom
    code: str = "dormant"
    name_zh: str = "沉睡客户"
    group: str = "Siyu 生命周期"
    tag: str = "沉睡90天"
    members: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    holdouts: set[str] = field(default_factory=set)
    spend: dict[str, int] = field(default_factory=dict)
    leak_holdouts: bool = False
    tier: str = "gold"

    def with_customers(self, count: int) -> None:
        self.members = {f"c{n:03d}": [(f"staff{n % 3}", f"wm{n:03d}")] for n in range(count)}
        self.wecom.relations |= {pair for pairs in self.members.values() for pair in pairs}

    def build(self) -> None:
        self.settings.warehouse_path.unlink(missing_ok=True)
        self.settings.home.mkdir(exist_ok=True)
        db = connect(self.settings.warehouse_path)
        db.execute("create schema marts; create schema activation")
        db.execute(
            """create table marts.segments as select ? as segment_code, ? as name_zh, '' as description_zh,
            'crm' as owner, 'wecom_tags,file_export,webhook,postgresql_table' as destinations,
            ? as tag_group_name, ? as tag_name,
            0.1 as holdout_ratio, 1 as rule_version""",
            [self.code, self.name_zh, self.group, self.tag],
        )
        db.execute("""create table marts.segment_members (segment_code varchar, customer_id varchar,
            entered_date date, is_holdout boolean)""")
        db.execute("""create table activation.act_wecom__segment_tags (segment_code varchar,
            tag_group_name varchar, tag_name varchar, customer_id varchar, userid varchar,
            external_userid varchar)""")
        db.execute("""create table activation.act_file__segment_members (segment_code varchar,
            segment_name_zh varchar, customer_id varchar, customer_no bigint, entered_date date,
            tier_code varchar, order_count bigint, net_spend_fen bigint)""")
        db.execute("""create table activation.act_tools__segment_members (segment_code varchar,
            customer_id varchar, customer_no bigint, entered_date date, tier_code varchar)""")
        db.execute(
            "create table marts.bridge_customer_identities (identifier_key varchar, customer_id varchar)"
        )
        for customer, pairs in self.members.items():
            for _, external in pairs:
                key = f"external_userid:{external}"
                db.execute("insert into marts.bridge_customer_identities values (?, ?)", [key, customer])
            held = customer in self.holdouts
            db.execute(
                "insert into marts.segment_members values (?, ?, ?, ?)", [self.code, customer, AS_OF, held]
            )
            if held and not self.leak_holdouts:
                continue
            for userid, external in pairs:
                row = [self.code, self.group, self.tag, customer, userid, external]
                db.execute("insert into activation.act_wecom__segment_tags values (?, ?, ?, ?, ?, ?)", row)
            row = [
                self.code,
                self.name_zh,
                customer,
                int(customer[1:]),
                AS_OF,
                self.tier,
                2,
                self.spend.get(customer, 12345),
            ]
            db.execute(
                "insert into activation.act_file__segment_members values (?, ?, ?, ?, ?, ?, ?, ?)", row
            )
            member = [self.code, customer, int(customer[1:]), AS_OF, self.tier]
            db.execute("insert into activation.act_tools__segment_members values (?, ?, ?, ?, ?)", member)
        db.close()

    def sync(
        self, destination: str = "wecom_tags", mode: str = "live", as_of: dt.date = AS_OF
    ) -> ApplyReport:
        """Do what the daily job does with one destination of the segment."""
        settings = self.settings.model_copy(update={"activation_mode": mode})
        planned = plan_segment(settings, self.code, [destination], as_of=as_of)
        if not planned.plans:
            error = planned.errors[destination]
            status = "busy" if error.startswith("ApplierBusyError") else "failed"
            return ApplyReport(self.code, destination, mode, status, reason=error)
        report = apply_plans(settings, [planned.plans[0].plan_id])[0]
        return replace(report, settled=report.settled + planned.settled.get(destination, Counter()))

    def tagged(self) -> set[str]:
        """Customers (external_userid) that carry the tag now, by the fake's own state."""
        return {
            pair[1] for pair in list(self.wecom.marked) if (self.group, self.tag) in self.wecom.tags_of(pair)
        }


@pytest.fixture(scope="session")
def served_wecom() -> Iterator[FakeWecom]:
    with serving(FakeWecom()) as fake:
        yield fake


@pytest.fixture
def brand(served_wecom: FakeWecom, tmp_path: Path) -> Iterator[Brand]:
    served_wecom.reset()
    settings = Settings(
        _env_file=None,
        home=tmp_path / "home",
        wecom_base_url=served_wecom.base_url,
        wecom_corp_id=CORP_ID,
        wecom_secret=SECRET,
    )
    with stamina.set_testing(True, attempts=3):  # no waiting between attempts
        yield Brand(settings, served_wecom)


@pytest.fixture(scope="session")
def message_world() -> World:
    return small_world()


@pytest.fixture
def message_brand(
    message_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MessageBrand]:
    """A brand with a sandbox of its own; its clock stands until it is moved."""
    with sandbox_served(message_world, tmp_path / "sandbox") as (app, base_url):
        brand = MessageBrand(settings_for(tmp_path / "home", base_url), app, tmp_path)
        for module, name in (
            ("activation.messages.journeys.JOURNEYS_PATH", "journeys.yml"),
            ("activation.messages.content.CONTENT_PATH", "content.yml"),
            ("activation.policy.POLICY_PATH", "policy.yml"),
        ):
            monkeypatch.setattr(module, tmp_path / name)
        monkeypatch.setattr("activation.messages.moment.utc_now", lambda: brand.now)
        brand.write_rules([])
        brand.move(brand.now)
        with stamina.set_testing(True, attempts=10):  # the faults may strike a token, then the call
            yield brand


@pytest.fixture
def killed_before_its_answers_are_written(
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[], AbstractContextManager[None]]:
    """Wraps a sync that dies when the first answer of the destination is to be written down."""
    write = store.write_receipts

    def lost(*arguments, settled_by, **options):
        if settled_by == "answer":
            raise KeyboardInterrupt
        return write(*arguments, settled_by=settled_by, **options)

    @contextmanager
    def killed() -> Iterator[None]:
        with monkeypatch.context() as patched:
            patched.setattr(store, "write_receipts", lost)
            with pytest.raises(KeyboardInterrupt):
                yield

    return killed
