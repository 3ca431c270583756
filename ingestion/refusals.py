"""Remembers on disk that a secret was refused, so that the next stream and the next run do not ask with it again.

A few wrong secrets block the caller's IP for an hour. Only a hash tells which secret it was: another one, or a
corrected id, is tried at once.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from pydantic import SecretStr

from common.clock import utc_now
from ingestion.api_errors import CredentialError

# Four times an hour at most; how many are too many is nowhere written.
REMEMBER_SECONDS = 15 * 60


class Refusal:
    """The memory of one (host, account, secret). Without a folder it remembers nothing."""

    def __init__(self, folder: Path | None, base_url: str, account: str, secret: SecretStr) -> None:
        text = "|".join((base_url, account, secret.get_secret_value()))
        digest = hashlib.sha256(text.encode()).hexdigest()[:24]
        self._path = folder / f"refused-{digest}.json" if folder else None

    def recall(self) -> CredentialError | None:
        """Return the refusal of a short while ago, with how long it still counts; None: ask."""
        if self._path is None:
            return None
        try:
            known = json.loads(self._path.read_text())
            left = known["at"] + REMEMBER_SECONDS - utc_now().timestamp()
            api, code, message = known["api"], int(known["code"]), known["message"]
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None
        # A clock that was set back must not keep it for ever.
        if not 0 < left <= REMEMBER_SECONDS:
            return None
        return CredentialError(api, code, f"{message}; not asked again for {left / 60:.0f} min")

    def remember(self, error: CredentialError) -> None:
        """Keep a refusal."""
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        known = {
            "at": utc_now().timestamp(),
            "api": error.api,
            "code": error.code,
            "message": error.message,
        }
        scratch = self._path.with_suffix(".new")
        scratch.write_text(json.dumps(known))
        scratch.replace(self._path)
