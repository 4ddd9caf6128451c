"""The log of administrative acts in the store: with what it tells of, whole, in order."""

import pytest
from worlds.invariants import broken_invariants, rows
from worlds.rows import BY, commit_now, open_writing, put_rows

from axiomd.errors import Malformed, Occupied
from axiomd.store import keys
from axiomd.store.acts import Act, ActKind, Actor, acted, decode_act, encode_act
from axiomd.store.commit import RowsCommit
from axiomd.store.reader import Reader
from axiomd.store.records import DraftRecord, TenantRecord, encode_draft, encode_tenant

TENANT = BY.tenant


def act(at_ns: int, subject: str = "a/b", kind: ActKind = ActKind.FLOW_SAVED) -> tuple[Act, ...]:
    return acted(BY, TENANT, at_ns, kind, subject)


def draft(name: str) -> tuple[str, bytes, bytes]:
    key = keys.text_key(TENANT) + name.encode()
    return keys.DRAFTS, key, encode_draft(DraftRecord(name, "{}", 1))


def subjects(store, **more) -> list[str]:
    kind, limit = more.get("kind"), more.get("limit", 100)
    return [one.subject for one in Reader(store).acts(TENANT, kind, limit).rows]


def test_an_act_reads_as_it_was_written():
    (one,) = acted(BY, TENANT, 17, ActKind.KEY_CREATED, "naïve", key="12345678…abcd", days=None)
    key = keys.act_key(TENANT, 17, 3)
    assert decode_act(key, encode_act(one)) == one
    assert keys.act_place(key) == (TENANT, 17)


def test_acts_of_one_nanosecond_do_not_replace_each_other(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        for name in "abc":
            writer.submit(RowsCommit((draft(name),), acts=act(5, name) + act(5, name + "!")))
        writer.submit(RowsCommit((), acts=act(4, "earlier") + act(6, "later")))
        commit_now(writer)
        assert subjects(store) == ["later", "c!", "c", "b!", "b", "a!", "a", "earlier"]


def test_a_commit_that_is_not_written_leaves_no_act(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        put_rows(store, draft("a"))
        writer.submit(RowsCommit((draft("b"),), unless=draft("a")[:2], acts=act(1)))
        refusals = []
        still = ((*draft("a")[:2], b"another"),)
        writer.submit(RowsCommit((draft("b"),), acts=act(2), still=still)).then(refusals.append)
        commit_now(writer)
        assert isinstance(refusals[0], Occupied)
        assert subjects(store) == []
        assert rows(store, keys.DRAFTS) == [draft("a")[1:]]


def test_of_two_changes_of_one_row_the_second_is_refused(tmp_path):
    """Or one would undo the other: a new name, that the tenant is disabled."""
    with open_writing(tmp_path) as (store, writer):
        where = (keys.TENANTS, b"t")
        first = encode_tenant(TenantRecord(name="a"))
        outcomes = []
        for value in (first, encode_tenant(TenantRecord(name="b"))):
            commit = RowsCommit(((*where, value),), still=((*where, None),))
            writer.submit(commit).then(outcomes.append)
        commit_now(writer)
        assert outcomes[0] is None
        assert isinstance(outcomes[1], Occupied)
        assert rows(store, keys.TENANTS) == [(b"t", first)]


def test_a_log_is_its_tenants_alone_and_pages_go_on_where_they_ended(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        for number in range(7):
            kind = ActKind.FLOW_DELETED if number % 3 else ActKind.FLOW_SAVED
            writer.submit(RowsCommit((), acts=act(number, str(number), kind)))
        other = Actor("x/1", f"{TENANT}2")
        writer.submit(RowsCommit((), acts=acted(other, other.tenant, 3, ActKind.FLOW_SAVED, "no")))
        commit_now(writer)
        reader = Reader(store)
        found, cursor = [], None
        while True:
            page = reader.acts(TENANT, None, 2, cursor)
            found += [one.subject for one in page.rows]
            cursor = page.cursor
            if cursor is None:
                break
        assert found == list("6543210")
        assert subjects(store, kind=ActKind.FLOW_SAVED) == ["6", "3", "0"]
        with pytest.raises(Malformed):
            reader.acts(TENANT, None, 2, "AAAA")


def test_what_is_done_to_another_tenant_stands_in_both_logs():
    theirs, mine = acted(BY, "acme", 1, ActKind.TENANT_DISABLED, "acme", why="x")
    assert (theirs.tenant, mine.tenant) == ("acme", TENANT)
    assert theirs.by == mine.by == BY.name
    assert mine.detail == '{"tenant": "acme", "why": "x"}'


def test_old_acts_of_every_tenant_are_found_and_no_more_than_asked_for(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        for tenant in ("a", "b", "c"):
            by = Actor("x", tenant)
            for at_ns in (1, 2, 8):
                acts = acted(by, tenant, at_ns, ActKind.FLOW_SAVED, "x")
                writer.submit(RowsCommit((), acts=acts))
        commit_now(writer)
        reader = Reader(store)
        old = [keys.act_key(tenant, at_ns) for tenant in "abc" for at_ns in (1, 2)]
        assert reader.old_acts(8, 100) == [(keys.ACTS, key) for key in old]
        assert reader.old_acts(8, 3) == [(keys.ACTS, key) for key in old[:3]]
        assert reader.old_acts(1, 3) == []


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (encode_act(Act(TENANT, 1, "", ActKind.FLOW_SAVED, "x")), "nobody has done it"),
        (encode_act(Act(TENANT, 1, "x", ActKind.FLOW_SAVED, "x", "[]")), "is no object"),
        (b"\x01\xff", "cannot be read"),
        (b"\x09", "cannot be read"),
    ],
)
def test_verify_finds_a_broken_act(tmp_path, value, fault):
    with open_writing(tmp_path) as (store, _):
        put_rows(store, (keys.ACTS, keys.act_key(TENANT, 1), value))
        (found,) = broken_invariants(store, tmp_path / "blobs", {})
        assert found.startswith(f"act of tenant {TENANT}: ")
        assert fault in found
