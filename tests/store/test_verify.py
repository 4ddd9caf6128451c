"""What `verify` finds: each promise, broken by hand in a directory that kept it."""

import json

import attrs
import pytest
from worlds.box import open_box
from worlds.flows import BRANCHING, STREAMING, Behaviour, Story, flow, nesting
from worlds.invariants import stored_executions
from worlds.rows import commit_now, delete_row, new_execution, open_writing, put_rows
from worlds.seeds import run_seeded

from axiomd.execution.execution import Ending, Execution
from axiomd.execution.journal import Entry, EntryKind, Payload
from axiomd.execution.status import Status
from axiomd.limits import FINDINGS_MAX, VERIFY_ROWS_MAX
from axiomd.settings import StoreSettings
from axiomd.store import commit as commits
from axiomd.store import keys
from axiomd.store import record_pb2 as pb
from axiomd.store.artifact_records import decode_artifact, encode_artifact
from axiomd.store.blobs import Blobs
from axiomd.store.env import Store, open_store
from axiomd.store.reader import Reader
from axiomd.store.records import (
    DraftRecord,
    PackageRecord,
    SessionRecord,
    SignInLinkRecord,
    decode_entry,
    decode_execution,
    encode_draft,
    encode_entry,
    encode_execution,
    encode_link,
    encode_package,
    encode_session,
)
from axiomd.store.verify import verify
from axiomd.store.versions import VERSION

DIGEST = "d" * 64
OUT_OF_RANGE = VERSION + pb.TenantLimits(requests_per_s=-1).SerializeToString()


class Broken:
    """A data directory in which two executions have completed, and hands to break it with."""

    def __init__(self, store, blobs):
        self.store = store
        self.blobs = blobs
        self.unary, self.pipeline = sorted(
            (decode_execution(key.hex(), value) for key, value in self.rows(keys.EXECUTIONS)),
            key=lambda execution: execution.mode,
            reverse=True,
        )

    def rows(self, table):
        with self.store.read() as transaction:
            return list(transaction.cursor(self.store.tables[table]))

    def put(self, table, key, value):
        put_rows(self.store, (table, key, value))

    def delete(self, table, key):
        delete_row(self.store, table, key)

    def change_record(self, **changes):
        changed = attrs.evolve(self.unary, **changes)
        key = keys.execution_key(changed.execution_id)
        self.put(keys.EXECUTIONS, key, encode_execution(changed))

    def entry(self, kind):
        """The first entry of a kind in the unary execution, and its key."""
        for key, value in self.rows(keys.JOURNAL):
            entry = decode_entry(keys.journal_seq(key), value)
            if key[:16].hex() == self.unary.execution_id and entry.kind is kind:
                return key, entry
        raise AssertionError(kind)

    def change_entry(self, which, /, **changes):
        key, entry = self.entry(which)
        self.put(keys.JOURNAL, key, encode_entry(attrs.evolve(entry, **changes)))

    def blob(self):
        return next(path for path in self.blobs.root.glob("??/*"))

    def found(self):
        return [str(finding) for finding in verify(self.store, self.blobs).findings]


def store_catalog(store, blobs):
    """What the executions of a world refer to, as the server would have stored it."""
    bundle = blobs.put(b"files").blob
    package = PackageRecord("t/t", "1", DIGEST, "", b"", bundle, b"", 1)
    content = keys.content_key("tenant", DIGEST)
    rows = [
        (keys.PACKAGES, keys.package_key("tenant", "t/t", "1"), encode_package(package)),
        (keys.PACKAGE_CONTENTS, content, encode_package(package)),
        (keys.BLOB_REFERENCES, keys.named_by_package(bundle, content), b""),
    ]
    for artifact in (BRANCHING.artifact, STREAMING.artifact):
        by_hash = keys.hashed_key("tenant", bytes.fromhex(artifact.content_hash))
        rows.append((keys.ARTIFACTS, artifact.graph_id.encode(), encode_artifact(artifact)))
        rows.append((keys.ARTIFACT_HASHES, by_hash, artifact.graph_id.encode()))
    put_rows(store, *rows)


@pytest.fixture
def broken(make_world):
    world = make_world(BRANCHING, STREAMING)

    async def live():
        async with open_box(world) as box:
            await box.accept(b"hello", b"key")
            await box.accept(b"world", story=STREAMING)
            await box.all_ended()

    run_seeded(0, live)
    blobs = Blobs(world.directory / "blobs", sync=False)
    with open_store(StoreSettings(map_size_bytes=2**26, sync=False), world.directory) as store:
        store_catalog(store, blobs)
        directory = Broken(store, blobs)
        assert directory.found() == []
        yield directory


def lose_frame(broken):
    (key, _), *_ = broken.rows(keys.FRAMES)
    broken.delete(keys.FRAMES, key)


def lose_last_frame(broken):
    *_, (key, _) = [row for row in broken.rows(keys.FRAMES) if row[0][16:18] == b"\0\0"]
    broken.delete(keys.FRAMES, key)


def swap_blob(broken):
    broken.blob().write_bytes(b"!" * broken.blob().stat().st_size)


def stray_rows(broken):
    entry = Entry(EntryKind.NODE_LOG, 1)
    broken.put(keys.JOURNAL, keys.journal_key(b"\1" * 16, 0), encode_entry(entry))


def extra_entry(broken):
    key = keys.execution_key(broken.unary.execution_id)
    entry = Entry(EntryKind.NODE_LOG, 1)
    broken.put(keys.JOURNAL, keys.journal_key(key, broken.unary.entries), encode_entry(entry))


def checkpoint_again(broken):
    key, entry = broken.entry(EntryKind.NODE_COMPLETED)
    started, _ = broken.entry(EntryKind.NODE_STARTED)
    assert started < key
    broken.put(keys.JOURNAL, started, encode_entry(entry))


def start_again(broken):
    _, checkpoint = broken.entry(EntryKind.NODE_COMPLETED)
    broken.change_entry(
        EntryKind.EDGE_TAKEN, kind=EntryKind.NODE_STARTED, position=checkpoint.position
    )


def lose_terminal(broken):
    for key, value in reversed(broken.rows(keys.JOURNAL)):
        entry = decode_entry(keys.journal_seq(key), value)
        if key[:16].hex() == broken.unary.execution_id and entry.kind is EntryKind.NODE_COMPLETED:
            log = Entry(EntryKind.NODE_LOG, 1, entry.position)
            return broken.put(keys.JOURNAL, key, encode_entry(log))
    raise AssertionError


def run_a_lost_artifact(broken):
    """Let a placement of the first artifact be a subflow that nobody has compiled."""
    key, value = broken.rows(keys.ARTIFACTS)[0]
    artifact = decode_artifact(value)
    first, *others = artifact.placements
    placements = (attrs.evolve(first, digest="", subflow="01JZZZZZZZZZZZZZZZZZZZZZZZ"), *others)
    broken.put(keys.ARTIFACTS, key, encode_artifact(attrs.evolve(artifact, placements=placements)))


def only(table):
    """Take the first row of a table away."""
    return lambda broken: broken.delete(table, broken.rows(table)[0][0])


def spoil(table):
    """Make the first row of a table unreadable."""
    return lambda broken: broken.put(table, broken.rows(table)[0][0], b"\x07 nothing")


def execution(change):
    return lambda broken: broken.change_record(**change)


def entry(which, **change):
    return lambda broken: broken.change_entry(which, **change)


K = EntryKind
CASES = {
    "a blob that is named and not referred to": (
        only(keys.BLOB_REFERENCES),
        "is named and not referred to",
    ),
    "a reference of an execution that is gone": (
        lambda broken: broken.put(
            keys.BLOB_REFERENCES, keys.named_by_execution(b"\1" * 32, b"\2" * 16), b""
        ),
        "execution 02020202020202020202020202020202 refers to it and is not there",
    ),
    "a reference of a package that is gone": (
        lambda broken: broken.put(
            keys.BLOB_REFERENCES,
            keys.named_by_package(b"\1" * 32, keys.content_key("tenant", "e" * 64)),
            b"",
        ),
        f"package content {'e' * 64} refers to it and is not there",
    ),
    "a forgotten execution with a record": (
        lambda broken: broken.put(
            keys.FORGOTTEN, keys.execution_key(broken.unary.execution_id), b""
        ),
        "it is being forgotten and still has a record",
    ),
    "an unreadable tenant": (
        lambda broken: broken.put(keys.TENANTS, b"acme", b"\x07"),
        "tenant acme: it cannot be read",
    ),
    "a status that the journal does not say": (
        execution({"status": Status.FAILED}),
        "rule 1: the journal says COMPLETED after 1 claims, the record FAILED after 1",
    ),
    "an attempt that the journal does not say": (execution({"attempt": 2}), "rule 1: the journal"),
    "a record that ended and says not when": (execution({"completed_ns": 0}), "completion time"),
    "a failure of what did not fail": (execution({"failure": Ending("X", "x")}), "its failure"),
    "a record that says more entries": (execution({"entries": 500}), "its record 500"),
    "an entry behind the last one": (extra_entry, "goes on behind"),
    "a journal without its beginning": (entry(K.EXECUTION_ACCEPTED, kind=K.NODE_LOG), "begin"),
    "a lost entry": (
        lambda broken: broken.delete(keys.JOURNAL, broken.entry(K.NODE_COMPLETED)[0]),
        "where",
    ),
    "a claim with another number": (entry(K.EXECUTION_CLAIMED, attempt=3), "calls itself 3"),
    "a claim of what runs": (entry(K.NODE_STARTED, kind=K.EXECUTION_CLAIMED), "rule 1"),
    "entries after the end": (entry(K.NODE_STARTED, kind=K.EXECUTION_CANCELLED), "rule 5"),
    "a second checkpoint": (checkpoint_again, "more than once"),
    "a call after its checkpoint": (start_again, "started after its checkpoint"),
    "a checkpoint that names no edges": (entry(K.NODE_COMPLETED, edges=()), "rule 16"),
    "an edge that no checkpoint names": (entry(K.EDGE_TAKEN, kind=K.NODE_LOG), "rule 16"),
    "a gate that lacks an arm": (entry(K.GATE_ARRIVED, kind=K.GATE_OPENED), "without its arms"),
    "a terminal that did not complete": (lose_terminal, "its terminal did not"),
    "a lost frame": (lose_frame, "have a gap at 0"),
    "a lost last frame": (lose_last_frame, "says it emitted 4 frames, 3 are stored"),
    "an index that lacks a row": (only(keys.BY_FLOW), "rule 7: index fl lacks its row"),
    "an index row of nothing": (
        lambda broken: broken.put(keys.READY, keys.time_led(1, "ab" * 16), b""),
        "index rq: rule 7: it names execution abab",
    ),
    "a row of an index that is retired": (
        lambda broken: broken.put(keys.RETIRED_READY, keys.time_led(1, "ab" * 16), b""),
        "index rd: rule 7: it has a row of execution abab",
    ),
    "limits that cannot be": (
        lambda broken: broken.put(keys.TENANT_LIMITS, b"tenant", OUT_OF_RANGE),
        "limits of tenant tenant: it cannot be read",
    ),
    "an index row too many": (
        lambda broken: broken.put(keys.CLAIMED, keys.execution_key(broken.unary.execution_id), b""),
        "index cl: rule 7: it has a row too many",
    ),
    "a history without a record": (stray_rows, "it has a history and no record"),
    "an idempotency key of nothing": (
        lambda broken: broken.delete(
            keys.EXECUTIONS, keys.execution_key(broken.unary.execution_id)
        ),
        "idempotency key",
    ),
    "a lost blob": (lambda broken: broken.blob().unlink(), "is named and not there"),
    "a blob cut short": (lambda broken: broken.blob().write_bytes(b"!"), "and its blob has 1"),
    "a blob with another content": (swap_blob, "rule 10: it is damaged"),
    "a lost artifact": (only(keys.ARTIFACTS), "its artifact"),
    "an artifact not found by its content": (only(keys.ARTIFACT_HASHES), "found by its content"),
    "a lost subflow": (run_a_lost_artifact, "it runs the artifact 01JZZZZZZZZZZZZZZZZZZZZZZZ"),
    "a lost package content": (only(keys.PACKAGE_CONTENTS), "which is not there"),
    "an unreadable record": (spoil(keys.EXECUTIONS), "cannot be read"),
    "an unreadable entry": (spoil(keys.JOURNAL), "its history cannot be read"),
    "an unreadable artifact": (spoil(keys.ARTIFACTS), "cannot be read"),
    "an unreadable package": (spoil(keys.PACKAGES), "cannot be read"),
    "an unreadable package content": (spoil(keys.PACKAGE_CONTENTS), "cannot be read"),
    "an unreadable idempotency key": (spoil(keys.IDEMPOTENCY), "cannot be read"),
    "an unreadable draft": (
        lambda broken: broken.put(keys.DRAFTS, b"tenant\0a/b", b"\x07"),
        "flow draft tenant a/b: it cannot be read",
    ),
    "an unreadable API key": (
        lambda broken: broken.put(keys.API_KEYS, b"\1" * 32, b"\x07"),
        "API key 0101010101010101: it cannot be read",
    ),
    "a session of no key": (
        lambda broken: broken.put(
            keys.SESSIONS, b"\2" * 40, encode_session(SessionRecord(b"\1" * 32, 1))
        ),
        "session 0202020202020202: it stands for an API key that is not there",
    ),
    "a session that never was valid": (
        lambda broken: broken.put(
            keys.SESSIONS, b"\0" * 40, encode_session(SessionRecord(b"\1" * 32, 1))
        ),
        "it had run out before it began",
    ),
    "a sign-in link for no key": (
        lambda broken: broken.put(
            keys.SIGN_IN_LINKS, b"\2" * 40, encode_link(SignInLinkRecord(b"\1" * 32, 1))
        ),
        "sign-in link 0202020202020202: it is for an API key that is not there",
    ),
    "a sign-in link that was used too late": (
        lambda broken: broken.put(
            keys.SIGN_IN_LINKS, b"\0" * 40, encode_link(SignInLinkRecord(b"\1" * 32, 1, 5))
        ),
        "it was used after it had run out",
    ),
    "an unreadable session": (
        lambda broken: broken.put(keys.SESSIONS, b"\2" * 40, b"\x07"),
        "session 0202020202020202: it cannot be read",
    ),
    "a draft under another name": (
        lambda broken: broken.put(
            keys.DRAFTS, b"tenant\0a/b", encode_draft(DraftRecord("a/c", "{}", 1))
        ),
        "it is the draft of a/c",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_every_broken_promise_is_found_and_named(broken, case):
    damage, words = CASES[case]
    damage(broken)
    found = broken.found()
    assert [fault for fault in found if words in fault], found


def test_a_blob_that_nothing_names_is_an_orphan_and_no_fault(broken):
    broken.blobs.put(b"nobody's")
    report = verify(broken.store, broken.blobs)
    assert (report.clean, report.counts["orphans"]) == (True, 1)


def test_findings_beyond_the_bound_are_counted(tmp_path):
    count = FINDINGS_MAX + 3
    with open_writing(tmp_path) as (store, _):
        led = [keys.time_led(number, "ab" * 16) for number in range(count)]
        put_rows(store, *((keys.READY, key, b"") for key in led))
        report = verify(store, Blobs(tmp_path / "blobs"))
    assert (len(report.findings), report.found) == (FINDINGS_MAX, count)
    assert not report.clean


def test_a_large_store_is_read_in_slices_and_tells_how_far_it_is(tmp_path, monkeypatch):
    count = 2 * VERIFY_ROWS_MAX + 7
    seen = []
    with open_writing(tmp_path) as (store, writer):
        for number in range(count):
            writer.submit(commits.accept(new_execution(number), Payload(1, b"x")))
        commit_now(writer)
        report = verify(store, Blobs(tmp_path / "b"), lambda _: BRANCHING.artifact, seen.append)
    assert report.clean, report.findings
    assert report.counts["executions"] == report.counts["records"] == count
    told = [progress.done for progress in seen if progress.what == "executions"]
    assert told == [1, VERIFY_ROWS_MAX + 1, 2 * VERIFY_ROWS_MAX + 1]
    assert {p.total for p in seen if p.what == "executions"} == {count}


def test_an_execution_that_changes_meanwhile_is_not_called_broken(tmp_path, monkeypatch):
    with open_writing(tmp_path) as (store, writer):
        identity = new_execution(1).execution_id
        writer.submit(commits.accept(new_execution(1), Payload(1, b"x")))
        commit_now(writer)
        real, looks = Reader.find_execution, []

        def find(reader, execution_id):
            # The record is read, then the journal grows and the execution ends.
            found = real(reader, execution_id)
            if not looks:
                writer.submit(commits.claim(identity, 5))
                writer.submit(commits.cancel(identity, 6, "{}"))
                commit_now(writer)
            looks.append(found)
            return found

        monkeypatch.setattr(Reader, "find_execution", find)
        report = verify(store, Blobs(tmp_path / "b"), lambda _: BRANCHING.artifact)
    assert report.clean, report.findings
    assert looks[0].status is Status.QUEUED


# -- parents and children -----------------------------------------------------------------------


@attrs.define
class Kin:
    """A directory in which a parent waits for its child, and hands to break it with."""

    store: Store
    blobs: Blobs
    artifacts: dict
    parent: Execution
    child: Execution

    def change(self, execution, **changes):
        key = keys.execution_key(execution.execution_id)
        put_rows(
            self.store, (keys.EXECUTIONS, key, encode_execution(attrs.evolve(execution, **changes)))
        )

    def found(self):
        found = verify(self.store, self.blobs, self.artifacts.get).findings
        return [str(finding) for finding in found]


@pytest.fixture
def kin(make_world):
    hanging = Story(flow("p"), {"p": Behaviour("hang")})
    world = make_world(nesting("a>s s>b", {"s": hanging}))

    async def live():
        async with open_box(world) as box:
            await box.reached(await box.accept(b"hello"), lambda one: one.children)

    run_seeded(0, live)
    artifacts = {name: story.artifact for name, story in world.stories.items()}
    with open_store(StoreSettings(map_size_bytes=2**26, sync=False), world.directory) as store:
        child, parent = sorted(stored_executions(store), key=lambda one: one.parent_id == "")
        made = Kin(store, Blobs(world.directory / "blobs", sync=False), artifacts, parent, child)
        assert made.found() == []
        yield made


def tell_another_child(kin):
    key = keys.execution_key(kin.parent.execution_id)
    for entry in Reader(kin.store).journal(kin.parent.execution_id):
        if entry.kind is EntryKind.NODE_CHILD_STARTED:
            other = attrs.evolve(entry, detail=json.dumps({"execution_id": "0" * 32}))
            row = (keys.JOURNAL, keys.journal_key(key, entry.seq), encode_entry(other))
            put_rows(kin.store, row)


@pytest.mark.parametrize(
    ("breaking", "said"),
    [
        (lambda kin: kin.change(kin.parent, children=()), "does not wait for it"),
        (
            lambda kin: kin.change(kin.parent, children=(*kin.parent.children, "f" * 32)),
            f"it names child {'f' * 32}, which is not there",
        ),
        (lambda kin: kin.change(kin.child, parent_id="f" * 32), "or another one's"),
        (lambda kin: kin.change(kin.child, depth=5), "it is no child as its parent"),
        (lambda kin: kin.change(kin.child, status=Status.COMPLETED), "which has ended"),
        (tell_another_child, "its journal for others"),
    ],
)
def test_parents_and_children_name_each_other_or_it_is_found(kin, breaking, said):
    breaking(kin)
    assert any(said in fault for fault in kin.found()), kin.found()
