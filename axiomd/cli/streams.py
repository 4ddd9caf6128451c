"""Streams of frames and events that outlive a lost connection.

Promises no gap and no duplicate: the cursor is the last ID that arrived, and a stream that
breaks off is continued behind it, also on a server that has been started again.
"""

import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

from axiomd.cli.client import Client, ServerEvent
from axiomd.cli.exits import Unreachable
from axiomd.cli.output import note

Frames = Generator[Any, None, None]

STREAM = "/invocations/v1/flows/invoke/stream"
_RECONNECT_S_MAX = 30.0
_RECONNECT_PAUSE_S = 0.25


def start_frames(
    client: Client, request: dict[str, Any], headers: dict[str, str], timeout_s: float
) -> Frames:
    """Invoke a pipeline: its frames and its closing frame."""
    deadline = time.monotonic() + timeout_s
    body = {**request, "timeout_seconds": timeout_s}
    identity: str | None = None
    cursor = 0
    try:
        with client.events("POST", STREAM, body=body, headers=headers) as events:
            for event in events:
                identity = event.data["execution_id"]
                cursor = event.data["frame_index"] + 1
                yield event.data
                if event.data["is_final"]:
                    return
    except Unreachable:
        # Without an ID nobody can say whether it was accepted.
        if identity is None:
            raise
    if identity is None:
        raise Unreachable(f"The stream of {client.target.url} ended before it began.")
    yield from follow_frames(client, identity, cursor, max(1.0, deadline - time.monotonic()))


def follow_frames(
    client: Client, execution_id: str, start: int = 0, timeout_s: float | None = None
) -> Frames:
    """The frames of an execution from `start` on, and its closing frame."""
    path = f"/invocations/v1/executions/{execution_id}/stream"
    timeout = None if timeout_s is None else round(timeout_s)
    params = {"from": start or None, "timeout_seconds": timeout}
    # Only the closing frame ends a stream; whatever else does is a loss.
    for event in resumed(client, path, params, lambda: False):
        yield event.data
        if event.data["is_final"]:
            return


def resumed(
    client: Client, path: str, params: dict[str, Any], finished: Callable[[], bool]
) -> Iterator[ServerEvent]:
    """The events of a GET, continued behind the last one when the connection is lost.

    finished: asked when the stream has ended in good order, as a stopping server's does.
    """
    last: int | None = None
    lost_at: float | None = None
    while True:
        headers = {} if last is None else {"Last-Event-ID": str(last)}
        try:
            with client.events("GET", path, params=params, headers=headers) as events:
                for event in events:
                    lost_at = None
                    last = event.event_id if event.event_id is not None else last
                    yield event
            if finished():
                return
            raise Unreachable(f"The stream of {client.target.url} was cut off.")
        except Unreachable:
            lost_at = lost_at or _told_of_loss()
            if time.monotonic() - lost_at > _RECONNECT_S_MAX:
                raise
            time.sleep(_RECONNECT_PAUSE_S)


def _told_of_loss() -> float:
    note("the connection was lost; trying again")
    return time.monotonic()
