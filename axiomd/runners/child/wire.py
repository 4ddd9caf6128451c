"""The frames between axiomd and a node process, and the bytes they are cut from.

Both sides use this file: axiomd imports it, and a node process of any Python from 3.8 on loads it
by its path. So it imports the standard library only, and refuses to know what is in a payload.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import os
import socket
import struct
import threading
from typing import Callable  # noqa: UP035 (Python 3.8)

RUN, IN, IN_END, OUT, DONE, ERROR, LOG, PROGRESS, STARVED, JOIN, CANCEL, SHARES = range(1, 13)
"""Frames. To the node: RUN a call, JOIN a call that others may run beside, CANCEL it, IN the next
input of a stream, IN_END no more of them. From the node: OUT a frame of a stream, DONE it returned,
ERROR it failed, LOG and PROGRESS what it said, STARVED it waits for an input after having read so
many, SHARES whether the handler of a JOIN can run beside others."""

HEAD = struct.Struct("<IBQ")
"""Before every frame: bytes of the body, kind, number of the call."""
RUN_HEAD = struct.Struct("<II")
"""At the start of a RUN body: bytes of the visit's text and of the placement's JSON."""
COUNT = struct.Struct("<Q")
"""The body of STARVED."""
ALONE, BESIDE = b"\0", b"\1"
"""The bodies of SHARES."""

READY, FORKED, FORK_FAILED, EXITED = range(1, 5)
"""Messages of the zygote: it can fork, a process started (its pidfd attached), one could not be
started (status is the errno), one ended (status is its wait status)."""
CONTROL = struct.Struct("<BIi")
"""A zygote's message: kind, pid, status."""

BUFFER_BYTES = 64 * 1024
"""What one receive takes at most while frames are small."""
TEXT_CHARS_MAX = 16 * 1024
"""Characters of one logged text or failure; what is longer is cut."""
ATTRIBUTES_MAX = 64
"""Attributes of one log event."""
ATTRIBUTE_CHARS_MAX = 1024
"""Characters of an attribute's name or value."""


class FrameTooLong(Exception):
    """A frame's header announces more bytes than the receiver takes."""

    def __init__(self, kind: int, call: int, length: int) -> None:
        self.kind, self.call, self.length = kind, call, length
        super().__init__(f"frame kind {kind} announces {length} bytes")


class Inbox:
    """Received bytes, cut into frames; used by both sides of the socket."""

    def __init__(self, body_max: int) -> None:
        self.body_max = body_max
        self._buffer = bytearray(BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._start = self._end = 0
        self._large: bytearray | None = None
        self._large_head, self._large_got = (0, 0), 0

    def fill(self, recv_into: Callable[[memoryview], int]) -> int:
        """Receive once; the bytes received, 0 at the end of the stream."""
        if self._large is not None:
            self._large_got += (count := recv_into(memoryview(self._large)[self._large_got :]))
            return count
        if self._start == self._end:
            self._start = self._end = 0
        elif self._end == len(self._buffer):
            rest = bytes(self._view[self._start :])
            self._start, self._end = 0, len(rest)
            self._view[: self._end] = rest
        self._end += (count := recv_into(self._view[self._end :] if self._end else self._view))
        return count

    def take(self) -> tuple[int, int, bytes | bytearray] | None:
        """The next whole frame as (kind, call, body), or None until more is received.

        A large body is received into the buffer that is handed out. Raises FrameTooLong.
        """
        if self._large is not None:
            if self._large_got < len(self._large):
                return None
            body, self._large = self._large, None
            return (*self._large_head, body)
        start, have = self._start, self._end - self._start
        if have < 13:
            return None
        length, kind, call = HEAD.unpack_from(self._buffer, start)
        if length > self.body_max:
            raise FrameTooLong(kind, call, length)
        if (total := 13 + length) > BUFFER_BYTES:
            got = min(length, have - 13)
            self._large, self._large_head, self._large_got = bytearray(length), (kind, call), got
            self._start = start + 13 + got
            memoryview(self._large)[:got] = self._view[start + 13 : self._start]
            return self.take()
        if have < total:
            return None
        self._start += total
        return kind, call, bytes(self._view[start + 13 : self._start])


BESIDE_CALL: contextvars.ContextVar[int] = contextvars.ContextVar("axiomd_call", default=0)
"""Which of the calls that run side by side the running code belongs to."""


class Link:
    """The node process's end of its socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self.inbox = Inbox(2**32 - 1)
        self._lock = threading.Lock()
        self.call = 0
        """Number of the call that has the process to itself."""
        self.beside: set[int] = set()
        """Numbers of the calls that run side by side."""

    def current_call(self) -> int:
        """Number of the call that the running code belongs to; 0 when none."""
        call = BESIDE_CALL.get()
        if not call:
            return self.call
        return call if call in self.beside else 0

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._socket.fileno()

    def send(self, kind: int, call: int, body: bytes) -> None:
        """Send one frame; ends the process when nobody is there to read it."""
        head = HEAD.pack(len(body), kind, call)
        try:
            with self._lock:
                if len(body) <= BUFFER_BYTES:
                    self._socket.sendall(head + body)
                else:
                    self._socket.sendall(head)
                    self._socket.sendall(body)
        except OSError:
            os._exit(0)

    def say(self, kind: int, call: int, content: object) -> None:
        """Send an ERROR, LOG or PROGRESS frame of a running call."""
        if call:
            self.send(kind, call, json.dumps(content, separators=(",", ":")).encode())

    def receive(self) -> tuple[int, int, bytes | bytearray]:
        """Wait for the next frame; ends the process when there will be none."""
        while True:
            frame = self.inbox.take()
            if frame is not None:
                return frame
            self.fill(0)

    def fill(self, flags: int) -> None:
        """Receive once, with MSG_DONTWAIT raising BlockingIOError."""
        try:
            count = self.inbox.fill(lambda room: self._socket.recv_into(room, 0, flags))
        except BlockingIOError:
            raise
        except OSError:
            count = 0
        if count == 0:
            os._exit(0)

    async def wait_readable(self) -> None:
        """Wait on the running asyncio loop until something can be received."""
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_reader(self._socket, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self._socket)


def cut(value: object, chars_max: int = TEXT_CHARS_MAX) -> str:
    """The text of `value`, never raising, cut to `chars_max`."""
    try:
        text = str(value)
    except Exception as failure:  # noqa: BLE001 (whatever its class does)
        text = f"<{type(value).__name__} without text: {type(failure).__name__}>"
    return text if len(text) <= chars_max else text[: chars_max - 1] + "…"


def split_run(body: bytes | bytearray) -> tuple[bytes, bytes, bytes]:
    """The visit's text, the placement's JSON and the payload of a RUN body."""
    visit, spec = RUN_HEAD.unpack_from(body)
    rest = memoryview(body)[RUN_HEAD.size :]
    return bytes(rest[:visit]), bytes(rest[visit : visit + spec]), bytes(rest[visit + spec :])


def spec_of_run(body: bytes | bytearray) -> bytes:
    """The placement's JSON of a RUN body, without a copy of its payload."""
    visit, spec = RUN_HEAD.unpack_from(body)
    start = RUN_HEAD.size + visit
    return bytes(memoryview(body)[start : start + spec])


def too_large(size: int, bound: int) -> str:
    """The sentence for an output over the cap."""
    return f"the output has {size} bytes, and at most {bound} are taken"
