"""Details that are asked for one by one: what the platform refuses goes to quarantine, the rest goes on.

One order that is gone must not cost the other ten thousand. When many are refused something else is wrong, and
then nothing may look as if it had been fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from ingestion.api_errors import ApiError, ParameterError
from ingestion.paging import each_in_parallel
from ingestion.records import Refused, UnreadableRecordError

FEW_REFUSED = 20
MOST_REFUSED_SHARE = 0.05
# Of what is asked for once more many may be gone for good, and must not stop what is new for ever.
MOST_REFUSED_AGAIN_SHARE = 0.9

T = TypeVar("T")


class TooManyRefusedError(RuntimeError):
    """The platform refused so many records that the fetch cannot count as done."""


def details_by_id(
    call: Callable[[str], Any], fresh: Iterable[Any], again: Iterable[Any], id_name: str
) -> Iterator[Any]:
    """Yield ``call(id)`` for each id once: the fresh ones, then those known before and asked for again.

    Raises:
        TooManyRefusedError: more than 20 and more than 5 % of the fresh ones were refused, or 90 % of the others.
        ApiError, TransportError: what concerns more than the one record.
    """
    seen = set[str]()
    for ids, share in ((fresh, MOST_REFUSED_SHARE), (again, MOST_REFUSED_AGAIN_SHARE)):
        yield from each_detail(call, _new_ones(ids, seen), lambda each: {id_name: each}, share=share)


def each_detail(
    call: Callable[[T], Any],
    things: Iterable[T],
    describe: Callable[[T], dict[str, Any]],
    *,
    share: float = MOST_REFUSED_SHARE,
) -> Iterator[Any]:
    """Yield ``call(thing)`` in order, a few at a time; a ``Refused`` of ``describe(thing)`` where refused.

    Raises:
        TooManyRefusedError: see ``tolerated``.
        ApiError, TransportError: what concerns more than the one record (token, rights, limits, network).
    """
    return tolerated(each_in_parallel(lambda thing: asked_for(call, thing, describe), things), share=share)


def asked_for(call: Callable[[T], Any], thing: T, describe: Callable[[T], dict[str, Any]]) -> Any:
    """Return ``call(thing)``, or a ``Refused`` of ``describe(thing)``.

    Raises:
        ApiError, TransportError: what concerns more than the one record.
    """
    try:
        return call(thing)
    except (ApiError, UnreadableRecordError) as error:
        if not concerns_one_record(error):
            raise
        return Refused(describe(thing), reason_of(error))


def tolerated(found: Iterable[Any], *, share: float = MOST_REFUSED_SHARE) -> Iterator[Any]:
    """Yield what was found, ``Refused`` ones included, as long as those are few.

    Raises:
        TooManyRefusedError: at the end, when more than 20 and more than ``share`` of all were refused; at once,
            when nothing but refusals has come so far.
    """
    asked = refused = 0
    for each in found:
        asked += 1
        if isinstance(each, Refused):
            refused, last = refused + 1, each.reason
            if refused > FEW_REFUSED and refused == asked:
                raise too_many(refused, asked, last)
        yield each
    if refused > FEW_REFUSED and refused > share * asked:
        raise too_many(refused, asked, last)


def concerns_one_record(error: Exception) -> bool:
    """Whether only the record that was asked for is concerned; an errcode that we do not know counts as such."""
    return isinstance(error, ParameterError | UnreadableRecordError) or type(error) is ApiError


def reason_of(error: Exception) -> str:
    """Return why a record was refused, for quarantine: without the parts that differ each time."""
    return f"errcode {error.code} ({error.message})" if isinstance(error, ApiError) else str(error)


def object_in(answer: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the record inside the answer to a detail call.

    Raises:
        UnreadableRecordError: the answer has no such object.
    """
    found = answer.get(name)
    if not isinstance(found, dict):
        raise UnreadableRecordError(f"expected an object {name!r} in the answer, got {type(found).__name__}")
    return found


def _new_ones(ids: Iterable[Any], seen: set[str]) -> Iterator[str]:
    for each in map(str, ids):
        if each not in seen:
            seen.add(each)
            yield each


def too_many(refused: int, asked: int, last: str) -> TooManyRefusedError:
    """Return the error that says how many were refused, and why the last one was."""
    return TooManyRefusedError(
        f"expected a few of the records to be refused, got {refused:,} of {asked:,}, "
        f"the last one with {last}; nothing of this window was landed, run again when the platform answers"
    )
