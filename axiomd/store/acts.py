"""The log of administrative acts: who changed what on this box, and when.

A row is written by the writer in the transaction of the act itself, so neither is ever on disk
without the other; a commit that is refused leaves none. Rows never change, and go when they are
old. They name things and never tell a secret: a key by its masked form, a receiver by its host.

To log an act, give its commit the rows: `RowsCommit(puts, acts=acted(by, tenant, at_ns, ActKind…,
subject, **detail))`.
"""

import json
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import attrs
import lmdb

from axiomd.errors import Malformed
from axiomd.limits import SCAN_ROWS_MAX
from axiomd.store import keys
from axiomd.store import record_pb2 as pb
from axiomd.store.cursors import NO_CURSOR, read_row_cursor, write_row_cursor
from axiomd.store.env import Store
from axiomd.store.records import ApiKeyRecord
from axiomd.store.versions import VERSION, body
from axiomd.store.walking import backwards

CONSOLE_SESSION = "console session"
"""Who signed in by a link, in the log."""


class ActKind(StrEnum):
    """What somebody did; the words are stable."""

    KEY_CREATED = "key.created"
    KEY_REVOKED = "key.revoked"
    TENANT_CREATED = "tenant.created"
    TENANT_RENAMED = "tenant.renamed"
    TENANT_DISABLED = "tenant.disabled"
    TENANT_ENABLED = "tenant.enabled"
    TENANT_RETENTION_CHANGED = "tenant.retention_changed"
    TENANT_LIMITS_CHANGED = "tenant.limits_changed"
    PACKAGE_PUSHED = "package.pushed"
    FLOW_SAVED = "flow.saved"
    FLOW_DELETED = "flow.deleted"
    FLOW_COMPILED = "flow.compiled"
    WEBHOOK_ADDED = "webhook.added"
    WEBHOOK_REMOVED = "webhook.removed"
    WEBHOOK_SECRET_ROTATED = "webhook_secret.rotated"
    SECRET_SET = "secret.set"
    SECRET_DELETED = "secret.deleted"
    SECRETS_KEY_ROTATED = "secrets_key.rotated"
    FLOW_CONFIG_CREATED = "flow_config.created"
    FLOW_CONFIG_CHANGED = "flow_config.changed"
    FLOW_CONFIG_DELETED = "flow_config.deleted"
    SCHEDULE_CREATED = "schedule.created"
    SCHEDULE_CHANGED = "schedule.changed"
    SCHEDULE_PAUSED = "schedule.paused"
    SCHEDULE_RESUMED = "schedule.resumed"
    SCHEDULE_DELETED = "schedule.deleted"
    SESSION_CREATED = "session.created"
    SESSION_ENDED = "session.ended"
    LOGIN_LINK_CREATED = "login_link.created"


@attrs.frozen
class Actor:
    """Who does something."""

    name: str
    """As it stands in the log: a key's name and first 8 characters, `console session`, …"""
    tenant: str
    """Whose key or session it is."""


@attrs.frozen
class Act:
    """One line of a tenant's log."""

    tenant: str
    """In whose log it stands."""
    at_ns: int
    by: str
    kind: ActKind
    subject: str
    """What it was done to."""
    detail: str = "{}"
    """JSON of an object."""


def actor_of(key: ApiKeyRecord) -> Actor:
    """Who uses an API key, or a session that stands for it."""
    name = CONSOLE_SESSION if key.console else f"{key.name}/{key.first8}"
    return Actor(name, key.tenant)


def acted(
    by: Actor, tenant: str, at_ns: int, kind: ActKind, subject: str, **detail: object
) -> tuple[Act, ...]:
    """The rows that an act leaves: one in the log of the tenant that it concerns, and one in that
    of who did it, if that is another tenant's.

    detail: what JSON can say, and never a secret.
    """
    act = Act(tenant, at_ns, by.name, kind, subject, _json(detail))
    if by.tenant == tenant:
        return (act,)
    return act, attrs.evolve(act, tenant=by.tenant, detail=_json({"tenant": tenant, **detail}))


def _json(detail: Mapping[str, object]) -> str:
    return json.dumps(detail, ensure_ascii=False)


def masked(key: ApiKeyRecord) -> str:
    """How an API key is shown: its first 8 characters and, where they are known, its last 4."""
    return f"{key.first8}…{key.last4}"


def encode_act(act: Act) -> bytes:
    """An act; its tenant and its time are the row's key."""
    record = pb.Act(by=act.by, kind=act.kind, subject=act.subject, detail=act.detail)
    return VERSION + record.SerializeToString()


def decode_act(key: bytes, value: bytes) -> Act:
    """The act stored under `key`."""
    record = pb.Act.FromString(body(value))
    tenant, at_ns = keys.act_place(key)
    kind = ActKind(record.kind)
    return Act(tenant, at_ns, record.by, kind, record.subject, record.detail)


def put_acts(
    tables: Mapping[str, "lmdb._Database"], transaction: "lmdb.Transaction", acts: Iterable[Act]
) -> None:
    """Write acts in the transaction of what they tell of; none replaces another."""
    table = tables[keys.ACTS]
    for act in acts:
        prefix = keys.text_key(act.tenant)
        behind = keys.act_key(act.tenant, act.at_ns + 1)
        last = next(backwards(transaction.cursor(table), prefix, behind, 1), None)
        number = 0
        if last is not None and keys.act_place(last[0])[1] == act.at_ns:
            number = keys.act_number(last[0]) + 1
        key = keys.act_key(act.tenant, act.at_ns, number)
        put = transaction.put(key, encode_act(act), db=table, overwrite=False)
        assert put, "an act would replace another one"


def acts_of(
    store: Store, tenant: str, kind: ActKind | None, limit: int, cursor: str | None
) -> tuple[list[Act], str | None]:
    """Some of a tenant's acts, newest first, and the cursor behind them if there may be more.

    There may be fewer than `limit` and still a cursor: the scan is bounded. Raises Malformed.
    """
    prefix = keys.text_key(tenant)
    last = prefix + (_read_place(cursor) if cursor is not None else b"\xff" * keys.ACT_TAIL_BYTES)
    found: list[Act] = []
    seen = 0
    with store.read() as transaction:
        walk = transaction.cursor(store.tables[keys.ACTS])
        for key, value in backwards(walk, prefix, last, SCAN_ROWS_MAX):
            if len(found) == limit:
                return found, write_row_cursor(last[len(prefix) :])
            seen, last = seen + 1, key
            act = decode_act(key, value)
            if kind is None or act.kind is kind:
                found.append(act)
    more = seen == SCAN_ROWS_MAX
    return found, write_row_cursor(last[len(prefix) :]) if more else None


def old_acts(store: Store, before_ns: int, limit: int) -> list[tuple[str, bytes]]:
    """Table and key of acts of any tenant that were before then, at most `limit`."""
    found: list[tuple[str, bytes]] = []
    with store.read() as transaction:
        walk = transaction.cursor(store.tables[keys.ACTS])
        more = walk.first()
        while more and len(found) < limit:
            key = bytes(walk.key())
            tenant, at_ns = keys.act_place(key)
            if at_ns < before_ns:
                found.append((keys.ACTS, key))
                more = walk.next()
            else:
                # So is what follows of that tenant.
                more = walk.set_range(tenant.encode() + b"\1")
    return found


def act_faults(_: "lmdb.Transaction", key: bytes, value: bytes) -> Iterable[str]:
    """An act can be read, and says who did what."""
    act = decode_act(key, value)
    if not act.tenant or not act.by:
        yield "nobody has done it, or in nobody's log"
    detail: Any = json.loads(act.detail)
    if not isinstance(detail, dict):
        yield "its detail is no object"


def _read_place(cursor: str) -> bytes:
    raw = read_row_cursor(cursor)
    if len(raw) != keys.ACT_TAIL_BYTES:
        raise Malformed(NO_CURSOR)
    return raw
