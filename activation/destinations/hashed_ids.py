"""Ids that ad platforms and partners match people by, hashed: which ones leave is said in the policy, none by default.

A plain SHA-256 is what platforms ask for; whoever has a list of ids finds hers in it, so a phone, of which there
are few, never leaves so. A keyed one tells nothing to who lacks the key.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence

from activation.contracts import ActivationError
from common.settings import Settings
from common.warehouse import reading

FEWEST_KEY_BYTES = 32

# Column -> type of the identifier, and whether its hash takes the key of the hand-off.
KINDS: dict[str, tuple[str, bool]] = {
    "unionid_sha256": ("unionid", False),
    "unionid_hmac": ("unionid", True),
    "phone_hmac": ("phone_hmac", True),
}


class HashedIds:
    """The chosen columns of hashed ids, by customer.

    ``phone_hmac`` is a keyed hash of the keyed hash that the warehouse has (phones themselves stay in the lake):
    the same person has the same one in every hand-off with one key, and nobody else can work it out.

    Raises:
        ActivationError: a keyed column is wanted and SIYU_HANDOFF_KEY is missing or too short.
    """

    def __init__(self, settings: Settings, columns: Sequence[str]) -> None:
        self.columns = tuple(columns)
        self._settings = settings
        key = settings.handoff_key.get_secret_value().encode() if settings.handoff_key else b""
        if any(KINDS[each][1] for each in columns) and len(key) < FEWEST_KEY_BYTES:
            raise ActivationError(
                f"SIYU_HANDOFF_KEY: expected at least {FEWEST_KEY_BYTES} bytes for {', '.join(columns)}, "
                f"got {len(key)}; set it, or take the keyed columns out of file_export.hashed_ids in the policy"
            )
        self._key = key

    def by_customer(self) -> Mapping[str, list[str | None]]:
        """Return each customer's hashed ids in the order of ``columns``; one without an id has None there.

        Of several ids of one type the first in the alphabet counts.
        """
        if not self.columns:
            return {}
        kinds = sorted({KINDS[each][0] for each in self.columns})
        with reading(self._settings) as db:
            rows = db.execute(
                "select customer_id, split_part(identifier_key, ':', 1) as kind, "  # noqa: S608 - our own names
                "min(substr(identifier_key, strpos(identifier_key, ':') + 1)) as id "
                "from marts.bridge_customer_identities "
                f"where split_part(identifier_key, ':', 1) in ({', '.join(repr(each) for each in kinds)}) group by all"
            ).fetchall()
        found: dict[str, dict[str, str]] = {}
        for customer, kind, value in rows:
            found.setdefault(customer, {})[kind] = value
        return {
            customer: [self._hashed(each, ids) for each in self.columns] for customer, ids in found.items()
        }

    def _hashed(self, column: str, ids: Mapping[str, str]) -> str | None:
        kind, is_keyed = KINDS[column]
        value = ids.get(kind)
        if value is None:
            return None
        if not is_keyed:
            return hashlib.sha256(value.encode()).hexdigest()
        return hmac.new(self._key, f"{kind}:{value}".encode(), hashlib.sha256).hexdigest()
