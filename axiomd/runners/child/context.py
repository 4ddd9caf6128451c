"""What node code sees of axiomd: its context, its inputs, and where its prints go."""

from __future__ import annotations

import io
import json
import socket
from typing import Any

from .limits import Limits
from .wire import (
    ATTRIBUTE_CHARS_MAX,
    ATTRIBUTES_MAX,
    COUNT,
    IN,
    IN_END,
    LOG,
    PROGRESS,
    STARVED,
    TEXT_CHARS_MAX,
    Link,
    cut,
)


class Spec:
    """What stays the same over the calls of one placement."""

    def __init__(self, text: bytes) -> None:
        fields = json.loads(text)
        self.module: str = fields["module"]
        self.pipeline: bool = fields["pipeline"]
        self.input_type: str = fields["input"]
        self.output_type: str = fields["output"]
        self.output_max: int = fields["output_max"]
        self.graph_id: str = fields["graph_id"]
        self.tenant: str = fields["tenant"]
        self.placement: str = fields["placement"]
        self.config: dict[str, str] = fields["config"]
        self.reflection: str = fields["reflection"]
        self.limits = Limits(fields["memory_mib"], fields["cpu_seconds"], fields["hard"])


class Log:
    """`ax.log`: what is logged becomes an event of the execution."""

    def __init__(self, link: Link, call: int) -> None:
        self._link, self._call = link, call

    def debug(self, msg: object, **attrs: object) -> None:
        """Log what only a developer wants to see."""
        self._say("debug", msg, attrs)

    def info(self, msg: object, **attrs: object) -> None:
        """Log what happened."""
        self._say("info", msg, attrs)

    def warn(self, msg: object, **attrs: object) -> None:
        """Log what somebody should look at."""
        self._say("warn", msg, attrs)

    warning = warn

    def error(self, msg: object, **attrs: object) -> None:
        """Log what went wrong."""
        self._say("error", msg, attrs)

    def _say(self, level: str, msg: object, attrs: dict[str, object]) -> None:
        texts = {
            cut(name, ATTRIBUTE_CHARS_MAX): cut(attrs[name], ATTRIBUTE_CHARS_MAX)
            for name in list(attrs)[:ATTRIBUTES_MAX]
        }
        self._link.say(LOG, self._call, [level, cut(msg), texts])


class Secrets:
    """`ax.secrets`: the secrets the node declared."""

    def __init__(self, values: dict[str, str]) -> None:
        self._values = values

    def get(self, name: str) -> tuple[str, bool]:
        """The secret's value and whether there is one."""
        return self._values.get(name, ""), name in self._values


class Record(dict):  # type: ignore[type-arg]
    """A JSON object whose members are attributes too."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class Reflection:
    """`ax.reflection`: where the node stands."""

    def __init__(self, text: str) -> None:
        self._text = text

    @property
    def flow(self) -> Any:
        """The flow's nodes and edges, and this node's position."""
        return json.loads(self._text, object_hook=Record)


class Context:
    """`ax`."""

    def __init__(self, link: Link, call: int, spec: Spec, visit: bytes) -> None:
        attempt, resume_index, execution_id, span_id, secrets, effect_key = visit.decode().split(
            "\n", 5
        )
        self._link, self._call = link, call
        self.log = Log(link, call)
        self.secrets = Secrets(json.loads(secrets) if secrets else {})
        self.config = dict(spec.config)
        self.execution_id = execution_id
        self.flow_id = spec.graph_id
        self.tenant_id = spec.tenant
        self.placement = spec.placement
        self.attempt = int(attempt)
        self.effect_key = effect_key
        self.traceparent = f"00-{execution_id}-{span_id}-01"
        self.resume_index = int(resume_index)
        self.reflection = Reflection(spec.reflection)

    def progress(self, fraction: float, message: object = "") -> None:
        """Tell how much is done, from 0 to 1."""
        self._link.say(PROGRESS, self._call, [min(max(float(fraction), 0.0), 1.0), cut(message)])


class Inputs:
    """A pipeline node's inputs: an iterator, and an asynchronous one, over IN frames."""

    def __init__(self, link: Link, call: int, message: Any) -> None:
        self._link, self._call, self._message = link, call, message
        self._read = 0
        self._starved_at = -1
        self._ended = False

    def __iter__(self) -> Inputs:
        return self

    def __next__(self) -> Any:
        while not self._ended:
            frame = self._link.inbox.take()
            if frame is None:
                self._tell_starved()
                self._link.fill(0)
            elif self._is_input(frame):
                return self._message.FromString(bytes(frame[2]))
        raise StopIteration

    def __aiter__(self) -> Inputs:
        return self

    async def __anext__(self) -> Any:
        while not self._ended:
            frame = self._link.inbox.take()
            if frame is None:
                try:
                    self._link.fill(socket.MSG_DONTWAIT)
                except BlockingIOError:
                    self._tell_starved()
                    await self._link.wait_readable()
            elif self._is_input(frame):
                return self._message.FromString(bytes(frame[2]))
        raise StopAsyncIteration

    def _tell_starved(self) -> None:
        if self._starved_at != self._read:
            self._starved_at = self._read
            self._link.send(STARVED, self._call, COUNT.pack(self._read))

    def _is_input(self, frame: tuple[int, int, bytes | bytearray]) -> bool:
        kind, call, _ = frame
        if call != self._call:
            return False
        if kind == IN_END:
            self._ended = True
            return False
        self._read += 1
        return kind == IN


class LogStream(io.RawIOBase):
    """What node code writes to stdout or stderr, as LOG frames, one a line.

    Each call has a line of its own, so that calls which run side by side do not mix theirs.
    """

    def __init__(self, link: Link, level: str, fd: int) -> None:
        super().__init__()
        self._link, self._level, self._fd = link, level, fd
        self._rests: dict[int, bytes] = {}

    def fileno(self) -> int:
        """The real descriptor, which leads nowhere: for libraries that insist on one."""
        return self._fd

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, data: Any) -> int:
        """Take bytes; whole lines become frames. What no call wrote is dropped."""
        call = self._link.current_call()
        if call:
            *lines, rest = (self._rests.pop(call, b"") + bytes(data)).split(b"\n")
            for line in lines:
                self._say(call, line)
            while len(rest) >= TEXT_CHARS_MAX:
                self._say(call, rest[:TEXT_CHARS_MAX])
                rest = rest[TEXT_CHARS_MAX:]
            if rest:
                self._rests[call] = rest
        return len(data)

    def end_line(self, call: int) -> None:
        """The call is over: a line without its end counts as one."""
        rest = self._rests.pop(call, b"")
        if rest:
            self._say(call, rest)

    def _say(self, call: int, line: bytes) -> None:
        self._link.say(LOG, call, [self._level, cut(line.decode("utf-8", "replace")), {}])
