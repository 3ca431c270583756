"""Signed webhook: changes of a segment as JSON, posted to a service of the brand's own.

Receivers keep a set: a row that comes twice is there once, a removal of what is not there is no error. That
is why a delivery of unknown outcome is settled by sending the same rows again.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence

import httpx
import stamina

from activation.contracts import (
    Action,
    ActivationError,
    Change,
    DestinationStoppedError,
    Estimate,
    Observed,
    Order,
    Outcome,
    ReadBack,
    Receipt,
    Segment,
)
from activation.destinations.tool_members import ToolMembers
from activation.policy import Policy
from common.clock import utc_now
from common.settings import Settings

SIGNATURE, TIMESTAMP, DELIVERY = "X-Siyu-Signature", "X-Siyu-Timestamp", "X-Siyu-Delivery"
_STOPPING = {401, 403, 404, 405, 410}
_LATER = {408, 425, 429, 503}


class _LaterError(Exception):
    """The receiver asked us to come again later; nothing was taken."""


class Webhook(ToolMembers):
    """The destination ``webhook``."""

    name = "webhook"
    chunk_rows: int | None = 500

    def __init__(self, settings: Settings, policy: Policy) -> None:
        self._url, self._secret = settings.webhook_url, settings.webhook_secret
        self._policy = policy.webhook
        self._client: httpx.Client | None = None

    def estimate(self, rows: int) -> Estimate:
        """One call per 500 rows."""
        calls = self.calls(rows)
        return Estimate(calls, round(calls * self._policy.seconds_per_call / 60, 2))

    def prepare(self, order: Order, counts: Mapping[Action, int]) -> None:
        """Raise DestinationStoppedError unless there is somewhere to post to, and a key to sign with."""
        self._configured()

    def send(self, order: Order, changes: Sequence[Change]) -> Iterator[Receipt]:
        """Post the changes in one call; all of them share its outcome."""
        receipt, stopped = self._deliver(order, changes)
        for each in changes:
            yield Receipt(each.row_key, receipt.outcome, receipt.code, receipt.code_class, receipt.message)
        if stopped:
            raise DestinationStoppedError(stopped)

    def read_back(self, order: Order, changes: Sequence[Change]) -> dict[str, ReadBack]:
        """Send the rows again: then they are in effect, refused, or still in doubt (no answer for them)."""
        answers: dict[str, ReadBack] = {}
        size = self.chunk_rows or len(changes)
        for start in range(0, len(changes), size):
            some = changes[start : start + size]
            receipt, stopped = self._deliver(order, some)
            if stopped:
                raise DestinationStoppedError(stopped)
            if receipt.outcome != Outcome.IN_DOUBT:
                sent = receipt.outcome == Outcome.SENT
                answer = ReadBack.IN_EFFECT if sent else ReadBack.NOT_IN_EFFECT
                answers |= {each.row_key: answer for each in some}
        return answers

    def observe(self, segment: Segment, ours: Sequence[Segment]) -> Observed | None:
        """A receiver cannot be asked what it holds."""
        return None

    def close(self) -> None:
        """Let go of the connection."""
        if self._client is not None:
            self._client.close()

    def _configured(self) -> tuple[str, bytes]:
        if not self._url or self._secret is None:
            raise DestinationStoppedError(
                "the webhook is not configured: set SIYU_WEBHOOK_URL and SIYU_WEBHOOK_SECRET"
            )
        return self._url, self._secret.get_secret_value().encode()

    def _deliver(self, order: Order, changes: Sequence[Change]) -> tuple[Receipt, str | None]:
        body = _body(order, changes)
        # The same rows of the same plan are the same delivery: receivers may drop it when it comes again.
        delivery = hashlib.sha256(body).hexdigest()
        key = "*"
        try:
            status = self._post(body, delivery)
        except (httpx.ConnectError, httpx.ConnectTimeout, _LaterError) as error:
            return Receipt(
                key, Outcome.NOT_SENT, None, "retry_later", f"not taken ({type(error).__name__})"
            ), None
        except httpx.TransportError as error:
            return Receipt(
                key, Outcome.IN_DOUBT, None, "unknown", f"no answer ({type(error).__name__})"
            ), None
        if 200 <= status < 300:
            return Receipt(key, Outcome.SENT, str(status), "ok", f"delivery {delivery[:16]}"), None
        if status in _STOPPING:
            why = f"the webhook answered HTTP {status}; check SIYU_WEBHOOK_URL and the receiver's signature check"
            return Receipt(key, Outcome.NOT_SENT, str(status), "stopped", why), why
        if 400 <= status < 500:
            return Receipt(key, Outcome.REFUSED, str(status), "needs_person", f"HTTP {status}"), None
        return Receipt(key, Outcome.IN_DOUBT, str(status), "unknown", f"HTTP {status}"), None

    def _post(self, body: bytes, delivery: str) -> int:
        url, secret = self._configured()
        if self._client is None:
            self._client = httpx.Client(timeout=self._policy.timeout_seconds)
        again = (httpx.ConnectError, httpx.ConnectTimeout, _LaterError)
        for attempt in stamina.retry_context(
            on=again, attempts=4, timeout=120, wait_initial=0.5, wait_max=20
        ):
            with attempt:
                headers = {"Content-Type": "application/json", DELIVERY: delivery, **sign(secret, body)}
                status = self._client.post(url, content=body, headers=headers).status_code
                if status in _LATER:
                    raise _LaterError(f"HTTP {status}")
                return status
        raise ActivationError("stamina leaves its loop only by returning or raising")


def sign(secret: bytes, body: bytes, at: dt.datetime | None = None) -> dict[str, str]:
    """Return the headers that prove who sent a body and when: HMAC-SHA256 over ``<unix seconds>.<body>``."""
    seconds = str(int((at or utc_now()).timestamp()))
    digest = hmac.new(secret, seconds.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {TIMESTAMP: seconds, SIGNATURE: f"sha256={digest}"}


def _body(order: Order, changes: Sequence[Change]) -> bytes:
    rows = [
        {"action": str(each.action), "customer_id": each.customer_id, "values": each.values}
        for each in changes
    ]
    whole = {
        "segment_code": order.segment.code,
        "segment_name_zh": order.segment.name_zh,
        "as_of": order.as_of.isoformat(),
        "plan_id": order.plan_id,
        "changes": rows,
    }
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()
