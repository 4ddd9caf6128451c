"""What anybody can send over HTTP: heads, credentials, cursors, bodies. Refused, never more."""

from types import SimpleNamespace
from urllib.parse import parse_qs

import pytest
from fuzz.foreign import changed, damaged, only, texts
from hypothesis import given
from hypothesis import strategies as st
from worlds.rows import commit_now, open_writing

from axiomd.api import sse
from axiomd.api.auth import CSRF_HEADER, Credentials, caller_of, tenant_of
from axiomd.api.dashboard import accepted_encodings, wants_page
from axiomd.api.flows import read_source
from axiomd.api.heads import check_head, host_name, is_ours
from axiomd.api.wire import (
    LIST_PARAMETERS,
    InvokeBody,
    Query,
    StreamBody,
    read_body,
    read_invoke,
    read_json,
    read_list_filter,
    read_new_key,
    read_resume,
    read_settle,
    read_sign_in,
)
from axiomd.clock import SystemClock, parse_rfc3339
from axiomd.engine.keyring import FIRST_START, Keyring, new_key
from axiomd.engine.sign_in import SignIns, csrf_token_of
from axiomd.errors import CsrfFailed, LinkUnusable, Refused, Unauthorized
from axiomd.execution.deliveries import parse_message_id
from axiomd.execution.position import parse_position
from axiomd.ids import Ids, key_hash, token_key
from axiomd.store import keys
from axiomd.store.commit import RowsCommit
from axiomd.store.reader import ListFilter, Reader
from axiomd.store.records import SessionRecord, encode_session


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """A box with a key and a session: what auth looks at, its key, its token."""
    clock = SystemClock()
    ids = Ids(clock)
    with open_writing(tmp_path_factory.mktemp("edge")) as (store, writer):
        key, commit = new_key(ids, clock, "known", "tenant", FIRST_START)
        writer.submit(commit)
        token = ids.token(clock.now_ns() + 10**15)
        session = encode_session(SessionRecord(key_hash(key), clock.now_ns()))
        writer.submit(RowsCommit(((keys.SESSIONS, token_key(token), session),)))
        commit_now(writer)
        reader = Reader(store)
        sign_ins = SignIns(writer, reader, clock, ids, 7)
        yield SimpleNamespace(
            reader=reader,
            sign_ins=sign_ins,
            keyring=Keyring(writer, reader, clock, ids),
            key=key,
            token=token,
        )


KEY, TOKEN = "0123456789abcdef" * 4, "0123456789abcdef" * 5
AUTHORIZATION = texts(f"Bearer {KEY}", f"bearer {KEY}", "Basic YTpi")
COOKIE = texts(f"axiomd_session={TOKEN}", f"a=b; axiomd_session={TOKEN}; c=d")


@given(st.one_of(st.none(), AUTHORIZATION), COOKIE, texts(KEY), st.sampled_from(["GET", "POST"]))
def test_no_header_opens_a_box_but_a_key_or_a_session(known, authorization, cookie, csrf, method):
    shown = Credentials(method, authorization, cookie, csrf)
    assert only((Unauthorized, CsrfFailed), lambda: caller_of(known, shown)) is None
    headers = [(b"cookie", cookie.encode()), (CSRF_HEADER.lower().encode(), csrf.encode())]
    if authorization is not None:
        headers.append((b"authorization", authorization.encode()))
    scope = {"method": method, "headers": headers}
    assert only((Unauthorized, CsrfFailed), lambda: tenant_of(known, scope, dict(headers))) is None


@given(st.data())
def test_a_damaged_key_or_session_opens_nothing(known, data):
    csrf = csrf_token_of(known.token)
    assert caller_of(known, Credentials("GET", f"Bearer {known.key}", "", "")).key.name == "known"
    cookie = f"axiomd_session={known.token}"
    assert caller_of(known, Credentials("POST", None, cookie, csrf)).token == known.token
    header = data.draw(texts(f"Bearer {known.key}"))
    if header != f"Bearer {known.key}":
        assert (
            only(Unauthorized, lambda: caller_of(known, Credentials("GET", header, "", ""))) is None
        )
    other = data.draw(texts(csrf))
    if other != csrf:
        shown = Credentials("POST", None, cookie, other)
        assert only(CsrfFailed, lambda: caller_of(known, shown)) is None


async def test_signing_in_with_anything_is_refused(known):
    for token in ("", "x", KEY, TOKEN + "0", "0" * 80, "\0" * 80, "٣" * 80):
        if not set(token) <= set("0123456789abcdef") or len(token) != 80:
            with pytest.raises((LinkUnusable, Unauthorized)):
                await known.sign_ins.by_link(token)
        assert known.sign_ins.find(token) is None


BODIES = {
    "graph_id": "01JX0000000000000000000000",
    "input": {"a": [1, None]},
    "wait": True,
    "timeout_seconds": 30,
    "webhook": {"url": "https://x.example/y", "headers": {"a": "b"}},
}


@given(
    st.one_of(
        damaged(
            b'{"graph_id": "01JX0000000000000000000000", "input": {"a": 1e5}, "wait": true}',
            b'{"key": "' + KEY.encode() + b'"}',
            b'{"position": "a#2[3]", "happened": true, "output": {}, "comment": "x"}',
            b'{"decision": "approve", "value": {"a": "\\ud800"}, "comment": ""}',
        )
    )
)
def test_any_body_is_read_or_refused(sent):
    for read in (read_json, read_new_key, read_sign_in, read_settle, read_resume):
        only(Refused, lambda read=read: read(sent))
    for cls in (InvokeBody, StreamBody):
        only(Refused, lambda cls=cls: read_invoke(sent, cls))
    for kind in ("application/json", "application/yaml"):
        only(Refused, lambda kind=kind: read_source(sent, kind))


@given(changed(BODIES))
def test_any_json_body_is_read_or_refused(value):
    sent = repr(value).encode("utf-8", "replace")
    only(Refused, lambda: read_body(sent, InvokeBody))


@given(texts("a", "a#2", "a[3]", "a#2[3][4]", "ä-b_c#10"))
def test_any_position_is_read_or_refused(text):
    read = only(ValueError, lambda: parse_position(text))
    if read is not None:
        assert read[0]
        assert all(item >= 0 for item in read[2])


@given(texts("0", "17", " 5 ", "999999999"))
def test_any_last_event_id_is_an_index_or_refused(text):
    index = only(Refused, lambda: sse.read_cursor(("Last-Event-ID", text, 1), ("from", text, 0)))
    assert index is None or 0 <= index <= 10**9


@given(
    texts(
        "limit=5&cursor=AAAA&status=FAILED,QUEUED&q=a&flow=a/b&started_after=2026-01-01T00:00:00Z"
    )
)
def test_any_query_is_read_or_refused(text):
    given_parameters = parse_qs(text, keep_blank_values=True)
    wanted = only(Refused, lambda: read_list_filter(Query(given_parameters, LIST_PARAMETERS)))
    if wanted is not None:
        assert 1 <= wanted[1] <= 1_000


@given(texts("AAAA", "A" * 32, "_-8="))
def test_any_cursor_is_a_place_or_refused(known, cursor):
    reader = known.reader
    for page in (
        lambda: reader.list_executions("tenant", ListFilter(), 5, cursor),
        lambda: reader.open_pauses("tenant", 5, cursor),
        lambda: reader.packages("tenant", 5, cursor),
        lambda: reader.drafts("tenant", 5, cursor),
        lambda: reader.artifacts("tenant", 5, cursor),
    ):
        only(Refused, page)


@given(texts("2026-03-01T09:30:00Z", "2026-03-01T09:30:00.123456+02:00"))
def test_any_time_is_a_time_or_refused(text):
    only((ValueError, OverflowError), lambda: parse_rfc3339(text))
    only((), lambda: parse_message_id(text))


@given(
    damaged(b"/a/b?c=d", b"/%ff%00/.."),
    st.lists(
        st.tuples(damaged(b"host", b"accept"), damaged(b"box.example:80", b"[::1]:9")), max_size=120
    ),
)
def test_any_head_is_taken_or_refused(path, headers):
    scope = {
        "http_version": "1.1",
        "raw_path": path,
        "query_string": path,
        "headers": [(name.lower(), value) for name, value in headers],
    }
    for names in ((), ("box.example",)):
        only(Refused, lambda names=names: check_head(scope, names))


@given(texts("gzip;q=0.5, br", "text/html, */*;q=0.1", "[::1]:80", "box.example."))
def test_any_accept_and_host_is_understood_somehow(text):
    assert only((), lambda: accepted_encodings(text)) <= {"br", "gzip"}
    assert only((), lambda: wants_page(text)) in (True, False)
    assert only((), lambda: is_ours(host_name(text), ("box.example",))) in (True, False)
