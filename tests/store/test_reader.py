"""Snapshots of the store: pages, filters, and other people's things."""

import attrs
import pytest
from worlds.flows import BRANCHING, STREAMING
from worlds.rows import commit_now, new_execution, open_writing

from axiomd.errors import Malformed, NotFound
from axiomd.execution.arrivals import Order
from axiomd.execution.journal import Entry, EntryKind, Payload
from axiomd.execution.status import Status
from axiomd.limits import SCAN_ROWS_MAX, STREAM_BATCH_BYTES_MAX
from axiomd.store import commit as commits
from axiomd.store import keys
from axiomd.store.artifact_records import encode_artifact
from axiomd.store.commit import FrameRow, RowsCommit
from axiomd.store.reader import ListFilter, Reader
from axiomd.store.records import (
    ApiKeyRecord,
    DraftRecord,
    PackageRecord,
    encode_api_key,
    encode_draft,
    encode_package,
)

INPUT = Payload(1, b"x")
ALL = ListFilter()


@pytest.fixture
def filled(tmp_path):
    """30 executions of two tenants and two flows, every third one claimed."""
    with open_writing(tmp_path) as (store, writer):
        for number in range(30):
            tenant = "mine" if number % 5 else "theirs"
            execution = new_execution(number, tenant=tenant, flow=f"f/{number % 2}")
            claimed = number % 3 == 0
            writer.submit(commits.accept(execution, INPUT, claimed=claimed))
        commit_now(writer)
        yield Reader(store), writer


def walk(reader, wanted, limit, tenant="mine"):
    """Every page of a list."""
    pages, cursor = [], None
    for _ in range(100):
        page = reader.list_executions(tenant, wanted, limit, cursor)
        pages.append([execution.created_ns // 1_000_000 - 1 for execution in page.executions])
        cursor = page.cursor
        if cursor is None:
            return pages
    raise AssertionError("the list never ends")


MINE = [number for number in reversed(range(30)) if number % 5]
FILTERS = {
    "all": (ALL, lambda n: True),
    "flow": (ListFilter(flow="f/1"), lambda n: n % 2),
    "running": (ListFilter(statuses=frozenset({Status.RUNNING})), lambda n: n % 3 == 0),
    "both": (ListFilter(statuses=frozenset({Status.RUNNING, Status.QUEUED})), lambda n: True),
    "none": (ListFilter(statuses=frozenset({Status.FAILED})), lambda n: False),
    "flow and status": (
        ListFilter(statuses=frozenset({Status.QUEUED}), flow="f/0"),
        lambda n: n % 3 and not n % 2,
    ),
    "from": (ListFilter(created_from_ns=11_000_000), lambda n: n >= 10),
    "until": (ListFilter(created_until_ns=11_000_000), lambda n: n < 10),
    "text": (ListFilter(text=f"{7:020x}"), lambda n: n == 7),
    "no such flow": (ListFilter(flow="f"), lambda n: False),
}


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("limit", [1, 3, 24, 100])
def test_pages_together_are_the_list_newest_first(filled, name, limit):
    reader, _ = filled
    wanted, fits = FILTERS[name]
    pages = walk(reader, wanted, limit)
    assert [number for page in pages for number in page] == [n for n in MINE if fits(n)]
    assert all(len(page) <= limit for page in pages)


def test_a_cursor_holds_its_place_while_new_rows_arrive(filled):
    reader, writer = filled
    first = reader.list_executions("mine", ALL, 10)
    writer.submit(commits.accept(new_execution(99, tenant="mine"), INPUT))
    commit_now(writer)
    second = reader.list_executions("mine", ALL, 10, first.cursor)
    seen = [e.created_ns // 1_000_000 - 1 for e in (*first.executions, *second.executions)]
    assert seen == MINE[:20]


@pytest.mark.parametrize("cursor", ["", "x", "A" * 31, "A" * 33, "ä" * 32, "====", "🦆"])
def test_a_cursor_that_is_none_of_ours_is_refused(filled, cursor):
    with pytest.raises(Malformed):
        filled[0].list_executions("mine", ALL, 10, cursor)


def test_a_page_looks_at_so_many_rows_and_then_hands_back_a_cursor(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        for number in range(SCAN_ROWS_MAX + 10):
            writer.submit(commits.accept(new_execution(number), INPUT))
        commit_now(writer)
        wanted = ListFilter(text=new_execution(3).execution_id)
        first = Reader(store).list_executions("tenant", wanted, 10)
        assert (first.executions, first.cursor is None) == ([], False)
        second = Reader(store).list_executions("tenant", wanted, 10, first.cursor)
        assert [e.execution_id for e in second.executions] == [wanted.text]
        assert second.cursor is None


def test_another_tenants_things_are_not_found(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        execution = new_execution(1)
        writer.submit(commits.accept(execution, INPUT))
        artifact = BRANCHING.artifact
        package = PackageRecord("h/p", "1", "d" * 64, "", b"", b"", b"", 1)
        draft = DraftRecord("h/f", "{}", 1)
        row = encode_package(package)
        rows = (
            (keys.ARTIFACTS, artifact.graph_id.encode(), encode_artifact(artifact)),
            (keys.ARTIFACT_HASHES, keys.hashed_key("tenant", b"h"), artifact.graph_id.encode()),
            (keys.PACKAGES, keys.package_key("tenant", "h/p", "1"), row),
            (keys.PACKAGE_CONTENTS, keys.content_key("tenant", "d" * 64), row),
            (keys.DRAFTS, keys.text_key("tenant") + b"h/f", encode_draft(draft)),
        )
        writer.submit(RowsCommit(rows))
        commit_now(writer)
        reader = Reader(store)
        reads = [
            lambda tenant: reader.execution(tenant, execution.execution_id),
            lambda tenant: reader.artifact(tenant, artifact.graph_id),
            lambda tenant: reader.package_content(tenant, "d" * 64),
            lambda tenant: reader.draft(tenant, "h/f"),
        ]
        lists = [reader.artifacts, reader.packages, reader.drafts]
        for read in reads:
            assert read("tenant")
            for stranger in ("tenan", "tenant2", "", "other"):
                with pytest.raises(NotFound):
                    read(stranger)
        for everything in lists:
            assert len(everything("tenant", 10).rows) == 1
            assert everything("tenan", 10).rows == everything("tenant2", 10).rows == []
        assert reader.package("tenan", "h/p", "1") is None
        assert reader.list_executions("tenan", ALL, 10).executions == []


def test_what_is_not_there_is_not_found(filled):
    reader, _ = filled
    with pytest.raises(NotFound):
        reader.execution("mine", "f" * 32)
    assert reader.find_execution("f" * 32) is None
    with pytest.raises(NotFound):
        reader.artifact("mine", "x" * 2_000)
    with pytest.raises(NotFound):
        reader.artifact("mine", "")
    assert reader.journal("f" * 32) == []
    assert reader.frame_count("f" * 32, 0) == 0
    assert reader.journal_backwards("f" * 32, 5) == []


def test_a_journal_is_read_from_both_ends(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        executions = [new_execution(number) for number in range(3)]
        for execution in executions:
            writer.submit(commits.accept(execution, INPUT, claimed=True))
            for number in range(5):
                note = Entry(EntryKind.NODE_LOG, number)
                writer.submit(commits.note(execution.execution_id, 1, number, note))
        commit_now(writer)
        reader, identity = Reader(store), executions[1].execution_id
        assert [entry.seq for entry in reader.journal(identity)] == list(range(7))
        assert [entry.seq for entry in reader.journal(identity, 3, 2)] == [3, 4]
        assert [entry.seq for entry in reader.journal_backwards(identity, 3)] == [6, 5, 4]


def test_frames_are_read_from_an_index_within_bounds(tmp_path):
    story, large = STREAMING.artifact, b"=" * 60_000
    with open_writing(tmp_path) as (store, writer):
        execution = new_execution(1, graph_id=story.graph_id, mode="pipeline")
        identity = execution.execution_id
        writer.submit(commits.accept(execution, INPUT, claimed=True))
        for placement, content, count in ((0, b"a", 300), (1, large, 40)):
            rows = [FrameRow(placement, n, Payload(len(content), content)) for n in range(count)]
            writer.submit(commits.frames(identity, 1, 1, tuple(rows)))
        commit_now(writer)
        reader = Reader(store)
        assert [reader.frame_count(identity, number) for number in range(3)] == [300, 40, 0]
        assert [i for i, _ in reader.frames(identity, 0, 290, 100)] == list(range(290, 300))
        assert [i for i, _ in reader.frames(identity, 0, 5, 2)] == [5, 6]
        bounded = reader.frames(identity, 1, 0, 40)
        assert sum(p.size for _, p in bounded) <= STREAM_BATCH_BYTES_MAX + 2 * len(large)


def test_frames_that_are_blobs_count_with_their_size(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        execution = new_execution(1, graph_id=STREAMING.artifact.graph_id, mode="pipeline")
        identity = execution.execution_id
        writer.submit(commits.accept(execution, INPUT, claimed=True))
        blob = Payload(STREAM_BATCH_BYTES_MAX // 2, None, b"b" * 32)
        rows = tuple(FrameRow(0, number, blob) for number in range(10))
        writer.submit(commits.frames(identity, 1, 1, rows))
        commit_now(writer)
        assert [index for index, _ in Reader(store).frames(identity, 0, 2, 10)] == [2, 3, 4]


def test_arrivals_are_read_from_the_row_that_holds_an_input(tmp_path):
    counts = (3, 1, 4)
    order = Order(7, (5, 6))
    made = [order.decide({5: 3, 6: n}, 9) for n in (0, 1, 5)]
    assert [arrival.count for (arrival,) in made] == list(counts)
    with open_writing(tmp_path) as (store, writer):
        writer.submit(commits.accept(new_execution(1), INPUT, claimed=True))
        identity = new_execution(1).execution_id
        for arrivals in made:
            writer.submit(commits.arrived(identity, 1, 5, arrivals))
        commit_now(writer)
        reader = Reader(store)
        rows = [arrival for (arrival,) in made]
        holding = [rows[0]] * 3 + [rows[1]] + [rows[2]] * 4
        for index, row in enumerate(holding):
            assert reader.arrivals(identity, 7, index, 1) == [row]
            assert reader.arrivals(identity, 7, index, 9) == rows[rows.index(row) :]
        assert reader.arrivals(identity, 7, len(holding), 9) == []
        assert reader.arrivals(identity, 6, 0, 9) == reader.arrivals(identity, 8, 0, 9) == []


def test_catalog_pages_together_are_the_list(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        names = [(f"h/{letter}", version) for letter in "abc" for version in ("1.0.0", "1.0.1")]
        for tenant in ("mine", "mine2"):
            for name, version in names:
                record = PackageRecord(name, version, "d" * 64, "", b"", b"", b"", 1)
                key = keys.package_key(tenant, name, version)
                writer.submit(RowsCommit(((keys.PACKAGES, key, encode_package(record)),)))
                draft = DraftRecord(name, "{}", 1)
                row = (keys.DRAFTS, keys.text_key(tenant) + name.encode(), encode_draft(draft))
                writer.submit(RowsCommit((row,)))
            for number in range(5):
                artifact = attrs.evolve(
                    BRANCHING.artifact, tenant=tenant, graph_id=f"{tenant.upper():0<25}{number}"
                )
                identity = artifact.graph_id.encode()
                hashed = keys.hashed_key(tenant, bytes([9 - number]))
                rows = (
                    (keys.ARTIFACTS, identity, encode_artifact(artifact)),
                    (keys.ARTIFACT_HASHES, hashed, identity),
                )
                writer.submit(RowsCommit(rows))
        commit_now(writer)
        reader = Reader(store)

        def walk_catalog(read, limit):
            cursor = None
            for _ in range(20):
                page = read("mine", limit, cursor)
                assert len(page.rows) <= limit
                yield from page.rows
                if (cursor := page.cursor) is None:
                    return
            raise AssertionError("the list never ends")

        for limit in (1, 2, 5, 100):
            assert [(p.name, p.version) for p in walk_catalog(reader.packages, limit)] == names
            assert [d.name for d in walk_catalog(reader.drafts, limit)] == ["h/a", "h/b", "h/c"]
            made = [a.graph_id[-1] for a in walk_catalog(reader.artifacts, limit)]
            assert made == ["4", "3", "2", "1", "0"]
        assert reader.package_names("mine") == names
        assert reader.package_names("m") == reader.package_names("zz") == []
        for read in (reader.packages, reader.drafts, reader.artifacts):
            with pytest.raises(Malformed):
                read("mine", 1, "\udc00")
        with pytest.raises(Malformed):
            reader.packages("mine", 1, "A" * 2_000)


def test_a_whole_journal_is_read_in_steps(tmp_path, monkeypatch):
    monkeypatch.setattr("axiomd.store.reader.SCAN_ROWS_MAX", 3)
    with open_writing(tmp_path) as (store, writer):
        execution = new_execution(1)
        identity = execution.execution_id
        writer.submit(commits.accept(execution, INPUT, claimed=True))
        for number in range(6):
            writer.submit(commits.note(identity, 1, number, Entry(EntryKind.NODE_LOG, number)))
        commit_now(writer)
        reader = Reader(store)
        assert list(reader.whole_journal(identity)) == reader.journal(identity)
        assert len(reader.journal(identity)) == 8
        assert list(reader.whole_journal("f" * 32)) == []


def test_api_keys_are_found_by_hash(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        record = ApiKeyRecord("tenant", "name", "first8__", "last", 1)
        writer.submit(RowsCommit(((keys.API_KEYS, b"h" * 32, encode_api_key(record)),)))
        commit_now(writer)
        reader = Reader(store)
        assert reader.api_key(b"h" * 32) == record
        assert reader.api_key(b"i" * 32) is None
        assert reader.api_keys() == [(b"h" * 32, record)]
