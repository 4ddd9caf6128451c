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
import os, stat, time
for number in range(3, 256):
    try:
        if stat.S_ISSOCK(os.fstat(number).st_mode):
            os.write(number, bytes.fromhex({content!r}))
    except OSError:
        pass
{after}
"""


@pytest.mark.parametrize(
    ("content", "after"),
    [
        (b"\xff" * 100, "time.sleep(30)"),
        (HEAD.pack(2**32 - 1, DONE, 1), "time.sleep(30)"),
        (frame(77, 1, b"?"), ""),
        (frame(OUT, 1, b"a frame of a stream"), ""),
        (frame(LOG, 1, b"[" * 100_000), ""),
        (frame(ERROR, 1, b'["NO_SUCH_KIND","","",[]]'), ""),
        (HEAD.pack(100, DONE, 1) + b"half of it", "os._exit(0)"),
        (b"".join(frame(DONE, number, b"") for number in range(1_000, 2_000)), ""),
    ],
    ids=["noise", "4-gib", "kind", "stream", "deep", "failure", "half", "others"],
)
def test_a_node_that_breaks_its_socket_fails_alone(lab, content, after):
    box, execute, echo = lab
    text = _SHOUT.format(content=content.hex(), after=after)
    with box.client() as user:
        broken = user.invoke(execute, {"text": text}, wait=True, timeout_seconds=20)
        assert broken.status_code == 202, broken.text
        # Whatever became of it, it was decided; the box and other nodes do not notice.
        assert "result" in broken.json()
        assert user.invoke(echo, {"text": "here"}, wait=True).json()["result"]["success"]
    log = box.log.read_text()
    for event in ("answered_500", "connection_failed", "store_failed", "worker_failed"):
        assert event not in log
