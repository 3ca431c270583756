"""Typed settings: the only reader of the environment.

Every variable has the prefix ``SIYU_`` and may stand in a ``.env`` file. ``.env.example`` lists them all.
"""

from __future__ import annotations

import datetime as dt
import os
from functools import cached_property
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from common.redact import keep_secret

PROJECT_ROOT = Path(__file__).resolve().parent.parent
DBT_PROJECT_DIR = PROJECT_ROOT / "dbt_project"


class Settings(BaseSettings):
    """All settings of one Siyu home. Paths are absolute; instants are UTC; secrets are ``SecretStr``."""

    model_config = SettingsConfigDict(env_prefix="SIYU_", env_file=".env", extra="ignore", frozen=False)

    home: Path = Field(default=Path("var"), description="Folder that holds every store")
    secrets_dir: Path | None = Field(
        default=None, description="Folder with one file per secret, named like its variable"
    )
    business_timezone: str = Field(default="Asia/Shanghai", description="Time zone of business days")
    first_day: dt.date = Field(
        default=dt.date(2026, 1, 1), description="First business day to fetch from windowed APIs"
    )
    last_day: dt.date | None = Field(
        default=None,
        description="Last business day there is data for; without it yesterday (the demo's is 2017)",
    )
    schedules: bool = Field(
        default=False, description="Start the daily schedule and the sensors by themselves"
    )
    catchup_days: int = Field(default=35, description="How many missed days the catch-up sensor looks back")
    warehouse_memory: str | None = Field(
        default=None,
        pattern=r"^[0-9]+(MB|GB|MiB|GiB)$",
        description="Most memory DuckDB may use in a run, like 12GB, before it spills to disk; without it 80% of all",
    )
    max_runtime_seconds: int = Field(default=7200, description="A run older than this is ended")

    complete_journey: bool = Field(
        default=False, description="Load the Complete Journey orders as the mini-program orders (demo)"
    )

    sandbox: bool = Field(
        default=False,
        description="Talk to a local sandbox, started with each command, instead of the real hosts",
    )
    sandbox_buyers: int | None = Field(
        default=None, description="How many households the sandbox's world takes; empty for all"
    )

    wecom_base_url: str = "https://qyapi.weixin.qq.com"
    wecom_corp_id: str | None = None
    wecom_secret: SecretStr | None = None
    wechat_base_url: str = "https://api.weixin.qq.com"
    shop_app_id: str | None = None
    shop_secret: SecretStr | None = None
    finder_app_id: str | None = None
    finder_secret: SecretStr | None = None
    official_app_id: str | None = None
    official_secret: SecretStr | None = None
    miniprogram_app_id: str | None = None
    miniprogram_secret: SecretStr | None = None
    payments_rescan_days: int = Field(
        default=45, ge=0, description="How many days of mini-program payments are read again each time"
    )
    payments_window_days: int = Field(
        default=1, ge=1, description="Days of payments asked for in one window; the limit is not documented"
    )
    payments_page_size: int = Field(
        default=100, ge=1, description="Payments a page; the platform's limit is not documented"
    )
    wecom_callback_token: SecretStr | None = None
    wecom_callback_aes_key: SecretStr | None = Field(
        default=None, description="EncodingAESKey, 43 characters"
    )
    shop_callback_token: SecretStr | None = None
    shop_callback_aes_key: SecretStr | None = Field(default=None, description="EncodingAESKey, 43 characters")
    official_callback_token: SecretStr | None = None
    official_callback_aes_key: SecretStr | None = Field(
        default=None, description="EncodingAESKey, 43 characters"
    )
    api_calls_per_minute: int = Field(default=2000, ge=1, description="Calls a minute to one API of one app")
    api_calls_per_hour: int = Field(default=150_000, ge=1, description="Calls an hour to one API of one app")
    api_quota_wait_minutes: int = Field(
        default=0, ge=0, description="Wait so long once when a quota longer than a minute is used up; 0: fail"
    )

    orders_database_url: SecretStr | None = Field(
        default=None, description="The shop's own database: postgresql:// or mysql://, with its password"
    )
    orders_database_mapping: Path | None = Field(
        default=None, description="YAML that says how the database fills orders, order_lines, members"
    )

    youzan_base_url: str = "https://open.youzanyun.com"
    youzan_client_id: str | None = None
    youzan_client_secret: SecretStr | None = None
    youzan_kdt_id: str | None = Field(default=None, description="The shop (店铺); of a chain, the branch")
    youzan_trades_version: str = "4.0.4"
    youzan_amount_unit: Literal["yuan", "yuan_or_whole", "fen"] = Field(
        default="yuan",
        description="yuan: with decimals, others are refused; yuan_or_whole: 99 is 99 yuan; fen: 9900",
    )
    youzan_window_field: Literal["update", "created"] = Field(
        default="update", description="Whether trades are asked for by their change or their creation"
    )
    youzan_window_hours: int = Field(default=24, ge=1, description="Longest window of one question")
    youzan_page_size: int = Field(default=100, ge=1)
    youzan_most_results: int = Field(
        default=5000, ge=1, description="A window with more trades is halved: deep pages are not given"
    )
    youzan_reread_days: int = Field(
        default=30, ge=0, description="By creation only: how far back trades may still change"
    )

    scan_shrink_limit: float = Field(
        default=0.3, ge=0, le=1, description="A full scan that lacks more of what is known than this is held"
    )
    scan_shrink_rows: int = Field(
        default=20, ge=0, description="As long as not more records than this are gone, it is not held"
    )

    contact_details_per_run: int = Field(
        default=5000,
        ge=0,
        description="How many WeCom contacts to read one by one in a run, oldest change first",
    )
    group_reread_days: int = Field(
        default=0, ge=0, description="Read a WeCom group's members again after so many days; 0: at every run"
    )
    statistics_reread_days: int = Field(
        default=3, ge=1, description="Days of WeCom statistics that are read again: they settle late"
    )
    mass_message_reread_days: int = Field(
        default=7, ge=1, description="Read results of mass messages again until they are so many days old"
    )
    moment_reread_days: int = Field(
        default=7,
        ge=1,
        description="Read likes and comments of moments again until they are so many days old",
    )

    activation_mode: str = Field(default="dry_run", description="dry_run or live")
    ledger_url: SecretStr | None = Field(
        default=None, description="The ledger on PostgreSQL, postgresql://…; without it SQLite in the home"
    )
    webhook_url: str | None = Field(
        default=None, description="Where the destination webhook posts the changes of segments"
    )
    webhook_secret: SecretStr | None = Field(
        default=None, description="Key that the receiver checks the webhook's signature with"
    )
    segments_database_url: SecretStr | None = Field(
        default=None, description="The destination postgresql_table: postgresql:// with its password"
    )
    handoff_key: SecretStr | None = Field(
        default=None, description="Key of the keyed ids in hand-off files, at least 32 bytes"
    )
    alert_webhook: SecretStr | None = Field(
        default=None,
        description="WeCom group robot (群机器人) that is told of failed runs and held segments: its whole address",
    )
    pii_key: SecretStr | None = Field(default=None, description="Key of the phone HMAC, at least 32 bytes")
    draw_key: SecretStr | None = Field(
        default=None, description="Key of holdouts and A/B splits; empty: it follows from that of the phones"
    )

    @field_validator("home")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().resolve()

    @field_validator("business_timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"expected an IANA time zone like Asia/Shanghai, got {value!r}") from error
        return value

    @field_validator("activation_mode")
    @classmethod
    def _known_mode(cls, value: str) -> str:
        if value not in ("dry_run", "live"):
            raise ValueError(f"SIYU_ACTIVATION_MODE: expected dry_run or live, got {value!r}")
        return value

    def model_post_init(self, _context: object) -> None:
        """Whatever is raised or logged from here on shows none of the secrets."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, SecretStr):
                keep_secret(value.get_secret_value())

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.business_timezone)

    @property
    def lake_dir(self) -> Path:
        return self.home / "lake"

    @property
    def warehouse_path(self) -> Path:
        return self.home / "warehouse.duckdb"

    @property
    def ledger_path(self) -> Path:
        return self.home / "ledger.sqlite"

    @property
    def ledger_archive_dir(self) -> Path:
        return self.home / "ledger_archive"

    @property
    def state_copies_dir(self) -> Path:
        return self.home / "state_copies"

    @property
    def published_dir(self) -> Path:
        return self.home / "published"

    @property
    def exports_dir(self) -> Path:
        return self.home / "exports"

    @property
    def data_docs_dir(self) -> Path:
        return self.home / "data_docs"

    @property
    def inbox_dir(self) -> Path:
        return self.home / "inbox"

    @property
    def dagster_home(self) -> Path:
        return self.home / "dagster"

    @property
    def dbt_target_dir(self) -> Path:
        return self.home / "dbt_target"

    @property
    def wecom_configured(self) -> bool:
        return bool(self.wecom_corp_id and self.wecom_secret)


def load_settings() -> Settings:
    """Read the settings anew: the environment, then ``.env`` in the working folder, then the home's file.

    What stands in none of them is taken from the files of ``SIYU_SECRETS_DIR``, where that is set.

    Raises:
        ValueError: ``SIYU_SECRETS_DIR`` is no folder.
    """
    settings = Settings()
    own = home_file(settings.home)
    files = (own, Path(".env")) if own.exists() else (Path(".env"),)
    if own.exists():
        settings = Settings(_env_file=files)  # type: ignore[call-arg]
    folder = settings.secrets_dir
    if folder is None:
        return settings
    if not folder.is_dir():
        raise ValueError(
            f"SIYU_SECRETS_DIR: expected a folder, got {folder}; mount it, or take the setting out"
        )
    return Settings(_env_file=files, _secrets_dir=folder)  # type: ignore[call-arg]


def home_file(home: Path) -> Path:
    """Return where a home keeps settings of its own, ``siyu.env``; what stands elsewhere comes first."""
    return home / "siyu.env"


def child_environment(*, with_settings: bool = False, extra: dict[str, str] | None = None) -> dict[str, str]:
    """Return the environment for a program that we start: ours without ``SIYU_`` variables and secrets.

    ``with_settings`` keeps them (for our own processes); ``extra`` is put on top.
    """
    kept = {
        name: value for name, value in os.environ.items() if with_settings or not name.startswith("SIYU_")
    }
    return {**kept, **(extra or {})}
