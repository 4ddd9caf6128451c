"""A node process that says what no node of ours would: it fails, and nothing else does."""

import json

import pytest
from fuzz.foreign import changed, damaged, only
from hypothesis import given
from hypothesis import strategies as st
from system.box import running
from system.lab import compiled, prepare, single

from axiomd.runners.child.wire import (
    ALONE,
    COUNT,
    DONE,
    ERROR,
    HEAD,
    LOG,
    OUT,
    PROGRESS,
    SHARES,
    STARVED,
    FrameTooLong,
    Inbox,
)
from axiomd.runners.frames import ProtocolError, read_event, read_failure


def frame(kind: int, call: int, body: bytes) -> bytes:
    return HEAD.pack(len(body), kind, call) + body


LOGGED = ["info", "hello", {"who": "you", "n": "1"}]
FAILED = ["NODE_ERROR", "no", "Traceback", ["ValueError", "Exception"]]
SAID = (
    frame(LOG, 1, json.dumps(LOGGED).encode())
    + frame(PROGRESS, 1, b'[0.5,"half"]')
    + frame(OUT, 1, b"payload")
    + frame(STARVED, 1, COUNT.pack(3))
    + frame(SHARES, 1, ALONE)
    + frame(ERROR, 1, json.dumps(FAILED).encode())
    + frame(DONE, 1, b"x" * 300)
)
BODY_MAX = 1024 * 1024


def received(content: bytes, at_once: int) -> list[tuple[int, int, bytes]]:
    """All frames in these bytes, as they come so many at a time."""
    inbox, rest, found = Inbox(BODY_MAX), memoryview(content), []

    def receive(room: memoryview) -> int:
        nonlocal rest
        count = min(len(room), len(rest), at_once)
        room[:count], rest = rest[:count], rest[count:]
        return count

    while inbox.fill(receive):
        while (taken := inbox.take()) is not None:
            found.append(taken)
    return found


@given(damaged(SAID), st.sampled_from([1, 7, 100, 65_536]))
def test_any_bytes_of_a_node_are_frames_or_too_long(content, at_once):
    frames = only(FrameTooLong, lambda: received(content, at_once))
    for kind, _, body in frames or ():
        assert len(body) <= BODY_MAX
        only(ProtocolError, lambda kind=kind, body=body: read_event(kind, body))
        only(ProtocolError, lambda body=body: read_failure(body))


@given(changed(LOGGED), changed(FAILED))
def test_any_text_of_a_node_is_an_event_a_failure_or_refused(logged, failed):
    event = only(ProtocolError, lambda: read_event(LOG, json.dumps(logged).encode()))
    failure = only(ProtocolError, lambda: read_failure(json.dumps(failed).encode()))
    for text in (event.message if event else "", failure.message if failure else ""):
        # It can be stored and sent.
        text.encode()


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with running(tmp_path_factory.mktemp("nodes") / "data") as box:
        prepare(box)
        yield box, compiled(box, single("Execute")), compiled(box, single("Echo"))


_SHOUT = """\
import gc, os, stat, struct, time
link = next(one for one in gc.get_objects() if type(one).__name__ == "Link")
call = link.call or next(iter(link.beside))
body = bytes.fromhex({body!r})
for kind, number, length in {heads!r}:
    length = len(body) if length is None else length
    head = struct.pack("<IBQ", length, kind, call + number)
    os.write(link.fileno(), head + body)
{after}
"""
_KINDS = ("NODE_CRASHED", "BAD_OUTPUT", "PAYLOAD_TOO_LARGE")
MINE = 0
"""Beside the number of the call that runs."""


@pytest.mark.parametrize(
    ("heads", "body", "after", "fails"),
    [
        ([(255, 10**18, 2**32 - 1)], b"\xff" * 100, "time.sleep(30)", True),
        ([(DONE, MINE, 2**32 - 1)], b"", "time.sleep(30)", True),
        ([(77, MINE, None)], b"?", "time.sleep(30)", True),
        ([(OUT, MINE, None)], b"a frame of a stream", "time.sleep(30)", True),
        ([(LOG, MINE, None)], b"[" * 100_000, "time.sleep(30)", True),
        ([(LOG, MINE, None)], b"\xff\xfe", "time.sleep(30)", True),
        ([(ERROR, MINE, None)], b'["NO_SUCH_KIND","","",[]]', "time.sleep(30)", True),
        ([(DONE, MINE, 100)], b"half of it", "os._exit(0)", True),
        ([(DONE, number, None) for number in range(1, 500)], b"", "", False),
        ([(LOG, MINE, None)] * 500, b'["info","again",{}]', "", False),
    ],
    ids="noise 4-gib kind stream deep text failure half others many".split(),  # noqa: SIM905
)
def test_a_node_that_breaks_its_socket_fails_alone(lab, heads, body, after, fails):
    box, execute, echo = lab
    text = _SHOUT.format(heads=heads, body=body.hex(), after=after)
    with box.client() as user:
        broken = user.invoke(execute, {"text": text}, wait=True, timeout_seconds=20)
        assert "result" in broken.json(), broken.text
        assert broken.json()["result"]["success"] is not fails, broken.text
        if fails:
            assert broken.json()["result"]["failure"]["kind"] in _KINDS
        # The box and other nodes do not notice.
        assert user.invoke(echo, {"text": "here"}, wait=True).json()["result"]["success"]
    log = box.log.read_text()
    for event in ("answered_500", "connection_failed", "store_failed", "attempt_failed"):
        assert event not in log


def test_bytes_that_are_no_message_are_told_of_to_who_reads_them(lab):
    """What a node returns is looked into where it is used: its bytes are its package's own."""
    box, execute, echo = lab
    text = _SHOUT.format(heads=[(DONE, MINE, None)], body=b"\xff none".hex(), after="")
    with box.client() as user:
        answer = user.invoke(execute, {"text": text}, wait=True, timeout_seconds=20)
        assert (answer.status_code, answer.json()["code"]) == (422, "INVALID")
        assert user.get("/invocations/v1/executions")["executions"][0]["status"] == "COMPLETED"
        assert user.invoke(echo, {"text": "here"}, wait=True).json()["result"]["success"]
