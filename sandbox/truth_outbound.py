"""What is true of what WeCom's staff sent: mass messages and moments, who sent them, who got, liked and commented.

The rows of tasks and results bear the ids of what they belong to, as the readers add them. Of what was created within
ten minutes before the end the platform tells no results yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sandbox.calendar import YEAR_START
from sandbox.desk import Desk
from sandbox.outbound import BY_STAFF, NO_FRIEND, Outbound, Outgoing
from sandbox.outbound_payloads import (
    chat_delivery_payload,
    delivery_payload,
    message_payload,
    moment_payload,
    task_payload,
)
from sandbox.sending import Sending
from sandbox.sent_payloads import sent_message, sent_moment, sent_rows, sent_tasks

Payloads = Iterator[dict[str, Any]]


def mass_messages(desk: Desk) -> Payloads:
    """Tell of every message, with the chat type that it was listed under."""
    for message in _created(Outbound(desk.world).messages, desk.view.until):
        yield {**message_payload(message), "chat_type": message.kind}
    for task in Sending(desk).of_kind("single", "group"):
        yield {**sent_message(task), "chat_type": task.kind}


def mass_message_tasks(desk: Desk) -> Payloads:
    """Tell of everybody who was asked to send a message."""
    outbound, until = Outbound(desk.world), desk.view.until
    for message in _with_results(outbound, outbound.messages, until):
        for userid in outbound.senders(message):
            task = task_payload(userid, outbound.sent_before(message, userid, until))
            yield {"msgid": message.outgoing_id, **task}
    sending = Sending(desk)
    for made in sending.of_kind("single", "group"):
        for row in sent_tasks(sending, made) if sending.is_handed_out(made) else ():
            yield {"msgid": made.task_id, **row}


def mass_message_sends(desk: Desk) -> Payloads:
    """Tell of every receiver: a contact from the beginning on, a group once the message was sent."""
    outbound, until = Outbound(desk.world), desk.view.until
    for message in _with_results(outbound, outbound.messages, until):
        for userid in outbound.senders(message):
            sent = outbound.sent_before(message, userid, until)
            for row in _deliveries(outbound, message, userid, sent):
                receiver = row.get("external_userid") or row.get("chat_id")
                yield {**row, "msgid": message.outgoing_id, "receiver": receiver}
    sending = Sending(desk)
    for made in sending.of_kind("single", "group"):
        for userid in made.receivers if sending.is_handed_out(made) else ():
            for row in sent_rows(sending, made, userid):
                receiver = row.get("external_userid") or row.get("chat_id")
                yield {**row, "msgid": made.task_id, "receiver": receiver}


def moments(desk: Desk) -> Payloads:
    """Tell of every moment."""
    for moment in _created(Outbound(desk.world).moments, desk.view.until):
        yield moment_payload(moment)
    yield from map(sent_moment, Sending(desk).of_kind("moment"))


def moment_tasks(desk: Desk) -> Payloads:
    """Tell of everybody who was asked to publish a moment of the corp."""
    outbound, until = Outbound(desk.world), desk.view.until
    for moment in _with_results(outbound, outbound.moments, until):
        if moment.create_type == BY_STAFF:
            continue
        for userid in outbound.senders(moment):
            published = outbound.sent_before(moment, userid, until) is not None
            yield {"moment_id": moment.outgoing_id, "userid": userid, "publish_status": int(published)}
    sending = Sending(desk)
    for made in sending.of_kind("moment"):
        for userid in made.receivers if sending.is_handed_out(made) else ():
            published = sending.sent_at(made, userid) is not None
            yield {"moment_id": made.task_id, "userid": userid, "publish_status": int(published)}


def moment_sends(desk: Desk) -> Payloads:
    """Tell of the contacts who can see a staff member's moment."""
    outbound = Outbound(desk.world)
    for moment, userid, published in _published(outbound, desk.view.until):
        for relation in outbound.audience(moment, userid):
            if outbound.outcome(moment, relation, published) != NO_FRIEND:
                person = relation.person.external_userid
                yield {"moment_id": moment.outgoing_id, "userid": userid, "external_userid": person}
    sending = Sending(desk)
    for made in sending.of_kind("moment"):
        for userid in made.receivers if sending.is_handed_out(made) else ():
            for external in sending.sees_moment(made, userid):
                yield {"moment_id": made.task_id, "userid": userid, "external_userid": external}


def moment_interactions(desk: Desk) -> Payloads:
    """Tell of the likes and comments.

    Two answers that a staff member wrote in the same second are one: the platform gives neither id nor text.
    """
    outbound, until = Outbound(desk.world), desk.view.until
    for moment, userid, _ in _published(outbound, until):
        for each in dict.fromkeys(outbound.interactions(moment, userid, until)):
            yield {
                "moment_id": moment.outgoing_id,
                "userid": userid,
                "kind": each.kind,
                "person_id": each.person_id,
                "create_time": each.at,
                **({} if each.by_staff else {"external_userid": each.person_id}),
            }


def _created(outgoing: dict[str, Outgoing], until: int) -> Iterator[Outgoing]:
    return (each for each in outgoing.values() if YEAR_START <= each.created_at < until)


def _with_results(outbound: Outbound, outgoing: dict[str, Outgoing], until: int) -> Iterator[Outgoing]:
    return (each for each in _created(outgoing, until) if outbound.is_handed_out(each, until))


def _published(outbound: Outbound, until: int) -> Iterator[tuple[Outgoing, str, int]]:
    """Yield (moment, userid, second) of what is to be seen in somebody's name."""
    for moment in _with_results(outbound, outbound.moments, until):
        for userid in outbound.senders(moment):
            published = outbound.sent_before(moment, userid, until)
            if published is not None:
                yield moment, userid, published


def _deliveries(outbound: Outbound, message: Outgoing, userid: str, sent: int | None) -> Payloads:
    if message.kind != "group":
        for relation in outbound.audience(message, userid):
            yield delivery_payload(outbound, message, relation, sent)
    elif sent is not None:
        for chat_id in outbound.chats(message, userid):
            yield chat_delivery_payload(chat_id, userid, sent)
