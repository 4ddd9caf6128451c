"""The head of an answer and the first of its body in one system call.

hypercorn writes an answer in three pieces: head, body, end. Each is a system call and a turn of
the event loop, which was measured to be a quarter of what a small request costs. The one method
that writes them is replaced here; the release of hypercorn is pinned for it, and
`tests/api/test_one_write.py` fails when a new one works differently.
"""

from typing import Any

import h11
from hypercorn.events import RawData
from hypercorn.protocol.h11 import H11Protocol


async def _send_together(self: Any, event: h11.Event) -> None:
    """Hold the head back until there is body, or the end, to go with it."""
    try:
        data = self.connection.send(event)
    except h11.LocalProtocolError:
        if self.connection.their_state != h11.ERROR:
            raise
        return
    head = self.__dict__.pop("held_head", b"")
    if isinstance(event, h11.Response):
        self.held_head = data
    elif head or data:
        await self.send(RawData(data=head + data))


def write_answers_at_once() -> None:
    """Make every HTTP/1.1 connection of this process write so; calling it again does nothing."""
    H11Protocol._send_h11_event = _send_together  # type: ignore[method-assign]
