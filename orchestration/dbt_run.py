"""Starts dbt: its arguments, its environment, and a manifest that is parsed only when the project changed.

The two run variables go by environment, never by ``--vars``: other vars make dbt parse the whole project
again.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import hashlib
import hmac
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from common.pii import pii_key
from common.settings import DBT_PROJECT_DIR, Settings, child_environment
from orchestration.rules.compiled import compile_rules

_NOT_SOURCES = {"target", "logs", "dbt_packages"}
_PARTIAL_PARSE = "partial_parse.msgpack"


class DbtError(RuntimeError):
    """dbt could not read the project; the text is dbt's own."""


_warm: list[subprocess.Popen[bytes]] = []


def warm_up() -> None:
    """Start a dbt child that imports dbt and waits; the next ``start_dbt`` of this process uses it."""
    if _warm:
        return
    _warm.append(
        subprocess.Popen(
            [sys.executable, "-u", "-P", "-m", "orchestration.dbt_cli", str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=child_environment(),
        )
    )


def warm_project(settings: Settings) -> None:
    """Have the waiting child load the dbt project meanwhile; ``prepare_manifest`` has been called."""
    if not _warm:
        return
    seed_partial_parse(settings)
    target = build_target(settings)
    arguments = ["--quiet", "parse", "--no-write-json"]
    _order(_warm[0], arguments, dbt_environment(settings, target), DBT_PROJECT_DIR)


def cool_down() -> None:
    """End a waiting dbt child that nobody needed."""
    while _warm:
        child = _warm.pop()
        child.communicate()


def start_dbt(args: Sequence[str], environment: dict[str, str], folder: Path) -> subprocess.Popen[bytes]:
    """Run dbt in a child that ends when this process does; its output is a pipe."""
    warm_up()
    child = _warm.pop()
    _order(child, args, environment, folder)
    assert child.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        child.stdin.close()
    child.stdin = None  # or communicate() would flush it
    child.args = ["dbt", *args]  # what messages show
    return child


def _order(
    child: subprocess.Popen[bytes], args: Sequence[str], environment: dict[str, str], folder: Path
) -> None:
    assert child.stdin is not None
    order = {"args": list(args), "env": environment, "cwd": str(folder)}
    with contextlib.suppress(BrokenPipeError):  # it failed to import; what it said is in its output
        child.stdin.write(json.dumps(order).encode() + b"\n")
        child.stdin.flush()


def build_args(*, full_refresh: bool = False) -> list[str]:
    """Return the arguments of a run's one ``dbt build``. Unit tests judge code: `make test` runs them."""
    return [
        "build",
        "--exclude-resource-type",
        "unit_test",
        *(["--full-refresh"] if full_refresh else []),
    ]


def build_target(settings: Settings) -> Path:
    """Return the target folder of ``dbt build``; apart from the manifest's, which others read meanwhile."""
    return settings.dbt_target_dir / "build"


def dbt_environment(
    settings: Settings, target: Path, *, as_of: dt.date | None = None, known_at: str | None = None
) -> dict[str, str]:
    """Return the environment of a dbt child. ``known_at`` is a load id. Secrets are not handed on."""
    extra = {
        "SIYU_HOME": str(settings.home),
        "SIYU_BUSINESS_TIMEZONE": settings.business_timezone,
        "DBT_PROJECT_DIR": str(DBT_PROJECT_DIR),
        "DBT_PROFILES_DIR": str(DBT_PROJECT_DIR),
        "DBT_TARGET_PATH": str(target),
        "DBT_LOG_PATH": str(target),
        "DBT_LOG_LEVEL_FILE": "info",  # the debug log costs a second a run; run dbt by hand to see it
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "PYTHONUNBUFFERED": "1",
    }
    extra["SIYU_DRAW_DIGEST"] = draw_digest(settings)
    if settings.warehouse_memory:
        extra["SIYU_WAREHOUSE_MEMORY"] = settings.warehouse_memory
    if as_of is not None:
        extra["SIYU_AS_OF"] = as_of.isoformat()
    if known_at is not None:
        extra["SIYU_KNOWN_AT"] = known_at
    return child_environment(extra=extra)


def draw_digest(settings: Settings) -> str:
    """Return the key of holdouts and A/B splits as dbt gets it: the key itself never leaves the settings."""
    key = settings.draw_key.get_secret_value().encode() if settings.draw_key else pii_key(settings)
    return hmac.new(key, b"holdouts and variants", hashlib.sha256).hexdigest()


def prepare_manifest(settings: Settings) -> Path:
    """Return the manifest of the dbt project as it is now; runs ``dbt parse`` only when its files changed.

    Raises:
        RuleError: a tag or segment is declared wrongly.
        DbtError: the project does not parse.
    """
    compile_rules(DBT_PROJECT_DIR)
    folder = settings.dbt_target_dir / "manifest"
    manifest, stamp = folder / "manifest.json", folder / "stamp"
    wanted = _fingerprint(settings)
    if _is_current(manifest, stamp, wanted):
        return manifest
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_current(manifest, stamp, wanted):
            stamp.unlink(missing_ok=True)
            _parse(settings, manifest)
            stamp.write_text(wanted)
    return manifest


def seed_partial_parse(settings: Settings) -> None:
    """Give ``dbt build`` what the last parse learned, when that is newer than what it knows itself."""
    parsed = settings.dbt_target_dir / "parse" / _PARTIAL_PARSE
    target = build_target(settings) / _PARTIAL_PARSE
    target.parent.mkdir(parents=True, exist_ok=True)
    if parsed.exists() and (not target.exists() or target.stat().st_mtime < parsed.stat().st_mtime):
        shutil.copyfile(parsed, target)


def _parse(settings: Settings, manifest: Path) -> None:
    target = settings.dbt_target_dir / "parse"
    child = start_dbt(["--no-use-colors", "parse"], dbt_environment(settings, target), DBT_PROJECT_DIR)
    assert child.stdout is not None
    said = child.stdout.read().decode(errors="replace")
    if child.wait() != 0:
        raise DbtError(f"dbt parse of {DBT_PROJECT_DIR} failed:\n{said.strip()}")
    scratch = manifest.with_suffix(".new")
    shutil.copyfile(target / "manifest.json", scratch)
    scratch.replace(manifest)


def _is_current(manifest: Path, stamp: Path, wanted: str) -> bool:
    try:
        return manifest.exists() and stamp.read_text() == wanted
    except FileNotFoundError:
        return False


def _fingerprint(settings: Settings) -> str:
    """Digest of names, sizes and times of the project's files, and of what else a parse depends on."""
    digest = hashlib.sha256()
    digest.update(f"{version('dbt-core')} {settings.home} {settings.business_timezone}".encode())
    for path in _project_files(DBT_PROJECT_DIR):
        found = path.stat()
        digest.update(f"{path.relative_to(DBT_PROJECT_DIR)} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _project_files(folder: Path) -> list[Path]:
    return sorted(
        path
        for top in folder.iterdir()
        if top.name not in _NOT_SOURCES and not top.name.startswith(".")
        for path in ([top] if top.is_file() else top.rglob("*"))
        if path.is_file()
    )
