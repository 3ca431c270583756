"""The words for what is done with a row, what became of it, and what that means for later runs."""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"
    HELD = "held"


class Outcome(StrEnum):
    """``pending`` is an intent without a receipt; ``not_sent`` is certain to have had no effect.

    Of messages: ``waiting`` is handed to staff who have not pressed send, which is not sent; ``unknown`` is
    final, for what no platform can tell any more: counted as if it had arrived, never sent again.
    """

    PENDING = "pending"
    WAITING = "waiting"
    UNKNOWN = "unknown"
    SENT = "sent"
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    IN_DOUBT = "in_doubt"


class ReadBack(StrEnum):
    """What a destination says about one change whose outcome we do not know."""

    IN_EFFECT = "in_effect"
    NOT_IN_EFFECT = "not_in_effect"
    RELATION_ENDED = "relation_ended"


RELATION_ENDED = "relation_ended"
MEMBER_GONE = "member_gone"
# Refusals that come from life, not from a fault: the row has no receiver any more.
ENDED_CLASSES = frozenset({RELATION_ENDED, MEMBER_GONE})
CAP_REACHED, NOT_CONFIRMED, NO_QUOTA = "cap_reached", "not_confirmed", "no_quota"
# Refusals of one message that no later attempt at the same message will change.
SPENT_CLASSES = frozenset({CAP_REACHED, NOT_CONFIRMED, NO_QUOTA})


class Retry(StrEnum):
    """What a refusal means for later runs: try again, there is no use, or somebody must do something first.

    A row that needs a person is tried again too: that somebody did it shows in no other way.
    """

    LATER = "later"
    NEVER = "never"
    PERSON = "person"


def retry_of(code_class: str | None) -> Retry:
    """Return how rows refused with a code of this class are treated by later runs."""
    if code_class in ENDED_CLASSES | SPENT_CLASSES:
        return Retry.NEVER
    return Retry.LATER if code_class in ("retry_later", "stopped", "tag_library") else Retry.PERSON
