"""Server-sent events: a cursor into the store, written to a socket.

A stream holds an index and nothing else: it reads what is durable, writes it, and waits for the
tail. So a slow reader costs no memory, and `Last-Event-ID` is just a cursor, before and after a
restart of the box. No cancel scope is open across a `yield`.
"""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import trio
from quart import Response, g
from quart.wrappers.response import ResponseBody

from axiomd.api.box import Box
from axiomd.api.shapes import ClosingFrameView
from axiomd.api.views import error_sentence, event_view, failure_view
from axiomd.errors import Malformed
from axiomd.execution.execution import Execution
from axiomd.execution.status import Status
from axiomd.flow.large_json import Leaf, write_pieces
from axiomd.limits import STREAM_BATCH_FRAMES_MAX

HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
}
KEEP_ALIVE = b": keep-alive\n\n"

_DIGITS_MAX = 9
"""Of an index that a client names."""
_encode = json.JSONEncoder(ensure_ascii=False).encode
"""Made once: `json.dumps` makes one for each call."""

Chunks = AsyncGenerator[bytes, None]


class EventStreamBody(ResponseBody):
    """A generator as a response body that is closed when the client leaves."""

    def __init__(self, chunks: Chunks) -> None:
        self._chunks = chunks

    async def __aenter__(self) -> "EventStreamBody":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._chunks.aclose()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._chunks


def answer_events(events: Chunks) -> Response:
    """Events as an answer, as long as whoever asked for them may have them."""
    return answer_pieces(_while_allowed(events, g.caller.stands), HEADERS)


def answer_pieces(chunks: Chunks, headers: Mapping[str, str]) -> Response:
    """A generator as an answer."""
    response = Response(EventStreamBody(chunks), headers=dict(headers))
    # The framework would end a stream after a minute as if it were complete.
    response.timeout = None
    return response


async def _while_allowed(chunks: Chunks, stands: Callable[[], bool]) -> Chunks:
    """Asked before each piece, and the longest silence is a keep-alive's."""
    async with aclosing(chunks):
        async for chunk in chunks:
            if not stands():
                return
            yield chunk


def event(data: Any, event_id: int | None = None) -> bytes:
    """One event; without an ID the client's cursor stays where it is."""
    return event_text(data, event_id).encode()


def event_text(data: Any, event_id: int | None = None) -> str:
    """`event`, before it is encoded."""
    line = f"id: {event_id}\n" if event_id is not None else ""
    return f"{line}data: {_encode(data)}\n\n"


def frame_text(execution_id: str, index: int, payload: Any) -> str:
    """One frame as an event. By hand: as a dict it is a third of what a frame costs."""
    return (
        f'id: {index}\ndata: {{"execution_id": "{execution_id}", "frame_index": {index}, '
        f'"payload": {_encode(payload)}, "is_final": false, "success": true}}\n\n'
    )


async def _next_piece(box: Box, pieces: Iterator[bytes], leaves: Sequence[Leaf]) -> bytes:
    """The next piece of an answer; off the event loop if it may have to come from a file."""
    if not leaves:
        return next(pieces, b"")
    piece = await box.engine.parts.run_blocking(next, pieces, b"")
    assert isinstance(piece, bytes)
    return piece


def read_cursor(*given: tuple[str, str | None, int]) -> int:
    """The index to go on from, by the first of `given` that has a text.

    given: name, text, and 1 if it names what was seen last or 0 if it names what comes next.
    Raises Malformed.
    """
    # Each of them is looked at, so that none is wrong and unnoticed behind another one.
    found = [_read_index(name, text) + step for name, text, step in given if text and text.strip()]
    return found[0] if found else 0


def _read_index(name: str, text: str) -> int:
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit()) or len(digits) > _DIGITS_MAX:
        raise Malformed(f"{name} must be the index of a frame or event, not {text!r}.")
    return int(digits)


async def frame_events(
    box: Box, execution: Execution, start: int, timeout_s: float | None
) -> Chunks:
    """The frames of a pipeline from index `start`, then the closing frame.

    timeout_s: seconds until the stream closes with an error frame; the execution goes on.
    """
    identity = execution.execution_id
    loaded = box.loaded(execution)
    terminal = loaded.artifact.terminal
    deadline = trio.current_time() + timeout_s if timeout_s is not None else float("inf")
    cursor = start
    with box.engine.tail.watch(identity) as watch:
        yield KEEP_ALIVE
        while True:
            # The record first: once it says that it has ended, every frame is there to be read.
            record = box.reader.find_execution(identity)
            ended = record is None or record.status.ended
            if not ended and trio.current_time() >= deadline:
                # Asked first: a generator may be faster than its reader for ever.
                yield event(timeout_view(identity, cursor, timeout_s))
                return
            rows = box.reader.frames(identity, terminal, cursor, STREAM_BATCH_FRAMES_MAX)
            if rows:
                leaves: list[Leaf] = []
                shown = [
                    (index, await box.show(loaded.terminal, [payload], leaves))
                    for index, payload in rows
                ]
                chunk = "".join([frame_text(identity, index, value) for index, value in shown])
                cursor = rows[-1][0] + 1
                pieces = write_pieces(chunk, leaves)
                while piece := await _next_piece(box, pieces, leaves):
                    yield piece
            elif ended:
                count = box.reader.frame_count(identity, terminal)
                yield event(closing_view(identity, count, record), count)
                return
            elif not await changed(watch.changed, box.settings.keep_alive_s, deadline):
                yield KEEP_ALIVE


async def journal_events(
    box: Box, execution: Execution, start: int, node: str | None, kinds: frozenset[str]
) -> Chunks:
    """The journal from seq `start`, then each new entry as it becomes durable, to the end."""
    identity = execution.execution_id
    artifact = box.loaded(execution).artifact
    cursor = start
    with box.engine.tail.watch(identity) as watch:
        yield KEEP_ALIVE
        while True:
            record = box.reader.find_execution(identity)
            entries = box.reader.journal(identity, cursor, STREAM_BATCH_FRAMES_MAX)
            if entries:
                cursor = entries[-1].seq + 1
                views = [event_view(artifact, entry) for entry in entries]
                yield (
                    b"".join(
                        event(view, view["seq"])
                        for view in views
                        if (node is None or view["placement"] == node)
                        and (not kinds or view["kind"] in kinds)
                    )
                    or KEEP_ALIVE
                )
            elif record is None or record.status.ended:
                return
            elif not await changed(watch.changed, box.settings.keep_alive_s, float("inf")):
                yield KEEP_ALIVE


async def changed(changed: Any, keep_alive_s: float, deadline: float) -> bool:
    """Wait for a wake-up; False when it is time to say that we are still here."""
    wake_at = min(trio.current_time() + keep_alive_s, deadline)
    with trio.CancelScope(deadline=wake_at) as scope:
        await changed()
    return not scope.cancelled_caught


def closing_view(execution_id: str, count: int, record: Execution | None) -> ClosingFrameView:
    """The frame that ends a stream; on failure it says why."""
    view: ClosingFrameView = {
        "execution_id": execution_id,
        "frame_index": count,
        "is_final": True,
        "success": record is not None and record.status is Status.COMPLETED,
    }
    if record is not None and not view["success"]:
        view["error"] = error_sentence(record.failure)
        view["failure"] = failure_view(record.failure)
    return view


def timeout_view(execution_id: str, cursor: int, timeout_s: float | None) -> ClosingFrameView:
    """The frame that ends a stream whose time is over; it has no ID, so nothing is skipped."""
    return {
        "execution_id": execution_id,
        "frame_index": cursor,
        "is_final": True,
        "success": False,
        "timed_out": True,
        "error": f"no final frame within {timeout_s:g} s; the execution goes on",
    }
