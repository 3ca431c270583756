"""Which customers deleted or blocked their staff member: seen in behaviour counts and in what is not delivered."""

from __future__ import annotations

from sandbox.chance import between, share
from sandbox.contacts import DAY, Relation

_BLOCKED_SHARE = 0.03


def blocked_at(seed: int, relation: Relation) -> int | None:
    """Return the unix second at which the customer deleted the staff member, None for those who never did.

    The relation stays in every list: the platform only tells it where something was to be delivered.
    """
    pair = (seed, relation.userid, relation.person.external_userid)
    if share("blocked", *pair) >= _BLOCKED_SHARE:
        return None
    return relation.created_at + between(3600, 120 * DAY, "blocked at", *pair)
