"""Remembers what the gate has already let pass, so that a batch that did not change is not judged again.

Importing Great Expectations takes longer than everything else on a day without news. The memory is a cache:
delete ``<home>/gate`` and everything is judged anew.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from common.settings import Settings
from common.warehouse import connect, reading
from expectations.spec import SUITES_DIR, load_suite
from expectations.verdict import Verdict


def digest_of_parts(parts: str) -> str:
    """Return a digest of the rows in a glob of Parquet files, independent of their order."""
    with connect() as db:
        row = db.execute(_DIGEST.format(f"from read_parquet('{parts}')")).fetchone()
    return _text(row)


def digest_of_query(settings: Settings, query: str) -> str:
    """Return a digest of the rows that a query finds in the warehouse, independent of their order."""
    with reading(settings) as db:
        row = db.execute(_DIGEST.format(query)).fetchone()
    return _text(row)


def digest_of_suite(name: str, suites_dir: Path = SUITES_DIR) -> str:
    """Return a digest of a suite, its base included: another suite judges anew.

    Raises:
        SuiteError: no such suite, or a wrong one.
    """
    return hashlib.sha256(load_suite(name, suites_dir).model_dump_json().encode()).hexdigest()[:16]


class Judged:
    """The verdicts on the last batch of each subject that was let pass."""

    def __init__(self, settings: Settings) -> None:
        self._path = settings.home / "gate" / "judged.json"

    def passed(self, key: str, digest: str) -> dict[str, Any] | None:
        """Return the metadata of the verdict when the same batch passed the same suite before, else None."""
        entry = self._read().get(key)
        return entry["verdict"] if entry and entry["digest"] == digest else None

    def remember(self, key: str, digest: str, verdict: Verdict) -> None:
        """Keep a verdict that let the batch pass; forget the key when it was held."""
        entries = self._read()
        if verdict.held:
            entries.pop(key, None)
        else:
            entries[key] = {"digest": digest, "verdict": verdict.as_metadata()}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        scratch = self._path.with_suffix(f".{os.getpid()}.new")
        scratch.write_text(json.dumps(entries, ensure_ascii=False, indent=1))
        scratch.replace(self._path)

    def _read(self) -> dict[str, Any]:
        try:
            content: dict[str, Any] = json.loads(self._path.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return content


_DIGEST = "select count(*), coalesce(sum(hash(rows)), 0)::varchar from ({}) as rows"


def _text(row: tuple[Any, ...] | None) -> str:
    assert row is not None
    return f"{row[0]}-{row[1]}"
