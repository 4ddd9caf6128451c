"""Whether a data directory keeps every promise that can be seen in it.

Reads beside a running server: every look is one short read transaction, and what a look compares
is read in the same one. A history is read in steps, as far as its record says; it only ever
grows, and an execution whose record changes meanwhile is looked at again before it is called
broken. Memory does not follow the size of the store: tables are walked by cursor, and findings
beyond a bound are only counted.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

import attrs
import lmdb
from google.protobuf.message import DecodeError

from axiomd.errors import StoreFailed
from axiomd.execution.arrivals import Arrival
from axiomd.execution.execution import Execution, index_keys
from axiomd.execution.journal import Entry, Payload
from axiomd.execution.status import Status
from axiomd.flow.artifact import Artifact
from axiomd.ids import token_expiry
from axiomd.limits import FINDINGS_MAX, VERIFY_LOOKS_MAX, VERIFY_ROWS_MAX
from axiomd.store import keys
from axiomd.store.acts import act_faults
from axiomd.store.artifact_records import decode_artifact
from axiomd.store.blobs import Blobs
from axiomd.store.delivery_rules import DeliveryLooks, Faults, RowLook
from axiomd.store.env import Store, get
from axiomd.store.limit_records import decode_own_limits
from axiomd.store.reader import Reader
from axiomd.store.records import (
    decode_api_key,
    decode_draft,
    decode_execution,
    decode_idempotency,
    decode_link,
    decode_package,
    decode_session,
    decode_tenant,
)
from axiomd.store.rules import arrival_faults, history_faults
from axiomd.store.schedule_rules import ScheduleLooks
from axiomd.store.vault_rules import VaultLooks

_ARTIFACTS_HELD = 64
_UNREADABLE = (StoreFailed, DecodeError, ValueError, AssertionError, LookupError)
"""What decoding raises where a row is not what it should be."""

FindArtifact = Callable[[str], Artifact | None]
"""Artifact ID to the artifact."""


@attrs.frozen
class Finding:
    """One promise that is broken."""

    subject: str
    """What it is about: `execution 0197…`, `index st`, `blob 9f86…`."""
    fault: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.fault}"


@attrs.frozen
class Report:
    """What a look at a whole data directory found."""

    findings: tuple[Finding, ...]
    """At most FINDINGS_MAX of them."""
    found: int
    """How many there are."""
    counts: Mapping[str, int]
    """What was looked at, and `orphans`: blobs that nothing names, which is no fault."""

    @property
    def clean(self) -> bool:
        """Whether every promise is kept."""
        return self.found == 0


@attrs.frozen
class Progress:
    """How far a look has come."""

    what: str
    """What is being looked at now: a key of `Report.counts`."""
    done: int
    total: int
    """What `done` will come to, 0 if that is not known; a guess where a server writes."""


OnProgress = Callable[[Progress], None]


def verify(
    store: Store,
    blobs: Blobs,
    find_artifact: FindArtifact | None = None,
    on_progress: OnProgress = lambda _: None,
) -> Report:
    """Look at everything. Blocks; any process that has the store open may do it.

    find_artifact: for a store whose artifacts live elsewhere; else they are read from it.
    """
    look = _Look(store, blobs, find_artifact, on_progress)
    look.at_everything()
    return Report(tuple(look.findings), look.found, dict(look.counts))


class _Look:
    """One pass over a data directory."""

    def __init__(
        self,
        store: Store,
        blobs: Blobs,
        find_artifact: FindArtifact | None,
        on_progress: OnProgress,
    ) -> None:
        self._store = store
        self._tables = store.tables
        self._blobs = blobs
        self._reader = Reader(store)
        self._deliveries = DeliveryLooks(store.tables)
        self._schedules = ScheduleLooks(store.tables, find_artifact)
        self._find_artifact = find_artifact or lru_cache(_ARTIFACTS_HELD)(self._stored_artifact)
        self._on_progress = on_progress
        self.findings: list[Finding] = []
        self.found = 0
        self.counts: Counter[str] = Counter()

    def at_everything(self) -> None:
        """Every table, every history, every blob."""
        self._walk("records", keys.EXECUTIONS, self._record_faults)
        for name, table in keys.INDEX_TABLES.items():
            self._walk("index_rows", table, self._index_row_faults(name))
        self._walk("index_rows", keys.RETIRED_READY, self._retired_faults)
        for table in _OF_HISTORIES:
            self._walk("strays", table, self._stray_faults, _after_execution)
        self._walk("forgotten", keys.FORGOTTEN, self._forgotten_faults)
        self._walk("references", keys.BLOB_REFERENCES, self._reference_faults)
        self._walk("idempotency_keys", keys.IDEMPOTENCY, self._idempotency_faults)
        self._at_catalog()
        self._at_histories()
        self._at_blobs()

    def _at_catalog(self) -> None:
        for table, look in self._deliveries.of_tables():
            self._walk("webhooks", table, look)
        for table, look in VaultLooks(self._store.tables).of_tables():
            self._walk("secrets", table, look)
        for table, look in self._schedules.of_tables():
            self._walk("schedules", table, look)
        self._walk("tenants", keys.TENANTS, self._tenant_faults)
        self._walk("tenant_limits", keys.TENANT_LIMITS, self._limits_faults)
        self._walk("api_keys", keys.API_KEYS, self._api_key_faults)
        self._walk("sessions", keys.SESSIONS, self._session_faults)
        self._walk("sign_in_links", keys.SIGN_IN_LINKS, self._link_faults)
        self._walk("acts", keys.ACTS, act_faults)
        self._walk("packages", keys.PACKAGES, self._package_faults)
        self._walk("package_contents", keys.PACKAGE_CONTENTS, self._package_content_faults)
        self._walk("drafts", keys.DRAFTS, self._draft_faults)
        self._walk("artifacts", keys.ARTIFACTS, self._artifact_faults)
        self._walk("artifact_hashes", keys.ARTIFACT_HASHES, self._artifact_hash_faults)

    def _walk(
        self,
        what: str,
        table: str,
        look: RowLook,
        after: Callable[[bytes], bytes] = lambda key: key + b"\0",
    ) -> None:
        """Look at the rows of a table, a bounded number of them in each transaction."""
        first: bytes | None = b""
        while first is not None:
            with self._store.read() as transaction:
                total = transaction.stat(self._tables[table])["entries"]
                walk = transaction.cursor(self._tables[table])
                for _ in range(VERIFY_ROWS_MAX):
                    if not (walk.set_range(first) if first else walk.first()):
                        first = None
                        break
                    key, value = bytes(walk.key()), bytes(walk.value())
                    self._note(_subject(table, key), _tried(look, transaction, key, value))
                    self._step(what, total)
                    first = after(key)

    def _note(self, subject: str, faults: Faults) -> None:
        for fault in faults:
            self.found += 1
            if len(self.findings) < FINDINGS_MAX:
                self.findings.append(Finding(subject, fault))

    def _step(self, what: str, total: int) -> None:
        self.counts[what] += 1
        if self.counts[what] % VERIFY_ROWS_MAX == 1:
            self._on_progress(Progress(what, self.counts[what], total))

    def _get(self, transaction: "lmdb.Transaction", table: str, key: bytes) -> bytes | None:
        return get(transaction, key, self._tables[table])

    # -- executions ---------------------------------------------------------------------------

    def _record_faults(self, transaction: "lmdb.Transaction", key: bytes, value: bytes) -> Faults:
        """A record has every index row it should have (rule 7), and its journal no more than it."""
        execution = decode_execution(key.hex(), value)
        for name, parts in index_keys(execution):
            table = keys.INDEX_TABLES[name]
            if self._get(transaction, table, keys.index_key(name, parts)) is None:
                yield f"rule 7: index {table} lacks its row"
        yield from self._kin_faults(transaction, execution)
        yield from self._deliveries.end_faults(transaction, execution)
        beyond = keys.journal_key(key, execution.entries)
        walk = transaction.cursor(self._tables[keys.JOURNAL])
        if walk.set_range(beyond) and bytes(walk.key()).startswith(key):
            yield f"its journal goes on behind the {execution.entries} entries of its record"

    def _kin_faults(self, transaction: "lmdb.Transaction", execution: Execution) -> Faults:
        """A parent names those of its children that have not ended, and no others."""
        for child_id in execution.children:
            child = self._execution(transaction, child_id)
            if child is None or child.parent_id != execution.execution_id:
                yield f"it names child {child_id}, which is not there, or another one's"
            elif child.status.ended:
                yield f"it waits for child {child_id}, which has ended"
        if not execution.parent_id or execution.status.ended:
            return
        parent = self._execution(transaction, execution.parent_id)
        if parent is None or execution.execution_id not in parent.children:
            # What undoes its work is not cut short by the end of its parent.
            if execution.status is not Status.COMPENSATING:
                yield f"it goes on, and its parent {execution.parent_id} does not wait for it"
        elif parent.depth + 1 != execution.depth or parent.tenant != execution.tenant:
            yield f"it is no child as its parent {execution.parent_id} can have one"

    def _execution(self, transaction: "lmdb.Transaction", execution_id: str) -> Execution | None:
        value = self._get(transaction, keys.EXECUTIONS, keys.execution_key(execution_id))
        return decode_execution(execution_id, value) if value is not None else None

    def _index_row_faults(self, name: str) -> RowLook:
        """No index row is left of what its record no longer is (rule 7)."""

        def look(transaction: "lmdb.Transaction", key: bytes, _: bytes) -> Faults:
            identity = key[-keys.EXECUTION_BYTES :]
            value = self._get(transaction, keys.EXECUTIONS, identity)
            if value is None:
                yield f"rule 7: it names execution {identity.hex()}, which is not there"
                return
            rows = index_keys(decode_execution(identity.hex(), value))
            if key not in (keys.index_key(*row) for row in rows if row[0] == name):
                yield f"rule 7: it has a row too many, of execution {identity.hex()}"

        return look

    def _retired_faults(self, _: "lmdb.Transaction", key: bytes, __: bytes) -> Faults:
        """Nothing is left in an index that nobody reads any more."""
        yield f"rule 7: it has a row of execution {key[-keys.EXECUTION_BYTES :].hex()}"

    def _stray_faults(self, transaction: "lmdb.Transaction", key: bytes, _: bytes) -> Faults:
        """No history is left without a record, unless it is known to be on its way out."""
        owner = key[: keys.EXECUTION_BYTES]
        places = (keys.EXECUTIONS, keys.FORGOTTEN)
        if all(self._get(transaction, place, owner) is None for place in places):
            yield "it has a history and no record"

    def _forgotten_faults(self, transaction: "lmdb.Transaction", key: bytes, _: bytes) -> Faults:
        """What is being forgotten has no record any more."""
        if self._get(transaction, keys.EXECUTIONS, key) is not None:
            yield "it is being forgotten and still has a record"

    def _reference_faults(self, transaction: "lmdb.Transaction", key: bytes, _: bytes) -> Faults:
        """A reference to a blob is that of something that is there."""
        kind, owner = key[keys.BLOB_BYTES : keys.BLOB_BYTES + 1], key[keys.BLOB_BYTES + 1 :]
        places: tuple[str, ...] = (keys.EXECUTIONS, keys.FORGOTTEN)
        words = f"execution {owner.hex()}"
        if kind != b"e":
            places, words = (keys.PACKAGE_CONTENTS,), f"package content {owner[-64:].decode()}"
        if all(self._get(transaction, place, owner) is None for place in places):
            yield f"{words} refers to it and is not there"

    def _idempotency_faults(
        self, transaction: "lmdb.Transaction", _: bytes, value: bytes
    ) -> Faults:
        """An Idempotency-Key names an execution that is there."""
        identity = decode_idempotency(value).execution_id
        if self._get(transaction, keys.EXECUTIONS, keys.execution_key(identity)) is None:
            yield f"it names execution {identity}, which is not there"

    def _at_histories(self) -> None:
        first: bytes | None = b""
        while first is not None:
            with self._store.read() as transaction:
                total = transaction.stat(self._tables[keys.EXECUTIONS])["entries"]
                walk = transaction.cursor(self._tables[keys.EXECUTIONS])
                some: list[bytes] = []
                more = walk.set_range(first) if first else walk.first()
                while more and len(some) < VERIFY_ROWS_MAX:
                    some.append(bytes(walk.key()))
                    more = walk.next()
            first = some[-1] + b"\0" if more else None
            for key in some:
                self._note(_subject(keys.EXECUTIONS, key), self._history_faults(key.hex()))
                self._step("executions", total)

    def _history_faults(self, execution_id: str) -> list[str]:
        """What is wrong with the history of an execution that stood still meanwhile."""
        faults: list[str] = []
        for _ in range(VERIFY_LOOKS_MAX):
            try:
                before = self._reader.find_execution(execution_id)
                faults = self._faults_of(before) if before is not None else []
                if not faults or before == self._reader.find_execution(execution_id):
                    break
            except _UNREADABLE as failure:
                return [f"its history cannot be read: {failure!r}"]
        return faults

    def _faults_of(self, execution: Execution) -> list[str]:
        artifact = self._find_artifact(execution.graph_id)
        if artifact is None or artifact.tenant != execution.tenant:
            return [f"its artifact {execution.graph_id} is not there"]
        faults: list[str] = []
        # Before the journal: a placement whose checkpoint is in it emits nothing more.
        frames = {
            placement: self._count_frames(execution, placement, faults)
            for placement in range(len(artifact.placements))
        }
        for gate in filter(artifact.is_xor_gate, range(len(artifact.placements))):
            arrivals = self._arrivals(execution, gate)
            faults += arrival_faults(artifact, frames, gate, arrivals)
        entries = self._entries(execution, faults)
        return [*history_faults(execution, artifact, frames, entries), *faults]

    def _entries(self, execution: Execution, faults: list[str]) -> Iterator[Entry]:
        """The journal as far as the record says, and what is wrong with its payloads."""
        if not execution.entries:
            return
        for entry in self._reader.whole_journal(execution.execution_id):
            if entry.payload is not None:
                faults += self._payload_faults(execution, entry.payload)
            self.counts["entries"] += 1
            yield entry
            if entry.seq + 1 >= execution.entries:
                return

    def _arrivals(self, execution: Execution, gate: int) -> Iterator[Arrival]:
        start = 0
        while some := self._reader.arrivals(execution.execution_id, gate, start, VERIFY_ROWS_MAX):
            yield from some
            self.counts["arrivals"] += len(some)
            start = some[-1].index + some[-1].count

    def _count_frames(self, execution: Execution, placement: int, faults: list[str]) -> int:
        """Frames of a placement, which are numbered from 0 without a gap."""
        count = 0
        while some := self._reader.frames(
            execution.execution_id, placement, count, VERIFY_ROWS_MAX
        ):
            for index, payload in some:
                if index != count:
                    faults.append(f"the frames of placement {placement} have a gap at {count}")
                faults += self._payload_faults(execution, payload)
                count = index + 1
            self.counts["frames"] += len(some)
        return count

    # -- the catalog --------------------------------------------------------------------------

    def _stored_artifact(self, graph_id: str) -> Artifact | None:
        with self._store.read() as transaction:
            value = self._get(transaction, keys.ARTIFACTS, graph_id.encode())
        return decode_artifact(value) if value is not None else None

    def _tenant_faults(self, _: "lmdb.Transaction", __: bytes, value: bytes) -> Faults:
        """What is set for a tenant can be read, and means something."""
        days = decode_tenant(value).retention_days
        if days is not None and days < 0:
            yield f"it keeps executions for {days} days"

    def _limits_faults(self, _: "lmdb.Transaction", __: bytes, value: bytes) -> Faults:
        """Limits can be read, which means that they can be kept."""
        decode_own_limits(value)
        yield from ()

    def _api_key_faults(self, _: "lmdb.Transaction", key: bytes, value: bytes) -> Faults:
        """An API key can be read."""
        if not decode_api_key(value).tenant:
            yield "it belongs to no tenant"

    def _session_faults(self, transaction: "lmdb.Transaction", key: bytes, value: bytes) -> Faults:
        """A session stands for an API key that is there, and runs out after it began."""
        session = decode_session(value)
        if self._get(transaction, keys.API_KEYS, session.api_key) is None:
            yield "it stands for an API key that is not there"
        if token_expiry(key) <= session.created_ns:
            yield "it had run out before it began"

    def _link_faults(self, transaction: "lmdb.Transaction", key: bytes, value: bytes) -> Faults:
        """A sign-in link is for an API key that is there, and was used in its time if it was."""
        link = decode_link(value)
        if self._get(transaction, keys.API_KEYS, link.api_key) is None:
            yield "it is for an API key that is not there"
        if link.used_ns >= token_expiry(key):
            yield "it was used after it had run out"

    def _package_faults(self, transaction: "lmdb.Transaction", key: bytes, value: bytes) -> Faults:
        """What a version names is there by content."""
        digest = decode_package(value).digest
        tenant = key.split(b"\0")[0].decode()
        if self._get(transaction, keys.PACKAGE_CONTENTS, keys.content_key(tenant, digest)) is None:
            yield f"its content {digest} is not there"

    def _package_content_faults(
        self, transaction: "lmdb.Transaction", key: bytes, value: bytes
    ) -> Faults:
        """A content is stored under its own digest, and its files are there (rule 10)."""
        package = decode_package(value)
        if key.split(b"\0")[1].decode() != package.digest:
            yield f"it is the content {package.digest}"
        if self._blobs.size(package.bundle) is None:
            yield f"rule 10: blob {package.bundle.hex()} is named and not there"
        reference = keys.named_by_package(package.bundle, key)
        if self._get(transaction, keys.BLOB_REFERENCES, reference) is None:
            yield f"rule 10: blob {package.bundle.hex()} is named and not referred to"

    def _draft_faults(self, _: "lmdb.Transaction", key: bytes, value: bytes) -> Faults:
        """A draft is stored under its own name."""
        name = decode_draft(value).name
        if key.split(b"\0")[1].decode() != name:
            yield f"it is the draft of {name}"

    def _artifact_faults(self, transaction: "lmdb.Transaction", key: bytes, value: bytes) -> Faults:
        """An artifact can be found by its content, and what it pins is there."""
        artifact = decode_artifact(value)
        by_hash = keys.hashed_key(artifact.tenant, bytes.fromhex(artifact.content_hash))
        if self._get(transaction, keys.ARTIFACT_HASHES, by_hash) != key:
            yield "it is not found by its content"
        for digest in sorted(artifact.pinned):
            content = keys.content_key(artifact.tenant, digest)
            if self._get(transaction, keys.PACKAGE_CONTENTS, content) is None:
                yield f"it pins the package content {digest}, which is not there"
        for child in sorted({p.subflow for p in artifact.placements if p.subflow}):
            if self._get(transaction, keys.ARTIFACTS, child.encode()) is None:
                yield f"it runs the artifact {child}, which is not there"

    def _artifact_hash_faults(
        self, transaction: "lmdb.Transaction", _: bytes, value: bytes
    ) -> Faults:
        """A content hash leads to an artifact that is there."""
        if self._get(transaction, keys.ARTIFACTS, value) is None:
            yield f"it names artifact {value.decode()}, which is not there"

    # -- payloads -----------------------------------------------------------------------------

    def _payload_faults(self, execution: Execution, payload: Payload) -> Faults:
        """What a record names is there (rule 10), and as long as it says."""
        if payload.inline is not None:
            if len(payload.inline) != payload.size:
                yield f"a payload says {payload.size} bytes and has {len(payload.inline)}"
            return
        if not self._reader.blob_is_named_by(payload.blob, execution.execution_id):
            yield f"rule 10: blob {payload.blob.hex()} is named and not referred to"
        size = self._blobs.size(payload.blob)
        if size is None:
            yield f"rule 10: blob {payload.blob.hex()} is named and not there"
        elif size != payload.size:
            yield f"a payload says {payload.size} bytes and its blob has {size}"

    def _at_blobs(self) -> None:
        """Every blob is what its name says (rule 10)."""
        for digest in self._blobs.every():
            if not self._reader.blob_is_named(digest):
                self.counts["orphans"] += 1
            if self._blobs.is_damaged(digest):
                self._note(f"blob {digest.hex()}", ["rule 10: it is damaged"])
            self._step("blobs", 0)


def _after_execution(key: bytes) -> bytes:
    """The first key behind all that belong to the execution of this one."""
    return key[: keys.EXECUTION_BYTES] + b"\xff" * 8


def _tried(look: RowLook, transaction: "lmdb.Transaction", key: bytes, value: bytes) -> list[str]:
    try:
        return list(look(transaction, key, value))
    except _UNREADABLE as failure:
        return [f"it cannot be read: {failure!r}"]


def _subject(table: str, key: bytes) -> str:
    """What a row is about, for people."""
    if table == keys.BLOB_REFERENCES:
        return f"blob {key[: keys.BLOB_BYTES].hex()}"
    if table in (keys.EXECUTIONS, *_OF_HISTORIES, keys.FORGOTTEN):
        return f"execution {key[: keys.EXECUTION_BYTES].hex()}"
    if table in keys.INDEX_TABLES.values():
        return f"index {table}"
    if table in _PLAIN_INDEXES:
        return f"index {table}"
    if table == keys.ACTS:
        return f"act of tenant {key.split(bytes(1))[0].decode(errors='replace')}"
    if table in _HASHED:
        return f"{_TITLES[table]} {key[-32:].hex()[:16]}"
    return f"{_TITLES[table]} {' '.join(key.decode(errors='replace').split(chr(0)))}"


_PLAIN_INDEXES = (
    *(keys.DELIVERIES_DUE, keys.DELIVERIES_BY_TIME),
    *(keys.RETIRED_READY, keys.SCHEDULES_DUE),
)
_OF_HISTORIES = (keys.JOURNAL, keys.FRAMES, keys.ARRIVALS, keys.DELIVERIES)
"""What there is of an execution beside its record."""
_HASHED = (
    *(keys.API_KEYS, keys.SESSIONS, keys.SIGN_IN_LINKS),
    *(keys.IDEMPOTENCY, keys.ARTIFACT_HASHES),
)
_TITLES: Mapping[str, str] = {
    keys.TENANTS: "tenant",
    keys.TENANT_LIMITS: "limits of tenant",
    keys.API_KEYS: "API key",
    keys.SESSIONS: "session",
    keys.SIGN_IN_LINKS: "sign-in link",
    keys.PACKAGES: "package",
    keys.PACKAGE_CONTENTS: "package content",
    keys.DRAFTS: "flow draft",
    keys.ARTIFACTS: "artifact",
    keys.ARTIFACT_HASHES: "artifact content",
    keys.IDEMPOTENCY: "idempotency key",
    keys.SUBSCRIPTIONS: "webhook",
    keys.SIGNING_SECRETS: "signing secret of tenant",
    keys.SECRETS: "secret",
    keys.FLOW_CONFIGS: "flow config",
    keys.SCHEDULES: "schedule",
}
