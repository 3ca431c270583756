"""The words for what is done with a row, what became of it, and what that means for later runs."""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"
    HELD = "held"


class Outcome(StrEnum):
    """``pending`` is an intent without a receipt; ``not_sent`` is certain to have had no effect."""

    PENDING = "pending"
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


class Retry(StrEnum):
    """What a refusal means for later runs: try again, there is no use, or somebody must do something first.

    A row that needs a person is tried again too: that somebody did it shows in no other way.
    """

    LATER = "later"
    NEVER = "never"
    PERSON = "person"


def retry_of(code_class: str | None) -> Retry:
    """Return how rows refused with a code of this class are treated by later runs."""
    if code_class in ENDED_CLASSES:
        return Retry.NEVER
    return Retry.LATER if code_class in ("retry_later", "stopped", "tag_library") else Retry.PERSON
