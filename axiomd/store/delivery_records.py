"""Deliveries, subscriptions and signing secrets as bytes and back, and the rows that follow."""

import attrs

from axiomd.execution.deliveries import Delivery, DeliveryAttempt, DeliveryStatus, Subscription
from axiomd.execution.signatures import SigningSecrets
from axiomd.store import keys
from axiomd.store import record_pb2 as pb
from axiomd.store.records import read_target, target_record
from axiomd.store.versions import VERSION, body, reads

Row = tuple[str, bytes]
"""Table and key of a row without a value."""


def encode_delivery(delivery: Delivery) -> bytes:
    """A delivery; its execution and its own key are the row's."""
    record = pb.Delivery(
        tenant=delivery.tenant,
        kind=delivery.kind,
        origin=delivery.origin,
        created_ns=delivery.created_ns,
        since_ns=delivery.since_ns,
        due_ns=delivery.due_ns,
        status=delivery.status.value,
        subscription_id=delivery.subscription_id,
        seq=delivery.seq,
        tries=delivery.tries,
        attempts=[pb.DeliveryAttempt(**attrs.asdict(one)) for one in delivery.attempts],
    )
    return VERSION + record.SerializeToString()


@reads
def decode_delivery(key: bytes, value: bytes) -> Delivery:
    """The delivery stored under `key`."""
    record = pb.Delivery.FromString(body(value))
    execution_id, own = keys.delivery_place(key)
    return Delivery(
        execution_id=execution_id,
        key=own,
        tenant=record.tenant,
        kind=record.kind,
        origin=record.origin,
        created_ns=record.created_ns,
        since_ns=record.since_ns,
        due_ns=record.due_ns,
        status=DeliveryStatus(record.status),
        subscription_id=record.subscription_id,
        seq=record.seq,
        tries=record.tries,
        attempts=tuple(
            DeliveryAttempt(one.at_ns, one.ms, one.status_code, one.error)
            for one in record.attempts
        ),
    )


def index_rows(delivery: Delivery) -> frozenset[Row]:
    """Every index row that a delivery has; they are never written by hand."""
    place = delivery.execution_id, delivery.key
    by_time = keys.timed_delivery_key(delivery.tenant, delivery.created_ns, *place)
    rows = {(keys.DELIVERIES_BY_TIME, by_time)}
    if delivery.due_ns:
        due = keys.due_delivery_key(delivery.lane, delivery.due_ns, *place)
        rows.add((keys.DELIVERIES_DUE, due))
    return frozenset(rows)


def encode_subscription(subscription: Subscription) -> bytes:
    """A subscription; its tenant and its ID are the row's key."""
    record = pb.Subscription(
        target=target_record(subscription.target),
        events=subscription.events,
        created_ns=subscription.created_ns,
        stopped_ns=subscription.stopped_ns,
    )
    return VERSION + record.SerializeToString()


@reads
def decode_subscription(key: bytes, value: bytes) -> Subscription:
    """The subscription stored under `key`."""
    record = pb.Subscription.FromString(body(value))
    tenant, _, identity = key.decode().partition("\0")
    return Subscription(
        subscription_id=identity,
        tenant=tenant,
        target=read_target(record.target),
        events=tuple(record.events),
        created_ns=record.created_ns,
        stopped_ns=record.stopped_ns,
    )


def encode_secrets(secrets: SigningSecrets) -> bytes:
    """What a tenant's webhooks are signed with."""
    return VERSION + pb.SigningSecrets(**attrs.asdict(secrets)).SerializeToString()


@reads
def decode_secrets(value: bytes) -> SigningSecrets:
    """The secrets stored as `value`."""
    record = pb.SigningSecrets.FromString(body(value))
    return SigningSecrets(
        record.current, record.created_ns, record.previous, record.previous_until_ns
    )
