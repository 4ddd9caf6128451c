"""Snapshots of the store: get, list, page. The tenant check lives here.

Every function opens and closes its own read transaction and never awaits. Small reads are meant
to be called on the event loop (a point read takes about a microsecond); long scans are bounded
by `limits.SCAN_ROWS_MAX` and hand back a cursor.
"""

import base64
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

import attrs

from axiomd.errors import Malformed, NotFound
from axiomd.execution.arrivals import Arrival
from axiomd.execution.execution import Execution, OpenPause
from axiomd.execution.journal import AFTER_THE_END, Entry, EntryKind, Payload
from axiomd.execution.status import Status
from axiomd.execution.tenant_limits import OwnLimits
from axiomd.flow.artifact import Artifact
from axiomd.ids import token_expiry
from axiomd.limits import SCAN_ROWS_MAX, STREAM_BATCH_BYTES_MAX
from axiomd.store import keys
from axiomd.store.acts import Act, ActKind, acts_of, old_acts
from axiomd.store.artifact_records import decode_artifact
from axiomd.store.commit import ForgetCommit
from axiomd.store.cursors import (
    NO_CURSOR,
    decode_cursor,
    read_page,
    read_row_cursor,
    write_row_cursor,
)
from axiomd.store.env import Store, get
from axiomd.store.limit_records import decode_own_limits
from axiomd.store.ready import Ready
from axiomd.store.records import (
    ApiKeyRecord,
    DraftRecord,
    PackageRecord,
    SessionRecord,
    TenantRecord,
    decode_api_key,
    decode_arrival,
    decode_draft,
    decode_entry,
    decode_execution,
    decode_frame,
    decode_package,
    decode_session,
    decode_tenant,
)
from axiomd.store.retention import next_slice
from axiomd.store.sizes import Sizes, sizes_of
from axiomd.store.tenants import Holder, Tenant, every_tenant, holder
from axiomd.store.usage import UsageCount
from axiomd.store.walking import backwards, forwards

_LAST_ENTRIES = 2
"""The terminal's checkpoint and the completion that it brings are the last lines of a journal, but
for what is told of them afterwards."""
_SOME_ENTRIES = 64


@attrs.frozen
class ListFilter:
    """Which executions a list wants."""

    statuses: frozenset[Status] = frozenset()
    """Any of these; empty means all."""
    flow: str = ""
    created_from_ns: int = 0
    created_until_ns: int = 2**63
    """Exclusive."""
    text: str = ""
    """Part of the execution ID."""
    schedule_id: str = ""
    """The schedule that made it."""


@attrs.frozen
class Page:
    """Some rows of a list, newest first."""

    executions: Sequence[Execution]
    cursor: str | None
    """Where the next page begins; None after the last row."""


T = TypeVar("T")


@attrs.frozen
class Rows(Generic[T]):
    """Some rows of a list of the catalog."""

    rows: Sequence[T]
    cursor: str | None
    """Where the next page begins; None after the last row."""


@attrs.frozen
class WaitingPause:
    """An open pause of a list."""

    execution: Execution
    pause: OpenPause
    cursor: str
    """Where a page begins that goes on behind it."""


class Reader:
    """The store as everybody but the writer sees it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._tables = store.tables
        self.ready = Ready(store)
        """What waits for a worker."""

    # -- executions ---------------------------------------------------------------------------

    def execution(self, tenant: str, execution_id: str) -> Execution:
        """The record; NotFound also if it is another tenant's."""
        execution = self.find_execution(execution_id)
        if execution is None or execution.tenant != tenant:
            raise NotFound(f"There is no execution {execution_id}.")
        return execution

    def find_execution(self, execution_id: str) -> Execution | None:
        """The record of any tenant's execution: for the engine, never for the edge."""
        key = keys.execution_key(execution_id)
        with self._store.read() as transaction:
            value = get(transaction, key, self._tables[keys.EXECUTIONS])
        return decode_execution(execution_id, value) if value is not None else None

    def journal(self, execution_id: str, start: int = 0, limit: int = 2**31) -> list[Entry]:
        """Entries from seq `start` on, at most `limit`."""
        prefix = keys.execution_key(execution_id)
        first = keys.journal_key(prefix, start)
        with self._store.read() as transaction:
            cursor = transaction.cursor(self._tables[keys.JOURNAL])
            return [
                decode_entry(keys.journal_seq(key), value)
                for key, value in forwards(cursor, prefix, first, limit)
            ]

    def whole_journal(self, execution_id: str) -> Iterator[Entry]:
        """Every entry, read in steps: a journal may be longer than memory should hold at once."""
        start = 0
        while entries := self.journal(execution_id, start, SCAN_ROWS_MAX):
            yield from entries
            start = entries[-1].seq + 1

    def journal_backwards(self, execution_id: str, limit: int) -> list[Entry]:
        """The last `limit` entries, newest first."""
        prefix = keys.execution_key(execution_id)
        with self._store.read() as transaction:
            cursor = transaction.cursor(self._tables[keys.JOURNAL])
            return [
                decode_entry(keys.journal_seq(key), value)
                for key, value in backwards(cursor, prefix, prefix + b"\xff" * 5, limit)
            ]

    def output(self, execution_id: str, terminal: int) -> Payload | None:
        """What a completed unary execution returned; None if it ended before its terminal."""
        last = (e for e in self._backwards(execution_id) if e.kind not in AFTER_THE_END)
        for entry in itertools.islice(last, _LAST_ENTRIES):
            if entry.kind is EntryKind.NODE_COMPLETED and entry.position is not None:
                return entry.payload if entry.position.placement == terminal else None
        return None

    def _backwards(self, execution_id: str) -> Iterator[Entry]:
        """Every entry, newest first, a few at a time."""
        count = _LAST_ENTRIES
        found = self.journal_backwards(execution_id, count)
        yield from found
        while len(found) == count:
            count, before = _SOME_ENTRIES, found[-1].seq
            first = max(0, before - count)
            found = self.journal(execution_id, first, before - first)[::-1]
            yield from found

    def frames(
        self, execution_id: str, placement: int, start: int, limit: int
    ) -> list[tuple[int, Payload]]:
        """Frames a placement emitted, with their index, from `start` on.

        At most `limit`, and no more than STREAM_BATCH_BYTES_MAX beyond the first.
        """
        execution = keys.execution_key(execution_id)
        first = keys.frame_key(execution, placement, start)
        prefix = first[:-4]
        found: list[tuple[int, Payload]] = []
        size = 0
        with self._store.read() as transaction:
            cursor = transaction.cursor(self._tables[keys.FRAMES])
            for key, value in forwards(cursor, prefix, first, limit):
                payload = decode_frame(value)
                found.append((keys.frame_index(key), payload))
                # Not the row's own size: that of a blob is small whatever it holds.
                size += payload.size
                if size > STREAM_BATCH_BYTES_MAX:
                    break
        return found

    def blob_is_named(self, digest: bytes) -> bool:
        """Whether any record names the blob."""
        with self._store.read() as transaction:
            walk = transaction.cursor(self._tables[keys.BLOB_REFERENCES])
            return walk.set_range(digest) and bytes(walk.key()).startswith(digest)

    def blob_is_named_by(self, digest: bytes, execution_id: str) -> bool:
        """Whether an execution's history is known to name the blob."""
        key = keys.named_by_execution(digest, keys.execution_key(execution_id))
        return self._get(keys.BLOB_REFERENCES, key) is not None

    def next_to_forget(self, days: float, now_ns: int) -> ForgetCommit | None:
        """The next executions to forget, or None if none is due.

        days: how long ended executions are kept where a tenant has nothing else set.
        """
        return next_slice(self._store, days, now_ns)

    def tenant(self, tenant: str) -> TenantRecord:
        """What is set for a tenant; nothing, for one that nobody has set anything for."""
        value = self._get(keys.TENANTS, tenant.encode())
        return decode_tenant(value) if value is not None else TenantRecord()

    def tenants(self) -> dict[str, Tenant]:
        """Every tenant that was created or has had a key, by its ID."""
        return every_tenant(self._store)

    def frame_count(self, execution_id: str, placement: int) -> int:
        """Durable frames of a placement."""
        execution = keys.execution_key(execution_id)
        first = keys.frame_key(execution, placement, 0)
        with self._store.read() as transaction:
            cursor = transaction.cursor(self._tables[keys.FRAMES])
            for key, _ in backwards(cursor, first[:-4], first[:-4] + b"\xff" * 5, 1):
                return keys.frame_index(key) + 1
        return 0

    def arrivals(self, execution_id: str, gate: int, start: int, limit: int) -> list[Arrival]:
        """What an XOR gate took, from its input `start` on, at most `limit` rows.

        The first row holds that input, but may begin before it.
        """
        first = keys.arrival_key(keys.execution_key(execution_id), gate, start)
        prefix = first[:-4]
        with self._store.read() as transaction:
            walk = transaction.cursor(self._tables[keys.ARRIVALS])
            for key, value in backwards(walk, prefix, first, 1):
                before = decode_arrival(key, value)
                if before.index + before.count > start:
                    first = key
            rows = forwards(walk, prefix, first, limit)
            return [decode_arrival(key, value) for key, value in rows]

    def sizes(self) -> Sizes:
        """How large the store is, and how much waits in it."""
        return sizes_of(self._store)

    def claimed(self) -> list[str]:
        """Executions that some worker has."""
        with self._store.read() as transaction:
            cursor = transaction.cursor(self._tables[keys.CLAIMED])
            return [key.hex() for key, _ in forwards(cursor, b"", b"", 2**31)]

    def half_forked(self) -> list[str]:
        """IDs of forks that were begun and have no record yet."""
        with self._store.read() as transaction:
            cursor = transaction.cursor(self._tables[keys.FORGOTTEN])
            rows = forwards(cursor, b"", b"", 2**31)
            return [key.hex() for key, value in rows if value == keys.FORKING]

    def due(self, until_ns: int, limit: int) -> tuple[list[str], int | None]:
        """Parked executions whose time has come by `until_ns`, the most overdue first, and the
        time of the first one that is left, if any."""
        found: list[str] = []
        with self._store.read() as transaction:
            cursor = transaction.cursor(self._tables[keys.DUE])
            for key, _ in forwards(cursor, b"", b"", 2**31):
                due_ns, execution_id = keys.time_led_tail(key)
                if due_ns > until_ns or len(found) == limit:
                    return found, due_ns
                found.append(execution_id)
        return found, None

    def list_executions(
        self, tenant: str, wanted: ListFilter, limit: int, cursor: str | None = None
    ) -> Page:
        """A page of a tenant's executions, newest first.

        A page may hold fewer than `limit` and still have a cursor: the scan is bounded.
        Raises Malformed if `cursor` is none of ours.
        """
        table, prefix = self._index_for(tenant, wanted)
        last = prefix + keys.time_led(min(wanted.created_until_ns, 2**63), "0" * 32)
        if cursor is not None:
            last = min(last, prefix + _read_cursor(cursor))
        found: list[Execution] = []
        seen = b""
        with self._store.read() as transaction:
            executions = self._tables[keys.EXECUTIONS]
            index = transaction.cursor(self._tables[table])
            for key, _ in backwards(index, prefix, last, SCAN_ROWS_MAX):
                created, execution_id = keys.time_led_tail(key)
                if created < wanted.created_from_ns:
                    return Page(found, None)
                if len(found) >= limit:
                    return Page(found, _write_cursor(seen))
                seen = key
                if wanted.text and wanted.text not in execution_id:
                    continue
                value = get(transaction, keys.execution_key(execution_id), executions)
                assert value is not None, f"index {table} names {execution_id}, which is gone"
                execution = decode_execution(execution_id, value)
                if _wanted(execution, wanted):
                    found.append(execution)
            # The walk stands on the first row that it did not hand out.
            more = seen and bytes(index.key()).startswith(prefix)
        return Page(found, _write_cursor(seen) if more else None)

    def open_pauses(self, tenant: str, limit: int, cursor: str | None = None) -> Rows[WaitingPause]:
        """A page of what waits for a person, newest first. Raises Malformed.

        Pauses of one execution that were opened at the very same time are not parted.
        """
        prefix = keys.text_key(tenant)
        last = prefix + (_read_cursor(cursor) if cursor else keys.time_led(2**63, "0" * 32))
        found: list[WaitingPause] = []
        with self._store.read() as transaction:
            executions = self._tables[keys.EXECUTIONS]
            index = transaction.cursor(self._tables[keys.PAUSES])
            for key, _ in backwards(index, prefix, last, 2**31):
                if len(found) >= limit:
                    return Rows(found, found[-1].cursor)
                opened_ns, execution_id = keys.time_led_tail(key)
                value = get(transaction, keys.execution_key(execution_id), executions)
                assert value is not None, f"a pause is open of {execution_id}, which is gone"
                execution = decode_execution(execution_id, value)
                found += [
                    WaitingPause(execution, pause, _write_cursor(key))
                    for pause in execution.pauses
                    if pause.opened_ns == opened_ns
                ]
        return Rows(found, None)

    def _index_for(self, tenant: str, wanted: ListFilter) -> tuple[str, bytes]:
        if wanted.flow:
            return keys.BY_FLOW, keys.text_key(tenant, wanted.flow)
        if len(wanted.statuses) == 1:
            (status,) = wanted.statuses
            return keys.BY_STATUS, keys.text_key(tenant, status.value)
        return keys.BY_TENANT, keys.text_key(tenant)

    # -- catalog ------------------------------------------------------------------------------

    def artifact(self, tenant: str, graph_id: str) -> Artifact:
        """A compiled artifact; NotFound also if it is another tenant's."""
        value = self._get(keys.ARTIFACTS, graph_id.encode())
        artifact = decode_artifact(value) if value is not None else None
        if artifact is None or artifact.tenant != tenant:
            raise NotFound(f"There is no artifact {graph_id}.")
        return artifact

    def artifacts(self, tenant: str, limit: int, cursor: str | None = None) -> Rows[Artifact]:
        """A page of a tenant's artifacts, newest first. Raises Malformed."""
        rows = self._scan(keys.ARTIFACT_HASHES, keys.text_key(tenant))
        # IDs are led by time. Only those of the page are read: an artifact may be large.
        before = read_row_cursor(cursor) if cursor is not None else b"\xff"
        older = sorted((identity for _, identity in rows if identity < before), reverse=True)
        page = older[:limit]
        more = write_row_cursor(page[-1]) if len(older) > limit else None
        return Rows([self.artifact(tenant, identity.decode()) for identity in page], more)

    def package(self, tenant: str, name: str, version: str) -> PackageRecord | None:
        """What a version of a package names now."""
        value = self._get(keys.PACKAGES, keys.package_key(tenant, name, version))
        return decode_package(value) if value is not None else None

    def package_content(self, tenant: str, digest: str) -> PackageRecord:
        """A package by content, whatever its version names now; NotFound if there is none."""
        value = self._get(keys.PACKAGE_CONTENTS, keys.content_key(tenant, digest))
        if value is None:
            raise NotFound(f"There is no package content {digest}.")
        return decode_package(value)

    def packages(self, tenant: str, limit: int, cursor: str | None = None) -> Rows[PackageRecord]:
        """A page of a tenant's packages, by name and version. Raises Malformed."""
        return self._page(keys.PACKAGES, keys.text_key(tenant), decode_package, limit, cursor)

    def package_names(self, tenant: str) -> list[tuple[str, str]]:
        """Name and version of every package of a tenant."""
        prefix = keys.text_key(tenant)
        found = (key[len(prefix) :].decode() for key in self._keys(keys.PACKAGES, prefix))
        return [(name, version) for name, _, version in (text.partition("\0") for text in found)]

    def pushed_digests(self) -> list[str]:
        """The contents that versions name now, whoever pushed them."""
        values = (self._get(keys.PACKAGES, key) for key in self._keys(keys.PACKAGES, b""))
        return sorted({decode_package(value).digest for value in values if value is not None})

    def package_contents(self) -> list[tuple[str, str]]:
        """Tenant and digest of every package content."""
        found = (key.decode() for key in self._keys(keys.PACKAGE_CONTENTS, b""))
        return [(tenant, digest) for tenant, _, digest in (key.partition("\0") for key in found)]

    def draft(self, tenant: str, name: str) -> DraftRecord:
        """A flow draft, or NotFound."""
        value = self._get(keys.DRAFTS, keys.text_key(tenant) + name.encode())
        if value is None:
            raise NotFound(f"There is no flow {name}.")
        return decode_draft(value)

    def drafts(self, tenant: str, limit: int, cursor: str | None = None) -> Rows[DraftRecord]:
        """A page of a tenant's flow drafts, by name. Raises Malformed."""
        return self._page(keys.DRAFTS, keys.text_key(tenant), decode_draft, limit, cursor)

    def api_key(self, digest: bytes) -> ApiKeyRecord | None:
        """The API key with this SHA-256, revoked or not."""
        value = self._get(keys.API_KEYS, digest)
        return decode_api_key(value) if value is not None else None

    def api_keys(self) -> list[tuple[bytes, ApiKeyRecord]]:
        """Every API key's hash and record."""
        return [(key, decode_api_key(value)) for key, value in self._scan(keys.API_KEYS, b"")]

    def holder(self, digest: bytes) -> Holder | None:
        """Whose API key has this SHA-256; None if it is unknown or revoked."""
        return holder(self._store, digest)

    def acts(
        self, tenant: str, kind: ActKind | None, limit: int, cursor: str | None = None
    ) -> Rows[Act]:
        """A page of a tenant's administrative acts, newest first. Raises Malformed."""
        return Rows(*acts_of(self._store, tenant, kind, limit, cursor))

    def old_acts(self, before_ns: int, limit: int) -> list[tuple[str, bytes]]:
        """Table and key of administrative acts that were before then, at most `limit`."""
        return old_acts(self._store, before_ns, limit)

    def session(self, key: bytes) -> SessionRecord | None:
        """The session whose token is stored so, run out or not."""
        value = self._get(keys.SESSIONS, key)
        return decode_session(value) if value is not None else None

    def tenant_limits(self) -> dict[str, OwnLimits]:
        """The limits that are a tenant's own, of every tenant that has some."""
        rows = self._scan(keys.TENANT_LIMITS, b"")
        return {key.decode(): decode_own_limits(value) for key, value in rows}

    def count_usage(self, tenant: str, now_ns: int) -> UsageCount:
        """A count of what a tenant has here, which goes in steps."""
        return UsageCount(self._store, tenant, now_ns)

    def run_out(self, now_ns: int, limit: int) -> list[tuple[str, bytes]]:
        """Table and key of sessions and sign-in links that have run out, at most `limit`."""
        found: list[tuple[str, bytes]] = []
        with self._store.read() as transaction:
            for table in (keys.SESSIONS, keys.SIGN_IN_LINKS):
                walk = transaction.cursor(self._tables[table])
                rows = forwards(walk, b"", b"", limit - len(found))
                due = itertools.takewhile(lambda row: token_expiry(row[0]) <= now_ns, rows)
                found += [(table, key) for key, _ in due]
        return found

    def _get(self, table: str, key: bytes) -> bytes | None:
        if not 0 < len(key) <= keys.KEY_BYTES_MAX:
            return None
        with self._store.read() as transaction:
            return get(transaction, key, self._tables[table])

    def _scan(self, table: str, prefix: bytes) -> list[tuple[bytes, bytes]]:
        with self._store.read() as transaction:
            return list(forwards(transaction.cursor(self._tables[table]), prefix, prefix, 2**31))

    def _keys(self, table: str, prefix: bytes) -> list[bytes]:
        with self._store.read() as transaction:
            walk = transaction.cursor(self._tables[table])
            if prefix:
                walk.set_range(prefix)
            every = map(bytes, walk.iternext(values=False))
            return list(itertools.takewhile(lambda key: key.startswith(prefix), every))

    def _page(
        self,
        table: str,
        prefix: bytes,
        decode: Callable[[bytes], T],
        limit: int,
        cursor: str | None,
    ) -> Rows[T]:
        page, more = read_page(self._store, table, prefix, limit, cursor)
        return Rows([decode(value) for _, value in page], more)


def _wanted(execution: Execution, wanted: ListFilter) -> bool:
    if wanted.statuses and execution.status not in wanted.statuses:
        return False
    if wanted.schedule_id and execution.schedule_id != wanted.schedule_id:
        return False
    return not wanted.flow or execution.flow == wanted.flow


_CURSOR_BYTES = keys.CREATED_BYTES + keys.EXECUTION_BYTES


def _write_cursor(key: bytes) -> str:
    return base64.urlsafe_b64encode(key[-_CURSOR_BYTES:]).decode()


def _read_cursor(text: str) -> bytes:
    raw = decode_cursor(text)
    if len(raw) != _CURSOR_BYTES:
        raise Malformed(NO_CURSOR)
    return raw
