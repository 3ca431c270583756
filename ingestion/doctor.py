"""`siyu doctor`: for every app and store one line, what works and what to do where it does not.

It asks for one token per app and makes one small reading call per API, once, and never again in its run.
"""

from __future__ import annotations

import datetime as dt
import os
import socket
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from common.clock import utc_now
from common.pii import MIN_KEY_BYTES
from common.settings import Settings
from ingestion.api_errors import ApiError, MemberGoneError, NoRelationError, TransportError
from ingestion.apps import APPS
from ingestion.callbacks.endpoints import ENDPOINTS, CallbackSetupError, Endpoint
from ingestion.callbacks.spool import spool_dir
from ingestion.doctor_advice import advice_for
from ingestion.http import Transport
from ingestion.probes import LABELS, PROBES, Probe
from ingestion.readers import App

CLOCK_TOLERANCE_SECONDS = 60
_REACH_SECONDS = 5.0
# The job runs daily; events that wait longer are landed by nobody.
_SPOOL_STALE = dt.timedelta(days=2)
_PORTS = {"postgresql": 5432, "postgres": 5432, "mysql": 3306, "mariadb": 3306}

Status = Literal["ok", "off", "bad"]


@dataclass(frozen=True)
class Finding:
    """One line: ``off`` is not configured, which is no fault. ``advice`` says what to do."""

    name: str
    status: Status
    detail: str
    advice: str = ""


@dataclass
class _Clocks:
    """What the hosts' clocks said against ours: seconds that ours is ahead, by host."""

    ahead: dict[str, float] = field(default_factory=dict)

    def note(self, response: httpx.Response) -> None:
        """Compare an answer's Date, a whole second, with our clock."""
        try:
            theirs = parsedate_to_datetime(response.headers["Date"])
            self.ahead[response.request.url.host] = (utc_now() - theirs).total_seconds() - 0.5
        except (KeyError, ValueError, TypeError):
            return


def examine(settings: Settings, *, http_transport: httpx.BaseTransport | None = None) -> Iterator[Finding]:
    """Yield one finding after the other, as they are made. ``http_transport`` stands in for the network."""
    yield (home := _home(settings))
    yield _pii_key(settings)
    clocks = _Clocks()
    options = {"attempts": 1, "http_transport": http_transport, "on_response": clocks.note}
    if home.status == "bad":
        options["limits_dir"] = None
    for app in APPS:
        yield _app(settings, app, options)
    yield from _clock(clocks)
    for endpoint in ENDPOINTS:
        yield _callbacks(settings, endpoint)
    yield from _databases(settings)


def _home(settings: Settings) -> Finding:
    name = "home (数据目录)"
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=settings.home, prefix=".doctor-") as file:
            file.write(b"x")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return Finding(
            name, "bad", f"{settings.home}: {error.strerror}", "give this user the right to write there, free "
            "the disk, or set SIYU_HOME elsewhere",
        )  # fmt: skip
    return Finding(name, "ok", str(settings.home))


def _pii_key(settings: Settings) -> Finding:
    name, kept = "phone key (手机号密钥)", settings.home / "secrets" / "pii.key"
    if settings.pii_key is None:
        if kept.exists() and not os.access(kept, os.R_OK):
            return Finding(name, "bad", f"{kept} cannot be read", "give this user the right to read it")
        if not kept.exists() and settings.lake_dir.exists():
            return Finding(
                name, "bad", f"neither SIYU_PII_KEY nor {kept} is there, but there is a lake",
                "put the old key back: with a new one phones no longer match those in the lake",
            )  # fmt: skip
        return Finding(name, "ok", f"{kept}" if kept.exists() else f"is made at the first run: {kept}")
    length = len(settings.pii_key.get_secret_value().encode())
    if length < MIN_KEY_BYTES:
        return Finding(
            name, "bad", f"SIYU_PII_KEY has {length} bytes, expected at least {MIN_KEY_BYTES}",
            "make one with `openssl rand -hex 32`",
        )  # fmt: skip
    return Finding(name, "ok", "SIYU_PII_KEY")


def _app(settings: Settings, app: App, options: dict[str, Any]) -> Finding:
    name = LABELS.get(app.name, app.name)
    missing = app.missing(settings)
    given = [each for each in (app.account, app.secret) if getattr(settings, each)]
    if not given:
        return Finding(name, "off", "not configured", f"set {', '.join(missing)} to use it")
    if missing:
        return Finding(name, "bad", f"{', '.join(missing)} missing", "set it in the environment or .env")
    try:
        transport = app.transport(settings, **options)
    except Exception as error:  # a base URL that is none, for example
        return Finding(name, "bad", f"{type(error).__name__}", f"check SIYU_{app.base_url.upper()}")
    with transport:
        return _probed(settings, app, name, transport)


def _probed(settings: Settings, app: App, name: str, transport: Transport) -> Finding:
    secret = f"SIYU_{app.secret.upper()}"
    try:
        if transport.tokens is not None:
            transport.tokens.get()
    except (ApiError, TransportError) as error:
        return Finding(name, "bad", f"no token: {_said(error)}", advice_for(error, secret, settings, app))
    passed, failed, advice = ["token"], [], dict[str, None]()
    known: dict[str, Any] = {}
    for probe in PROBES.get(app.name, ()):
        try:
            if _probe(transport, probe, known):
                passed.append(probe.label)
        except (ApiError, TransportError) as error:
            failed.append(f"{probe.label}: {_said(error)}")
            advice[advice_for(error, secret, settings, app)] = None
    if failed:
        return Finding(name, "bad", "; ".join(failed), "; ".join(advice))
    return Finding(name, "ok", ", ".join(passed))


def _probe(transport: Transport, probe: Probe, known: dict[str, Any]) -> bool:
    """Make the call; False when there is nothing to ask about. What was learnt is kept for later probes."""
    body = probe.body(known)
    if body is None:
        return False
    try:
        answer = transport.post(probe.path, body) if probe.method == "POST" else transport.get(probe.path)
    except (NoRelationError, MemberGoneError):
        return True  # the API answers; this one staff member has nothing to show
    known[probe.path] = answer
    return True


def _said(error: ApiError | TransportError) -> str:
    if isinstance(error, ApiError):
        return f"errcode {error.code} ({error.message})"
    return str(error)


def _clock(clocks: _Clocks) -> Iterator[Finding]:
    if not clocks.ahead:
        return
    host, ahead = max(clocks.ahead.items(), key=lambda each: abs(each[1]))
    if abs(ahead) > CLOCK_TOLERANCE_SECONDS:
        side = "ahead of" if ahead > 0 else "behind"
        yield Finding(
            "clock (时钟)", "bad", f"{abs(ahead):.0f} s {side} {host}",
            "set it by NTP (timedatectl set-ntp true): windows of time would miss records",
        )  # fmt: skip
    else:
        yield Finding("clock (时钟)", "ok", f"within {max(abs(ahead), 1):.0f} s of {host}")


def _callbacks(settings: Settings, endpoint: Endpoint) -> Finding:
    name = f"{endpoint.label} callbacks (回调)"
    waiting, oldest = _spooled(spool_dir(settings, endpoint.stream.channel))
    if not endpoint.wanted(settings):
        names = ", ".join(endpoint.missing(settings))
        return Finding(name, "off", "not configured", f"set {names} and run `siyu callbacks` to use them")
    try:
        endpoint.crypto(settings)
    except CallbackSetupError as error:
        return Finding(name, "bad", str(error), "both stand on the callback page of the app's console")
    detail = f"configured; {waiting} files wait for the daily job"
    if oldest is not None and utc_now() - oldest > _SPOOL_STALE:
        return Finding(name, "bad", f"{detail}, the oldest since {oldest:%Y-%m-%d}", "run `siyu run`")
    return Finding(name, "ok", detail)


def _spooled(folder: Path) -> tuple[int, dt.datetime | None]:
    times = [path.stat().st_mtime for path in folder.glob("*.jsonl")]
    return len(times), dt.datetime.fromtimestamp(min(times), dt.UTC) if times else None


def _databases(settings: Settings) -> Iterable[Finding]:
    for name in type(settings).model_fields:
        if name.endswith("_database_url") and (url := getattr(settings, name)):
            text = url.get_secret_value() if isinstance(url, SecretStr) else str(url)
            yield _database(f"SIYU_{name.upper()}", text)


def _database(variable: str, url: str) -> Finding:
    name = f"database (数据库) {variable}"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or _PORTS.get(parts.scheme.split("+")[0])
    except ValueError:
        host = port = None
    if not host or not port:
        return Finding(
            name, "bad", "expected a URL like postgresql://user:password@host:5432/name", "mend it"
        )
    try:
        socket.create_connection((host, port), _REACH_SECONDS).close()
    except OSError as error:
        return Finding(
            name, "bad", f"{host}:{port} does not answer ({error.strerror or type(error).__name__})",
            "check host and port, the firewall, and that the database lets this machine in",
        )  # fmt: skip
    return Finding(name, "ok", f"{host}:{port} answers")
