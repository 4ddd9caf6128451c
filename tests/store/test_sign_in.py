"""Sign-in links and sessions in the store: used once, found by hash, removed when they run out."""

import pytest
from worlds.invariants import rows
from worlds.rows import commit_now, open_writing, put_rows

from axiomd.errors import LinkUnusable
from axiomd.ids import token_key
from axiomd.store import keys
from axiomd.store.commit import RowsCommit, SignInCommit
from axiomd.store.reader import Reader
from axiomd.store.records import (
    ApiKeyRecord,
    SessionRecord,
    SignInLinkRecord,
    decode_link,
    encode_api_key,
    encode_link,
    encode_session,
)

KEY = b"k" * 32
EXPIRES_NS = 1_000


def token(number: int, expires_ns: int = EXPIRES_NS) -> bytes:
    return token_key(f"{expires_ns:016x}{number:064x}")


def fill(store, *, revoked_ns: int = 0) -> None:
    """A key, and a link for it."""
    key = ApiKeyRecord("tenant", "console", "12345678", "abcd", 1, revoked_ns, console=True)
    put_rows(
        store,
        (keys.API_KEYS, KEY, encode_api_key(key)),
        (keys.SIGN_IN_LINKS, token(1), encode_link(SignInLinkRecord(KEY, 1))),
    )


def used_at(store) -> int:
    (row,) = rows(store, keys.SIGN_IN_LINKS)
    return decode_link(row[1]).used_ns


def test_of_two_browsers_with_one_link_the_first_to_be_durable_has_its_session(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        fill(store)
        first = writer.submit(SignInCommit(token(1), token(2, 5_000), 10))
        second = writer.submit(SignInCommit(token(1), token(3, 5_000), 10))
        outcomes = []
        for ticket in (first, second):
            ticket.then(outcomes.append)
        commit_now(writer)
        assert outcomes[0] is None
        assert isinstance(outcomes[1], LinkUnusable)
        assert Reader(store).session(token(2, 5_000)) == SessionRecord(KEY, 10)
        assert Reader(store).session(token(3, 5_000)) is None
        assert used_at(store) == 10


@pytest.mark.parametrize(
    ("link", "at_ns", "revoked_ns", "words"),
    [
        (token(1), EXPIRES_NS, 0, "has run out"),
        (token(9), 10, 0, "none of this box"),
        (token(1), 10, 5, "has been revoked"),
    ],
    ids=["late", "unknown", "revoked"],
)
def test_a_link_that_does_not_hold_changes_nothing(tmp_path, link, at_ns, revoked_ns, words):
    with open_writing(tmp_path) as (store, writer):
        fill(store, revoked_ns=revoked_ns)
        ticket = writer.submit(SignInCommit(link, token(2, 5_000), at_ns))
        refusals = []
        ticket.then(refusals.append)
        commit_now(writer)
        assert words in str(refusals[0])
        assert rows(store, keys.SESSIONS) == []
        assert used_at(store) == 0


def test_a_key_that_is_revoked_before_a_link_in_the_same_batch_ends_the_link(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        fill(store)
        revoked = ApiKeyRecord("tenant", "console", "12345678", "abcd", 1, 9, console=True)
        writer.submit(RowsCommit(((keys.API_KEYS, KEY, encode_api_key(revoked)),)))
        refusals = []
        writer.submit(SignInCommit(token(1), token(2, 5_000), 10)).then(refusals.append)
        commit_now(writer)
        assert isinstance(refusals[0], LinkUnusable)
        assert rows(store, keys.SESSIONS) == []


def test_what_has_run_out_is_found_in_the_order_of_its_time_and_no_more_than_asked_for(tmp_path):
    with open_writing(tmp_path) as (store, _):
        session, link = encode_session(SessionRecord(KEY, 1)), encode_link(SignInLinkRecord(KEY, 1))
        put_rows(
            store,
            *((keys.SESSIONS, token(n, 10 * n), session) for n in range(1, 6)),
            *((keys.SIGN_IN_LINKS, token(n, 10 * n), link) for n in range(1, 6)),
        )
        sessions = [(keys.SESSIONS, token(n, 10 * n)) for n in range(1, 6)]
        links = [(keys.SIGN_IN_LINKS, token(n, 10 * n)) for n in range(1, 6)]
        reader = Reader(store)
        assert reader.run_out(9, 100) == []
        assert reader.run_out(30, 100) == sessions[:3] + links[:3]
        assert reader.run_out(30, 4) == sessions[:3] + links[:1]
        assert reader.run_out(99, 2) == sessions[:2]
