"""Money, phones and days at their edges."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.clock import UTC, business_date, day_bounds
from common.money import MoneyError, fen_to_fen, yuan_to_fen
from common.pii import normalise_phone, phone_hmac, pii_key
from common.redact import redact
from common.settings import Settings

KEY = b"k" * 32


@given(st.integers(-(10**12), 10**12))
def test_money__survives_yuan_and_back(fen: int) -> None:
    assert yuan_to_fen(str(Decimal(fen) / 100)) == fen
    assert fen_to_fen(str(fen)) == fen


@pytest.mark.parametrize(
    ("text", "fen"), [("19.99", 1999), ("1.15", 115), ("¥1,234.50", 123450), ("-0.01", -1)]
)
def test_money__is_exact(text: str, fen: int) -> None:
    assert yuan_to_fen(text) == fen


@pytest.mark.parametrize("text", ["", "abc", "1.234", "12,50", "nan", "inf", "1e400000"])
def test_money__refuses_what_is_not_exact(text: str) -> None:
    with pytest.raises(MoneyError, match="expected yuan"):
        yuan_to_fen(text)


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("138 0000 0001", "13800000001"),
        ("+86 13800000001", "13800000001"),
        ("008613800000001", "13800000001"),
        ("138****0001", None),
        ("18400000000-1234", None),
        ("0571-88888888", None),
        ("1380000000", None),
        (None, None),
    ],
)
def test_phone__is_normalised_or_nobody(text: str | None, phone: str | None) -> None:
    assert normalise_phone(text) == phone


def test_phone_hmac__is_keyed() -> None:
    one = phone_hmac("13800000001", KEY)
    assert one == phone_hmac("+86 138-0000-0001", KEY)
    assert one != phone_hmac("13800000001", b"j" * 32)
    assert phone_hmac("138****0001", KEY) is None


def test_pii_key__is_made_once_per_home_and_private(tmp_path) -> None:
    settings = Settings(_env_file=None, home=tmp_path)
    key = pii_key(settings)
    assert key == pii_key(settings)
    assert (tmp_path / "secrets" / "pii.key").stat().st_mode & 0o077 == 0
    with pytest.raises(ValueError, match="at least 32 bytes"):
        pii_key(Settings(_env_file=None, home=tmp_path, pii_key="short"))


def test_business_day__turns_over_at_shanghai_midnight() -> None:
    zone = ZoneInfo("Asia/Shanghai")
    assert business_date(dt.datetime(2026, 1, 1, 15, 59, 59, tzinfo=UTC), zone) == dt.date(2026, 1, 1)
    assert business_date(dt.datetime(2026, 1, 1, 16, tzinfo=UTC), zone) == dt.date(2026, 1, 2)
    with pytest.raises(ValueError, match="aware"):
        business_date(dt.datetime(2026, 1, 1), zone)


def test_day_bounds__know_daylight_saving() -> None:
    start, end = day_bounds(dt.date(2017, 3, 12), ZoneInfo("America/New_York"))
    assert end - start == dt.timedelta(hours=23)


def test_redact__hides_what_urls_carry() -> None:
    text = redact("GET https://host/cgi-bin/gettoken?corpid=ww1&corpsecret=abc and access_token=xyz")
    assert "abc" not in text
    assert "xyz" not in text
