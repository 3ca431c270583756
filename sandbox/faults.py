"""Faults on demand: which there are, when each strikes, and how often in a row at most.

A fault strikes or not by a draw from (seed, its name, the request, how often that request was seen): the same
client asking the same things meets the same faults, whatever the order of its threads. After ``most_in_a_row``
bad answers to one request in a row the next is good, so a client that copes gets everything; one that does not
ends early or with an error, and a test sees the difference.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

# What each fault does, in the order in which they are tried.
FAULTS: dict[str, str] = {
    "slow": "the answer takes slow_seconds longer",
    "token_death": "the access token dies early, in the middle of a list: 40014",
    "concurrency_45033": "45033, as if another program were calling the same API",
    "quota_45009": "45009, the quota of the minute is used up",
    "busy_minus1": "-1, system busy",
    "http_5xx": "HTTP status 500, 502, 503 or 504",
    "html_instead_of_json": "HTTP status 200 and a page of HTML, as from a proxy",
    "cut_connection": "the connection is cut: half of the time before the call took effect, else after",
    "no_relation_84061": "84061 for a staff list with one who has no contacts; now and then for a tag's relation",
    "repeated_cursor": "a page gives the cursor that it was asked with",
    "empty_page_has_more": "a page is empty, and there is more",
    "short_pages": "pages are shorter than asked for",
    "duplicated_rows": "rows come twice on a page",
    "reordered_rows": "rows, and lists whose order has no meaning, come in another order",
    "string_numbers": "numbers come as text",
    "bare_64bit_ids": "ids of 16 digits and more come as bare numbers",
    "stringified_blobs": "blobs of a livestream come as objects instead of JSON text, or the other way round",
    "absent_fields": "empty fields are left out, errcode 0 too",
    "clock_skew": "the Date header is skew_seconds off",
    "late_call": "a call that creates a message: the connection is cut, the call takes effect slow_seconds later",
    "doubled_call": "a call that creates a message takes effect twice, as when a proxy repeats it",
}
# These strike nobody who only reads.
OF_WRITES = ("late_call", "doubled_call")
ALL = "all"


class UnknownFaultError(ValueError):
    """A fault was asked for that there is not, or with an impossible rate."""


@dataclass(frozen=True)
class FaultPlan:
    """Which faults strike, how often. ``rate`` is the share of requests (0 to 1) that each one strikes.

    Raises:
        UnknownFaultError: a name that is not in FAULTS, or a number out of range.
    """

    names: tuple[str, ...] = ()
    seed: int = 1
    rate: float = 0.2
    most_in_a_row: int = 2
    slow_seconds: float = 2.0
    skew_seconds: float = 420.0

    def __post_init__(self) -> None:
        unknown = [name for name in self.names if name not in FAULTS]
        if unknown:
            raise UnknownFaultError(
                f"faults: expected names among {', '.join([ALL, *FAULTS])}, got {', '.join(unknown)}"
            )
        if not 0 <= self.rate <= 1 or self.most_in_a_row < 1 or self.slow_seconds < 0:
            raise UnknownFaultError(
                "faults: expected rate 0 to 1, most_in_a_row at least 1 and slow_seconds at least 0, "
                f"got {self.rate}, {self.most_in_a_row} and {self.slow_seconds}"
            )


def plan_of(names: Iterable[str], **numbers: Any) -> FaultPlan:
    """Return a plan; ``all`` stands for every fault, and ``-name`` takes one out again.

    Raises:
        UnknownFaultError: as of FaultPlan.
    """
    asked = [name.strip() for name in names if name.strip()]
    taken_out = {name[1:] for name in asked if name.startswith("-")}
    wanted = dict.fromkeys(each for name in asked for each in (FAULTS if name == ALL else (name,)))
    kept = [name for name in wanted if not name.startswith("-") and name not in taken_out]
    return FaultPlan(tuple([*kept, *sorted(taken_out - FAULTS.keys())]), **numbers)


def plan_from(fields: Mapping[str, Any]) -> FaultPlan:
    """Return the plan in the body of POST /sandbox/faults.

    Raises:
        UnknownFaultError: a field that a plan does not have, of the wrong kind or out of range.
    """
    kinds: dict[str, tuple[type, ...]] = {
        "seed": (int,),
        "rate": (int, float),
        "most_in_a_row": (int,),
        "slow_seconds": (int, float),
        "skew_seconds": (int, float),
    }
    names = fields.get("names", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UnknownFaultError(f"names: expected a list of names of faults, got {names!r}")
    numbers = {name: value for name, value in fields.items() if name != "names"}
    for name, value in numbers.items():
        if name not in kinds or isinstance(value, bool) or not isinstance(value, kinds[name]):
            raise UnknownFaultError(f"expected numbers named {', '.join(kinds)}, got {name}={value!r}")
    return plan_of(names, **numbers)


@dataclass
class Call:
    """One request and what the faults do to it. ``fields`` is its JSON body, empty when there is none."""

    faults: Faults
    path: str
    fields: dict[str, Any]
    identity: int
    number: int
    bad_allowed: bool
    bad: bool = False

    def strikes(self, name: str, *, bad: bool = False, more: str = "") -> bool:
        """Return whether a fault strikes; a ``bad`` one only while the request has not had enough of them."""
        plan = self.faults.plan
        if name not in plan.names or (bad and (self.bad or not self.bad_allowed)):
            return False
        if self.draw(name, more) >= plan.rate:
            return False
        self.note(name, bad=bad)
        return True

    def note(self, name: str, *, bad: bool = False) -> None:
        """Count a strike."""
        self.bad = self.bad or bad
        self.faults.hits[name] += 1

    def draw(self, *parts: str) -> float:
        """Return a number in [0, 1) that depends on the seed, the request, its number and ``parts``."""
        return _draw(self.faults.plan.seed, self.identity, self.number, *parts)


@dataclass
class Faults:
    """The plan in force, and what was struck under it."""

    plan: FaultPlan = field(default_factory=FaultPlan)
    hits: Counter[str] = field(default_factory=Counter)
    _seen: dict[int, tuple[int, int]] = field(default_factory=dict)
    _uses: Counter[str] = field(default_factory=Counter)

    def set(self, plan: FaultPlan) -> None:
        """Put another plan in force; everything counted so far is forgotten."""
        self.plan = plan
        self.hits, self._seen, self._uses = Counter(), {}, Counter()

    def begin(self, method: str, path: str, query: Mapping[str, str], fields: dict[str, Any]) -> Call:
        """Take note of a request; ``end`` must follow."""
        secret = ("access_token", "corpsecret", "secret")
        open_query = sorted((name, value) for name, value in query.items() if name not in secret)
        open_fields = {name: value for name, value in fields.items() if name not in secret}
        identity = _number(method, path, json.dumps([open_query, open_fields], sort_keys=True))
        seen, bad_in_a_row = self._seen.get(identity, (0, 0))
        return Call(self, path, fields, identity, seen, bad_in_a_row < self.plan.most_in_a_row)

    def end(self, call: Call) -> None:
        """Remember how a request ended."""
        _, bad_in_a_row = self._seen.get(call.identity, (0, 0))
        self._seen[call.identity] = (call.number + 1, bad_in_a_row + 1 if call.bad else 0)

    def token_may_die(self, token: str) -> bool:
        """Return whether a token was used enough to die: in the middle of a list, not at birth."""
        self._uses[token] += 1
        return self._uses[token] > _USES_BEFORE_DEATH


_USES_BEFORE_DEATH = 30


def _number(*parts: object) -> int:
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=8).digest())


def _draw(*parts: object) -> float:
    return float(_number(*parts) / 2**64)
