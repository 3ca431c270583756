"""WeCom contacts one by one (获取客户详情): names of tags and staff's personal tags, which no batch gives.

One call a customer is too much for every day, so only those are read whose relations look different from when
they were read last, so many in a run (``SIYU_CONTACT_DETAILS_PER_RUN``), the longest waiting first. What a run
leaves, the next one finds. ``relations_hash`` says which state of the relations a detail belongs to.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from common.lake import Lake
from common.streams import STREAMS
from common.warehouse import connect
from ingestion.api_errors import NoRelationError
from ingestion.http import Transport, part_of
from ingestion.paging import PagingError, each_in_parallel
from ingestion.readers import Question, Reader

CONTACT = "/cgi-bin/externalcontact/get"

_log = logging.getLogger(__name__)


def contact_details(
    transport: Transport, waiting: Iterable[tuple[str, str]], most: int
) -> Iterator[dict[str, Any]]:
    """Yield {"external_contact", "follow_user", "relations_hash"} of at most ``most`` of those ``waiting``.

    ``waiting`` are (external_userid, relations_hash). A contact that has just ended is skipped and not counted:
    some that never answer must not keep the others waiting.
    """

    def detail(asked: tuple[str, str]) -> dict[str, Any] | None:
        external_userid, relations_hash = asked
        try:
            return {**_contact(transport, external_userid), "relations_hash": relations_hash}
        except NoRelationError:
            return None

    remaining = iter(waiting)
    while most > 0 and (some := list(islice(remaining, most))):
        for answer in each_in_parallel(detail, some):
            if answer is not None:
                most -= 1
                yield answer


def waiting_contacts(lake: Lake) -> list[tuple[str, str]]:
    """Return (external_userid, relations_hash) of the contacts to read again, the longest waiting first."""
    with connect() as db:
        return db.execute(
            _WAITING_SQL.format(
                contacts=_literal(lake.glob(STREAMS["wecom/contacts"])),
                details=_literal(lake.glob(STREAMS["wecom/contact_details"])),
            )
        ).fetchall()


def _contact(transport: Transport, external_userid: str) -> dict[str, Any]:
    """The person of the first page, and the followers of all pages (500 a page)."""
    answer = transport.get(CONTACT, {"external_userid": external_userid})
    person = part_of(answer, "external_contact", CONTACT)
    followers = list(answer.get("follow_user") or [])
    seen = set[str]()
    while cursor := answer.get("next_cursor"):
        if cursor in seen:
            raise PagingError(f"{CONTACT}: expected a new page position, got an old one")
        seen.add(cursor)
        answer = transport.get(CONTACT, {"external_userid": external_userid, "cursor": cursor})
        followers += answer.get("follow_user") or []
    return {"external_contact": person, "follow_user": followers}


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _read(question: Question) -> Iterator[dict[str, Any]]:
    most = question.settings.contact_details_per_run
    waiting = waiting_contacts(question.lake)
    if len(waiting) > most:
        _log.info("%s: %s contacts wait, %s are read in this run", CONTACT, len(waiting), most)
    yield from contact_details(question.transport, waiting, most)


# A contact that changed and changed back looks as it did when it was read: it does not wait. One that changes
# every day has waited since the first change after it was read, not since the last.
_WAITING_SQL = """
with versions as (
    select split_part(record_key, '|', 2) as external_userid, record_key, op, payload_hash, load_id
    from read_parquet({contacts}, hive_partitioning = true, hive_types = {{'load_id': varchar}})
),
last as (
    select * from versions
    qualify row_number() over (partition by record_key order by load_id desc) = 1
),
people as (
    select
        external_userid,
        md5(string_agg(record_key || ' ' || payload_hash, ',' order by record_key)) as relations_hash
    from last where op <> 'delete' group by external_userid
),
details as (
    select record_key as external_userid, payload ->> '$.relations_hash' as relations_hash, load_id
    from read_parquet({details}, hive_partitioning = true, hive_types = {{'load_id': varchar}})
    qualify row_number() over (partition by record_key order by load_id desc) = 1
),
waiting as (
    select people.external_userid, people.relations_hash, coalesce(details.load_id, '') as read_at
    from people
    left join details on details.external_userid = people.external_userid
    where details.relations_hash is distinct from people.relations_hash
)
select waiting.external_userid, any_value(waiting.relations_hash)
from waiting
left join versions
    on versions.external_userid = waiting.external_userid and versions.load_id > waiting.read_at
group by waiting.external_userid
order by min(versions.load_id), waiting.external_userid
"""

READERS: dict[str, Reader] = {"wecom/contact_details": _read}
