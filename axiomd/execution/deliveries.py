"""Telling somebody outside: what is told, and when it is tried again.

Pure. A delivery is one message for one receiver. It begins in the commit of what it tells of,
and its ID follows from that, so that a receiver can tell a repeat from a second message.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Literal, get_args

import attrs

from axiomd.clock import NS_PER_DAY, NS_PER_S, rfc3339
from axiomd.execution.execution import Execution
from axiomd.execution.journal import Entry, EntryKind
from axiomd.execution.status import Status
from axiomd.execution.targets import Target, lane_of
from axiomd.limits import WEBHOOK_ATTEMPTS_MAX

Event = Literal[
    "pause_opened",
    "node_in_doubt",
    "execution_completed",
    "execution_failed",
    "execution_cancelled",
]
"""What a tenant can subscribe to."""
EVENTS: tuple[Event, ...] = get_args(Event)

ENDED = "execution.ended"
"""The type of what an invocation's own webhook is told: the answer to a `wait`."""

_AGAIN_AFTER_S = (5, 300, 1_800, 7_200, 18_000, 36_000, 21_600)
"""Seconds between attempts: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 6 h."""
_JITTER = 0.1
"""The share by which such a time is shorter or longer, as chance has it."""
_GONE = 410
_HASH_CHARACTERS = 16
_LAST = 0xFFFF_FFFF
"""Where the result of an execution stands among its deliveries, whatever its history's length."""
_MESSAGE_ID = re.compile(r"msg_([0-9a-f]{32})_([0-9a-f]{24})")
_ENDINGS: dict[Status, Event] = {
    Status.COMPLETED: "execution_completed",
    Status.FAILED: "execution_failed",
    Status.CANCELLED: "execution_cancelled",
}
_ASKING: dict[EntryKind, Event] = {
    EntryKind.PAUSE_OPENED: "pause_opened",
    EntryKind.NODE_IN_DOUBT: "node_in_doubt",
}


class DeliveryStatus(StrEnum):
    """How far a delivery has come."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"


@attrs.frozen
class Subscription:
    """A tenant's wish to be told of some events of all its executions."""

    subscription_id: str
    tenant: str
    target: Target
    events: tuple[str, ...]
    created_ns: int
    stopped_ns: int = 0
    """When its receiver said that it is gone, for good; 0 while it is served."""


@attrs.frozen
class DeliveryAttempt:
    """One request, and what came of it."""

    at_ns: int
    ms: float
    status_code: int = 0
    """0 if there was no answer."""
    error: str = ""
    """Why it did not succeed."""

    @property
    def succeeded(self) -> bool:
        """Whether the receiver has the message."""
        return 200 <= self.status_code < 300

    @property
    def gone(self) -> bool:
        """Whether the receiver wants no more."""
        return self.status_code == _GONE


@attrs.frozen
class Delivery:
    """One message for one receiver."""

    execution_id: str
    key: str
    """24 hex characters: which of the execution's deliveries it is, in the order of its history."""
    tenant: str
    kind: str
    """The type of the message: `pause.opened`."""
    origin: str
    """Scheme and host of the receiver."""
    created_ns: int
    since_ns: int
    """When this round of attempts began: at the creation, or when somebody asked again."""
    due_ns: int
    """When it is tried next; 0 if it is not."""
    status: DeliveryStatus = DeliveryStatus.PENDING
    subscription_id: str = ""
    """Whose target it goes to; empty for the execution's own webhook."""
    seq: int = 0
    """The entry of the execution's history that it tells of."""
    tries: int = 0
    """Attempts of this round."""
    attempts: tuple[DeliveryAttempt, ...] = ()
    """The last ones."""

    @property
    def message_id(self) -> str:
        """The `webhook-id`: the same for every attempt."""
        return f"msg_{self.execution_id}_{self.key}"

    @property
    def lane(self) -> bytes:
        """What it shares its turns with."""
        return lane_of(self.tenant, self.origin)


def parse_message_id(text: str) -> tuple[str, str] | None:
    """The execution and the key in a `webhook-id`; None if it is none."""
    match = _MESSAGE_ID.fullmatch(text)
    return (match[1], match[2]) if match else None


def delivery_key(seq: int, what: str, subscription_id: str) -> str:
    """The key of the one delivery that tells a subscription this of an execution.

    seq: the entry of its history that it tells of.
    """
    named = hashlib.sha256(f"{what}/{subscription_id}".encode()).hexdigest()
    return f"{seq:08x}{named[:_HASH_CHARACTERS]}"


def result_key() -> str:
    """The key of what an execution's own webhook is told."""
    return delivery_key(_LAST, ENDED, "")


def beginning(
    before: Execution | None,
    after: Execution,
    entries: Sequence[Entry],
    subscriptions: Iterable[Subscription],
) -> Iterator[Delivery]:
    """The deliveries that begin with a commit.

    entries: the last of the execution's history, which the commit has written. subscriptions:
    those of its tenant. The end of a child is told by its parent's.
    """
    first = after.entries - len(entries)
    told: list[tuple[Event, int]] = []
    for seq, entry in enumerate(entries, first):
        event = _ASKING.get(entry.kind)
        if event is not None:
            told.append((event, seq))
    ended = after.status.ended and (before is None or not before.status.ended)
    if ended and after.webhook is not None:
        target, seq = after.webhook, after.entries - 1
        yield _begun(after, ENDED, result_key(), target.origin, seq)
    if ended and not after.parent_id:
        told.append((_ENDINGS[after.status], after.entries - 1))
    for one in subscriptions if told else ():
        for event, seq in told:
            if event in one.events and not one.stopped_ns:
                key = delivery_key(seq, event, one.subscription_id)
                begun = _begun(after, message_type(event), key, one.target.origin, seq)
                yield attrs.evolve(begun, subscription_id=one.subscription_id)


def _begun(after: Execution, kind: str, key: str, origin: str, seq: int) -> Delivery:
    at_ns = after.updated_ns
    return Delivery(
        execution_id=after.execution_id,
        key=key,
        tenant=after.tenant,
        kind=kind,
        origin=origin,
        created_ns=at_ns,
        since_ns=at_ns,
        due_ns=at_ns,
        seq=seq,
    )


def message_type(event: Event) -> str:
    """`pause_opened` as the type of a message: `pause.opened`."""
    return event.replace("_", ".", 1)


def after_attempt(delivery: Delivery, attempt: DeliveryAttempt, chance: float) -> Delivery:
    """The delivery with one more attempt: done, given up, or to be tried again.

    chance: from 0 to 1, for the jitter.
    """
    attempts = (*delivery.attempts, attempt)[-WEBHOOK_ATTEMPTS_MAX:]
    tried = attrs.evolve(delivery, attempts=attempts, tries=delivery.tries + 1, due_ns=0)
    if attempt.succeeded:
        return attrs.evolve(tried, status=DeliveryStatus.DELIVERED)
    due_ns = 0 if attempt.gone else _again_ns(tried, attempt.at_ns, chance)
    if not due_ns:
        return attrs.evolve(tried, status=DeliveryStatus.FAILED)
    return attrs.evolve(tried, due_ns=due_ns)


def _again_ns(tried: Delivery, at_ns: int, chance: float) -> int:
    """When to try again, within a day of the first attempt; 0 for never."""
    until_ns = tried.since_ns + NS_PER_DAY
    if tried.tries > len(_AGAIN_AFTER_S) or at_ns >= until_ns:
        return 0
    pause_s = _AGAIN_AFTER_S[tried.tries - 1] * (1 + _JITTER * (2 * chance - 1))
    return min(at_ns + int(pause_s * NS_PER_S), until_ns)


def given_up(delivery: Delivery, error: str, at_ns: int) -> tuple[Delivery, DeliveryAttempt]:
    """The delivery when there is nobody left to tell, and the attempt that was none."""
    attempt = DeliveryAttempt(at_ns, 0.0, error=error)
    attempts = (*delivery.attempts, attempt)[-WEBHOOK_ATTEMPTS_MAX:]
    failed = attrs.evolve(delivery, attempts=attempts, due_ns=0, status=DeliveryStatus.FAILED)
    return failed, attempt


def asked_again(delivery: Delivery, at_ns: int) -> Delivery:
    """The delivery when somebody wants it once more: due at once, with all its attempts."""
    again = DeliveryStatus.PENDING
    return attrs.evolve(delivery, status=again, due_ns=at_ns, since_ns=at_ns, tries=0)


def scheduled_entry(delivery: Delivery, by: str = "") -> Entry:
    """The history says that somebody will be told; `by` whom that was asked again."""
    detail = _detail(delivery) | ({"by": by} if by else {})
    kind = EntryKind.WEBHOOK_SCHEDULED
    return Entry(kind, delivery.since_ns, detail=json.dumps(detail))


def attempt_entry(after: Delivery, attempt: DeliveryAttempt) -> Entry:
    """The history says what came of an attempt."""
    detail = _detail(after)
    if attempt.status_code:
        detail["status_code"] = attempt.status_code
    if attempt.error:
        detail["error"] = attempt.error
    if after.due_ns:
        detail["due_at"] = rfc3339(after.due_ns)
    kind = {
        DeliveryStatus.PENDING: EntryKind.WEBHOOK_ATTEMPTED,
        DeliveryStatus.DELIVERED: EntryKind.WEBHOOK_DELIVERED,
        DeliveryStatus.FAILED: EntryKind.WEBHOOK_FAILED,
    }[after.status]
    return Entry(kind, attempt.at_ns, attempt=after.tries, detail=json.dumps(detail))


def _detail(delivery: Delivery) -> dict[str, object]:
    found: dict[str, object] = {
        "delivery_id": delivery.message_id,
        "type": delivery.kind,
        "to": delivery.origin,
    }
    return found
