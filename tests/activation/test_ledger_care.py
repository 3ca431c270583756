"""An older ledger becomes the present one with everything in it; old receipts move to files and none is lost."""

from __future__ import annotations

import datetime as dt
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from activation import archive, log, migrations, overrides
from activation.archive import prune
from activation.consent import denied_keys
from activation.contracts import Channel
from activation.ledger import Ledger, LedgerError
from activation.tables import FORMAT, archives, deliveries, facts, metadata, plan_parts, plans
from common.clock import utc_now

OLD = Path(__file__).parents[1] / "data" / "ledger_format_2.sql"
DAY_OF_OLD = "2026-11-22"


@pytest.fixture
def old(brand):
    """A ledger as the code of format 2 left it: 5 rows added (one refused), one taken away, one opted out.

    It is from yesterday, whenever the tests run: a refusal of `relation_ended` is tried again after some days.
    """
    brand.settings.home.mkdir()
    yesterday = f"{utc_now() - dt.timedelta(days=1):%Y-%m-%d}"
    with closing(sqlite3.connect(brand.settings.ledger_path)) as db:
        db.executescript(OLD.read_text(encoding="utf-8").replace(DAY_OF_OLD, yesterday))
    return brand


def test_an_older_ledger_is_brought_up_and_kept_beside_itself(old):
    with Ledger(old.settings) as book, book.reading() as db:
        assert migrations.format_of(db) == FORMAT
        assert set(sa.inspect(db).get_table_names()) == set(metadata.tables)
        assert denied_keys(db, Channel.WECOM) == ["external_userid:wm003"]
    rows = log.sync_log(old.settings).to_pylist()
    assert [row["outcome"] for row in rows].count("sent") == 5
    assert len(rows) == 6
    assert log.state(old.settings).num_rows == 3
    copy = old.settings.ledger_path.with_name("ledger.sqlite.format-2")
    with closing(sqlite3.connect(copy)) as db:
        assert db.execute("select value from facts where name = 'format'").fetchone() == ("2",)
        assert db.execute("select count(*) from deliveries").fetchone() == (6,)
    before = copy.stat().st_mtime_ns
    with Ledger(old.settings):
        pass
    assert copy.stat().st_mtime_ns == before


def test_an_older_ledger_goes_on_where_it_was(old):
    old.with_customers(5)
    old.wecom.relations.discard(("staff2", "wm002"))
    for n in (0, 3, 4):
        old.wecom.marked[f"staff{n % 3}", f"wm{n:03d}"].add("et-1")
    old.wecom.groups = {old.group: {old.tag: "et-1"}}
    del old.members["c001"]
    old.build()
    report = old.sync()
    assert (report.plan.adds, report.plan.removes, report.plan.unchanged) == (0, 1, 2)
    assert report.plan.held == {"opted_out": 1, "relation_ended": 1}


@pytest.mark.parametrize("kept", ["1", "99"])
def test_a_ledger_that_cannot_be_followed_is_refused_and_stays_as_it_is(old, kept):
    with Ledger(old.settings) as book, book.writing() as db:
        db.execute(sa.update(facts).values(value=kept))
    with pytest.raises(LedgerError, match=f"expected format {FORMAT}, got {kept}"):
        Ledger(old.settings)
    with closing(sqlite3.connect(old.settings.ledger_path)) as db:
        assert db.execute("select value from facts").fetchone() == (kept,)


def test_a_step_that_fails_leaves_the_older_ledger(old, monkeypatch):
    def fail(db):
        db.execute(sa.text("create table half_done (x int)"))
        raise RuntimeError("the disk is full")

    monkeypatch.setitem(migrations.STEPS, "2", ("3", fail))
    with pytest.raises(RuntimeError):
        Ledger(old.settings)
    with closing(sqlite3.connect(old.settings.ledger_path)) as db:
        assert db.execute("select value from facts").fetchone() == ("2",)
        assert not db.execute("select 1 from sqlite_master where name = 'half_done'").fetchall()


def age(brand, days):
    """Let everything have happened so many days earlier."""
    with Ledger(brand.settings) as book, book.writing() as db:
        for table, names in (
            (plans, ["created_at", "finished_at"]),
            (deliveries, ["intent_at", "receipt_at"]),
        ):
            keys = list(table.primary_key.columns)
            for row in db.execute(sa.select(table)).mappings().all():
                earlier = {name: row[name] - dt.timedelta(days=days) for name in names if row[name]}
                mine = sa.and_(*(key == row[key.name] for key in keys))
                db.execute(sa.update(table).where(mine).values(**earlier))


def count(brand, table):
    with Ledger(brand.settings) as book, book.reading() as db:
        return db.execute(sa.select(sa.func.count()).select_from(table)).scalar()


@pytest.fixture
def sent(brand):
    """30 rows sent long ago, and lately one taken away and one in doubt."""
    brand.with_customers(30)
    brand.build()
    brand.sync()
    age(brand, 100)
    del brand.members["c001"]
    brand.members["c030"] = [("staff0", "wm030")]
    brand.wecom.relations.add(("staff0", "wm030"))
    brand.wecom.faults["staff0", "wm030"].append("lost_after")
    brand.build()
    assert brand.sync().outcomes == {"sent": 1, "in_doubt": 1}
    return brand


def test_the_log_is_whole_after_pruning_and_nothing_is_sent_again(sent):
    before, there = log.sync_log(sent.settings), log.state(sent.settings)
    done = prune(sent.settings, keep_days=62)
    assert (done.receipts, done.plans) == (30, 1)
    assert (count(sent, deliveries), count(sent, plan_parts), count(sent, plans)) == (2, 1, 2)
    assert log.sync_log(sent.settings).equals(before)
    assert log.state(sent.settings).equals(there)
    assert log.sync_runs(sent.settings).num_rows == 2
    again = prune(sent.settings, keep_days=62)
    assert (again.receipts, again.archive_id) == (0, None)
    report = sent.sync()
    assert (report.plan.rows, report.settled) == (0, {"sent": 1})
    age(sent, 100)
    assert prune(sent.settings, keep_days=62).receipts == 2
    assert log.sync_log(sent.settings).num_rows == 32
    assert len(list(sent.settings.ledger_archive_dir.iterdir())) == 2


def test_what_is_in_doubt_stays_however_old(sent):
    age(sent, 1000)
    assert prune(sent.settings, keep_days=62).receipts == 30
    assert log.summary(sent.settings)[0].in_doubt == 1


def test_a_pruning_that_dies_loses_and_doubles_nothing(sent, monkeypatch):
    before = log.sync_log(sent.settings)

    def die(path):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(archive, "_sha256", die)
        with pytest.raises(KeyboardInterrupt):
            prune(sent.settings, keep_days=62)
    assert len(list(sent.settings.ledger_archive_dir.iterdir())) == 1
    assert log.sync_log(sent.settings).equals(before)
    prune(sent.settings, keep_days=62)
    assert len(list(sent.settings.ledger_archive_dir.iterdir())) == 1, "what nobody lists is cleared away"
    assert log.sync_log(sent.settings).equals(before)


def test_an_archive_that_is_gone_or_altered_is_told(sent):
    prune(sent.settings, keep_days=62)
    [path] = sent.settings.ledger_archive_dir.iterdir()
    content = path.read_bytes()
    path.write_bytes(content + b"x")
    with pytest.raises(LedgerError, match="was altered"):
        log.sync_log(sent.settings)
    path.unlink()
    with pytest.raises(LedgerError, match="copy it there"):
        log.sync_log(sent.settings)
    path.write_bytes(content)
    assert log.sync_log(sent.settings).num_rows == 32
    assert count(sent, archives) == 1


def test_two_months_stay(sent):
    with pytest.raises(ValueError, match="expected 62 or more, got 61"):
        prune(sent.settings, keep_days=61)


def test_an_override_is_for_exactly_one_payload_and_ends(brand, monkeypatch):
    brand.build()
    made = overrides.grant(
        brand.settings, "dormant", "s", "digest-1", verdict="2 rows", by="lin", reason="checked by hand"
    )
    assert overrides.find(brand.settings, "dormant", "digest-1") == made
    assert overrides.find(brand.settings, "dormant", "digest-2") is None
    assert overrides.find(brand.settings, "other", "digest-1") is None
    with pytest.raises(overrides.OverrideError, match="who overrides"):
        overrides.grant(brand.settings, "dormant", "s", "digest-1", verdict="", by=" ", reason="x")
    late = utc_now() + dt.timedelta(hours=25)
    monkeypatch.setattr(overrides, "utc_now", lambda: late)
    assert overrides.find(brand.settings, "dormant", "digest-1") is None
    [row] = log.public_tables(brand.settings)["gate_overrides"].to_pylist()
    assert (row["granted_by"], row["reason"], row["verdict"]) == ("lin", "checked by hand", "2 rows")
