"""What every destination of a set promises, proved the same way for each of them; of messages see
``test_message_conformance.py``.

A new destination joins by one more ``Place``: how to look at it from outside, and how to make it misbehave.
"""

from __future__ import annotations

import csv
import datetime as dt
import errno
import json
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from conftest import Brand
from lossy_postgresql import lossy
from pydantic import SecretStr
from servers import postgresql
from webhook_receiver import SECRET, Receiver, receiving

from activation import log, plans, store
from activation.audit import NotObservableError, audit
from activation.contracts import Order
from activation.destinations import MESSAGE_NAMES, NAMES, build
from activation.ledger import Ledger
from activation.policy import load_policy

AS_OF = dt.date(2026, 3, 1)


# What the ledger says of a row that was hit by a fault, at a destination that answers over a wire.
HIT_BY = {"refused": "refused", "lost_before": "in_doubt", "lost_after": "in_doubt"}


@dataclass
class Place:
    """One destination under test: ``members`` looks from outside.

    ``faults`` maps a fault to how it is set; setting it gives what lifts it, or None when it passes by itself.
    """

    name: str
    brand: Brand
    members: Callable[[], set[str]]
    calls: Callable[[], int]
    add_foreign: Callable[[], Callable[[], bool]]
    faults: dict[str, Callable[[], Callable[[], None] | None]]
    hit_by: dict[str, str] = field(default_factory=lambda: dict(HIT_BY))

    def sync(self, **options: Any) -> Any:
        return self.brand.sync(self.name, **options)


@pytest.fixture(scope="module")
def receiver():
    with receiving(Receiver()) as running:
        yield running


@pytest.fixture(scope="module")
def database():
    """The URL of a server, and a proxy in front of it that loses commits."""
    with postgresql() as url:
        with psycopg.connect(url) as db:
            path = f"{db.info.host}/.s.PGSQL.{db.info.port}"
        with lossy(path) as proxy:
            yield url, proxy


@pytest.fixture(params=sorted(set(NAMES) - set(MESSAGE_NAMES)))
def place(request, brand):
    maker = PLACES[request.param]
    return maker(brand, request)


def tags(brand, request):
    brand.wecom.groups = {"会员等级": {"金卡": "et-gold"}}

    def add_foreign():
        brand.wecom.marked["staff0", "wm000"].add("et-gold")
        return lambda: "et-gold" in brand.wecom.marked["staff0", "wm000"]

    pair = ("staff0", "wm000")
    return Place(
        "wecom_tags",
        brand,
        lambda: {f"c{external[2:]}" for external in brand.tagged()},
        lambda: sum(brand.wecom.calls.values()),
        add_foreign,
        {
            "lost_after": lambda: brand.wecom.faults[pair].append("lost_after"),
            "lost_before": lambda: brand.wecom.faults[pair].append("lost_before"),
            "refused": lambda: brand.wecom.faults[pair].append("40097"),
        },
    )


def files(brand, request):
    folder = brand.settings.exports_dir

    def members():
        found = sorted((folder / brand.code).glob("*.csv"))
        if not found:
            return set()
        with found[-1].open(encoding="utf-8-sig", newline="") as lines:
            return {row["customer_id"] for row in csv.DictReader(lines)}

    def add_foreign():
        other = folder / "others" / "own.csv"
        other.parent.mkdir(parents=True)
        other.write_text("mine")
        return lambda: other.read_text() == "mine"

    def calls():
        return len(list(folder.rglob("*.csv"))) if folder.exists() else 0

    def refuse():
        """Something else stands in the place of the file."""
        place = folder / brand.code / f"{AS_OF}.csv"
        place.mkdir(parents=True)
        return place.rmdir

    def fail_once(is_kind):
        """The disk fails to confirm a file, or a folder after the file was moved there."""

        def set_fault():
            confirm, waiting = os.fsync, [errno.EIO]

            def fsync(descriptor):
                name = os.readlink(f"/proc/self/fd/{descriptor}")
                if waiting and name.startswith(str(folder)) and is_kind(os.fstat(descriptor).st_mode):
                    raise OSError(waiting.pop(), "the disk does not answer")
                confirm(descriptor)

            request.getfixturevalue("monkeypatch").setattr(os, "fsync", fsync)

        return set_fault

    faults = {
        "refused": refuse,
        "lost_before": fail_once(stat.S_ISREG),
        "lost_after": fail_once(stat.S_ISDIR),
    }
    # A file that is not in its place is certain not to be: nobody else could have put it there.
    hit_by = HIT_BY | {"refused": "not_sent", "lost_before": "not_sent"}
    return Place("file_export", brand, members, calls, add_foreign, faults, hit_by)


def webhook(brand, request):
    receiver = request.getfixturevalue("receiver")
    receiver.reset()
    brand.settings.webhook_url, brand.settings.webhook_secret = receiver.url, SecretStr(SECRET)

    def add_foreign():
        receiver.members["others", "x"] = {}
        return lambda: ("others", "x") in receiver.members

    return Place(
        "webhook",
        brand,
        lambda: {customer for code, customer in receiver.members if code == brand.code},
        lambda: receiver.calls,
        add_foreign,
        {
            "lost_after": lambda: receiver.faults.append("lost_after"),
            "lost_before": lambda: receiver.faults.append("lost_before"),
            "refused": lambda: receiver.faults.append("422"),
        },
    )


def table(brand, request):
    url, proxy = request.getfixturevalue("database")
    proxy.fault = None
    through = url.replace("@/", f"@127.0.0.1:{proxy.port}/").split("?")[0] + "?sslmode=disable"
    brand.settings.segments_database_url = SecretStr(through)
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("drop table if exists siyu_segment_members, others")

    def ask(query):
        with psycopg.connect(url, autocommit=True) as db:
            exists = db.execute("select to_regclass('siyu_segment_members')").fetchone()[0]
            return db.execute(query).fetchall() if exists else []

    def add_foreign():
        with psycopg.connect(url, autocommit=True) as db:
            db.execute("create table others as select 1 as mine")
        return lambda: ask("select mine from others") == [(1,)]

    def refuse():
        """A constraint of the brand's own refuses one of the rows."""
        build("postgresql_table", brand.settings, load_policy()).prepare(None, {})
        with psycopg.connect(url, autocommit=True) as db:
            db.execute("alter table siyu_segment_members add constraint own check (customer_id <> 'c002')")

        def lift():
            with psycopg.connect(url, autocommit=True) as db:
                db.execute("alter table siyu_segment_members drop constraint own")

        return lift

    def lose(fault):
        def set_fault():
            proxy.fault, lost = fault, proxy.lost

            def check():
                assert proxy.lost == lost + 1

            return check

        return set_fault

    return Place(
        "postgresql_table",
        brand,
        lambda: {row[0] for row in ask("select customer_id from siyu_segment_members")},
        lambda: len(ask("select 1 from siyu_segment_members")),
        add_foreign,
        {"refused": refuse, "lost_before": lose("lost_before"), "lost_after": lose("lost_after")},
    )


PLACES = {"wecom_tags": tags, "file_export": files, "webhook": webhook, "postgresql_table": table}


def customers(numbers):
    return {f"c{n:03d}" for n in numbers}


def test_every_destination_is_proved():
    assert PLACES.keys() == set(NAMES) - set(MESSAGE_NAMES)


def test_what_should_be_there_is_there_and_nothing_is_sent_twice(place):
    place.brand.with_customers(30)
    place.brand.build()
    report = place.sync()
    assert (report.status, report.outcomes) == ("sent", {"sent": 30})
    assert place.members() == customers(range(30))
    calls = place.calls()
    again = place.sync()
    assert (again.plan.rows, again.plan.unchanged, place.calls()) == (0, 30, calls)
    del place.brand.members["c007"]
    place.brand.members["c030"] = [("staff0", "wm030")]
    place.brand.wecom.relations.add(("staff0", "wm030"))
    place.brand.build()
    report = place.sync()
    assert (report.plan.adds, report.plan.removes, report.outcomes) == (1, 1, {"sent": 2})
    assert place.members() == customers(range(31)) - {"c007"}


def test_a_dry_run_leaves_no_trace(place):
    place.brand.with_customers(5)
    place.brand.build()
    assert place.sync(mode="dry_run").plan.adds == 5
    assert (place.members(), place.calls()) == (set(), 0)


def test_holdouts_are_never_there(place):
    place.brand.with_customers(6)
    place.brand.holdouts, place.brand.leak_holdouts = {"c001"}, True
    place.brand.build()
    assert place.sync().plan.held == {"holdout": 1}
    assert place.members() == customers({0, 2, 3, 4, 5})
    place.brand.holdouts.add("c002")
    place.brand.build()
    place.sync()
    assert place.members() == customers({0, 3, 4, 5})


def test_a_changed_value_is_a_change_and_not_an_addition(place):
    place.brand.with_customers(4)
    place.brand.build()
    place.sync()
    place.brand.tier, place.brand.tag = "platinum", "沉睡180天"
    place.brand.build()
    report = place.sync()
    assert (report.plan.changes, report.plan.adds, report.outcomes) == (4, 0, {"sent": 4})
    assert place.sync().plan.rows == 0


def test_every_row_gets_one_receipt_even_when_it_is_sent_twice(place):
    place.brand.with_customers(7)
    place.brand.build()
    plan = plans.make_plan(place.brand.settings, place.brand.code, place.name, as_of=AS_OF)
    changes = plans.sample(place.brand.settings, plan.plan_id, limit=100)
    target = build(place.name, place.brand.settings, load_policy())
    with Ledger(place.brand.settings) as book, book.reading() as db:
        order = Order(store.segment_of(db, plan.plan_id), AS_OF, Members(changes), plan.plan_id)
    target.prepare(order, {"add": 7, "change": 0, "remove": 0})
    for _ in range(2):
        receipts = list(target.send(order, changes))
        assert sorted(each.row_key for each in receipts) == sorted(each.row_key for each in changes)
        assert {str(each.outcome) for each in receipts} == {"sent"}
        assert set(map(str, target.read_back(order, changes).values())) == {"in_effect"}
    target.close()
    assert place.members() == customers(range(7))


class Members(list):
    """The members of an order, from its changes."""

    def __init__(self, changes):
        super().__init__(each.values for each in changes)


@pytest.mark.parametrize("fault", sorted(HIT_BY))
def test_a_fault_leaves_a_receipt_and_later_runs_make_it_good(place, fault):
    place.brand.with_customers(6)
    place.brand.build()
    lift = place.faults[fault]()
    first = place.sync()
    assert sum(first.outcomes.values()) == 6
    assert first.outcomes[place.hit_by[fault]] >= 1
    if lift is not None:
        lift()
    for _ in range(3):
        place.sync()
    assert place.members() == customers(range(6))
    assert log.summary(place.brand.settings)[0].in_doubt == 0
    assert {row["outcome"] for row in log.sync_log(place.brand.settings).to_pylist()} <= {
        "sent",
        "refused",
        "not_sent",
    }


def test_receipts_that_were_never_written_are_settled(place, killed_before_its_answers_are_written):
    place.brand.with_customers(6)
    place.brand.build()
    with killed_before_its_answers_are_written():
        place.sync()
    del place.brand.members["c003"]  # the world went on meanwhile
    place.brand.build()
    place.sync()
    place.sync()
    assert place.members() == customers(range(6)) - {"c003"}
    assert log.summary(place.brand.settings)[0].in_doubt == 0


def test_what_it_holds_can_be_read_back_or_it_says_that_it_cannot(place):
    place.brand.with_customers(4)
    place.brand.build()
    place.sync()
    try:
        assert audit(place.brand.settings, place.brand.code, place.name).agrees
    except NotObservableError:
        assert place.name == "webhook"


def test_what_is_not_ours_stays(place):
    is_untouched = place.add_foreign()
    place.brand.with_customers(3)
    place.brand.build()
    place.sync()
    place.brand.members.clear()
    place.brand.build()
    place.sync()
    assert is_untouched()
    assert place.members() == set()


def test_secrets_are_in_no_receipt_and_not_in_the_ledger(place):
    place.brand.with_customers(3)
    place.faults["lost_before"]()
    place.brand.build()
    told = str(place.sync()) + json.dumps(log.sync_log(place.brand.settings).to_pylist(), default=str)
    assert "planted" not in told + place.brand.settings.ledger_path.read_bytes().decode("latin-1")


def test_an_estimate_counts_calls_and_minutes(place):
    target = build(place.name, place.brand.settings, load_policy())
    nothing, much = target.estimate(0), target.estimate(100_000)
    assert (nothing.calls, nothing.minutes) == (0, 0)
    assert much.calls >= 0
    assert much.minutes >= 0
