"""The child side of node processes: what any Python from 3.8 on can run by itself.

Owns the frames between axiomd and a node process, the zygote (a process for each package that
has its nodes loaded and forks node processes on demand) and the node process (one call at a
time). It imports the standard library only, so that a package's own interpreter, with whatever
protobuf its environment has, can run it as `python -I shim.py <control fd> <lock fd> <parent
pid> <package directory> <mode>`. Payloads pass through untouched: no protobuf in the envelope.

It refuses to know what an execution or a flow is. A process ends when its socket ends, and the
kernel kills it when its parent dies.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import errno
import gc
import importlib.machinery
import io
import json
import os
import pathlib
import select
import signal
import socket
import struct
import sys
import threading
import traceback
import types
from typing import Any, Callable, NoReturn  # noqa: UP035 (Python 3.8)

RUN, IN, IN_END, OUT, DONE, ERROR, LOG, PROGRESS, STARVED = range(1, 10)
"""Frames. To the node: RUN a call, IN the next input of a stream, IN_END no more of them. From
the node: OUT a frame of a stream, DONE it returned, ERROR it failed, LOG and PROGRESS what it
said, STARVED it waits for an input after having read so many."""

HEAD = struct.Struct("<IBQ")
"""Before every frame: bytes of the body, kind, number of the call."""
RUN_HEAD = struct.Struct("<II")
"""At the start of a RUN body: bytes of the visit's text and of the placement's JSON."""
COUNT = struct.Struct("<Q")
"""The body of STARVED."""

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
SPECS_MAX = 64
"""Placements a process remembers the decoded header of."""


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
        self._missing = 0

    def fill(self, recv_into: Callable[[memoryview], int]) -> int:
        """Receive once; the bytes received, 0 at the end of the stream."""
        if self._start == self._end:
            self._start = self._end = 0
        if self._missing > len(self._buffer) - self._end or self._end == len(self._buffer):
            self._make_room()
        count = recv_into(self._view[self._end :] if self._end else self._view)
        self._end += count
        return count

    def take(self) -> tuple[int, int, bytes] | None:
        """The next whole frame as (kind, call, body), or None until more is received.

        Raises FrameTooLong.
        """
        start = self._start
        have = self._end - start
        if have < 13:
            return None
        length, kind, call = HEAD.unpack_from(self._buffer, start)
        if length > self.body_max:
            raise FrameTooLong(kind, call, length)
        total = 13 + length
        if have < total:
            self._missing = total - have
            return None
        self._missing = 0
        self._start = start + total
        return kind, call, bytes(self._view[start + 13 : start + total])

    def _make_room(self) -> None:
        have = self._end - self._start
        size = max(BUFFER_BYTES, have + self._missing)
        rest = self._view[self._start : self._end]
        if size == len(self._buffer):
            self._view[:have] = bytes(rest)
        else:
            self._buffer = bytearray(size)
            view = memoryview(self._buffer)
            view[:have] = rest
            self._view = view
        self._start, self._end = 0, have


class Refusal(Exception):
    """Why a call has no output, as the ERROR frame tells it."""

    def __init__(self, kind: str, message: str, detail: str = "") -> None:
        self.kind, self.message, self.detail = kind, message, detail
        super().__init__(message)


class Link:
    """The node process's end of its socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self.inbox = Inbox(2**32 - 1)
        self._lock = threading.Lock()
        self.call = 0
        """Number of the call that is running."""

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

    def receive(self) -> tuple[int, int, bytes]:
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


# --- what a node sees ---------------------------------------------------------------------------


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
        self.secrets: dict[str, str] = fields["secrets"]
        self.reflection: str = fields["reflection"]


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
        attempt, resume_index, execution_id, effect_key = visit.decode().split("\n", 3)
        self._link, self._call = link, call
        self.log = Log(link, call)
        self.secrets = Secrets(spec.secrets)
        self.config = dict(spec.config)
        self.execution_id = execution_id
        self.flow_id = spec.graph_id
        self.tenant_id = spec.tenant
        self.placement = spec.placement
        self.attempt = int(attempt)
        self.effect_key = effect_key
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
                return self._message.FromString(frame[2])
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
                return self._message.FromString(frame[2])
        raise StopAsyncIteration

    def _tell_starved(self) -> None:
        if self._starved_at != self._read:
            self._starved_at = self._read
            self._link.send(STARVED, self._call, COUNT.pack(self._read))

    def _is_input(self, frame: tuple[int, int, bytes]) -> bool:
        kind, call, _ = frame
        if call != self._call:
            return False
        if kind == IN_END:
            self._ended = True
            return False
        self._read += 1
        return kind == IN


class LogStream(io.RawIOBase):
    """What a node writes to stdout or stderr, as LOG frames, one a line."""

    def __init__(self, link: Link, level: str, fd: int) -> None:
        super().__init__()
        self._link, self._level, self._fd = link, level, fd
        self._rest = b""

    def fileno(self) -> int:
        """The real descriptor, which leads nowhere: for libraries that insist on one."""
        return self._fd

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, data: Any) -> int:
        """Take bytes; whole lines become frames."""
        *lines, self._rest = (self._rest + bytes(data)).split(b"\n")
        for line in lines:
            self._say(line)
        while len(self._rest) >= TEXT_CHARS_MAX:
            self._say(self._rest[:TEXT_CHARS_MAX])
            self._rest = self._rest[TEXT_CHARS_MAX:]
        return len(data)

    def end_line(self) -> None:
        """The call is over: a line without its end counts as one."""
        if self._rest:
            line, self._rest = self._rest, b""
            self._say(line)

    def _say(self, line: bytes) -> None:
        self._link.say(
            LOG, self._link.call, [self._level, cut(line.decode("utf-8", "replace")), {}]
        )


# --- the node process ---------------------------------------------------------------------------


class NodeProcess:
    """Runs the calls that come over one socket, one after the other."""

    def __init__(self, sock: socket.socket, directory: str) -> None:
        self._link = Link(sock)
        self._directory = directory
        self._message_class = importlib.import_module("gen.messages_pb2").message_class
        self._specs: dict[bytes, Spec] = {}
        self._handlers: dict[str, Any] = {}
        self._texts = [self._capture("stdout", 1), self._capture("stderr", 2)]

    def _capture(self, level: str, fd: int) -> tuple[io.TextIOWrapper, LogStream]:
        raw = LogStream(self._link, level, fd)
        text = io.TextIOWrapper(
            io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", line_buffering=True
        )
        setattr(sys, level, text)
        return text, raw

    def serve(self) -> NoReturn:
        """Run calls until the socket ends."""
        while True:
            kind, call, body = self._link.receive()
            if kind == RUN:
                self._link.call = call
                answer = self._answer(call, body)
                self._end_lines()
                self._link.call = 0
                self._link.send(*answer)

    def _answer(self, call: int, body: bytes) -> tuple[int, int, bytes]:
        try:
            return DONE, call, self._run(call, body)
        except Refusal as refusal:
            told = refusal
        except BaseException as failure:  # noqa: BLE001 (SystemExit too: the process goes on)
            told = Refusal("NODE_ERROR", describe(failure), self._trace(failure))
        content = [told.kind, cut(told.message), told.detail[-4 * TEXT_CHARS_MAX :]]
        return ERROR, call, json.dumps(content).encode()

    def _run(self, call: int, body: bytes) -> bytes:
        visit, text, payload = split_run(body)
        spec = self._specs.get(text)
        if spec is None:
            if len(self._specs) >= SPECS_MAX:
                self._specs.clear()
            spec = self._specs[text] = Spec(text)
        handler = self._handlers.get(spec.module) or self._load(spec.module)
        ax = Context(self._link, call, spec, visit)
        taken, declared = self._messages(spec)
        if spec.pipeline:
            self._stream(handler(ax, Inputs(self._link, call, taken)), call, declared, spec)
            return b""
        result = handler(ax, taken.FromString(payload))
        if asyncio.iscoroutine(result):
            result = asyncio.run(result)
        return serialise(result, declared, spec)

    def _messages(self, spec: Spec) -> tuple[Any, Any]:
        try:
            return self._message_class(spec.input_type), self._message_class(spec.output_type)
        except Exception as failure:
            raise Refusal("LOAD_ERROR", describe(failure), self._trace(failure)) from failure

    def _load(self, name: str) -> Any:
        try:
            module = importlib.import_module("nodes." + name)
        except BaseException as failure:
            message = f"nodes/{name}.py cannot be loaded: {describe(failure)}"
            raise Refusal("LOAD_ERROR", message, self._trace(failure)) from failure
        handler = getattr(module, name, None)
        if not callable(handler):
            raise Refusal("LOAD_ERROR", f"nodes/{name}.py has no function {name}")
        self._handlers[name] = handler
        return handler

    def _stream(self, results: Any, call: int, declared: Any, spec: Spec) -> None:
        if hasattr(results, "__aiter__"):
            asyncio.run(self._stream_async(results, call, declared, spec))
            return
        try:
            iterator = iter(results)
        except TypeError:
            if asyncio.iscoroutine(results):
                results.close()
            found = type(results).__name__
            raise Refusal(
                "BAD_OUTPUT", f"returned {found}, declared a generator of {spec.output_type}"
            ) from None
        try:
            for result in iterator:
                self._link.send(OUT, call, serialise(result, declared, spec))
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()

    async def _stream_async(self, results: Any, call: int, declared: Any, spec: Spec) -> None:
        async for result in results:
            self._link.send(OUT, call, serialise(result, declared, spec))

    def _end_lines(self) -> None:
        for text, raw in self._texts:
            # User code may have closed or replaced them: what it prints is its own affair.
            with contextlib.suppress(ValueError, OSError):
                text.flush()
                raw.end_line()

    def _trace(self, failure: BaseException) -> str:
        """The traceback from the first frame of the package's own code on, paths shortened."""
        trace = failure.__traceback__
        while trace and not trace.tb_frame.f_code.co_filename.startswith(self._directory):
            trace = trace.tb_next
        lines = traceback.format_exception(type(failure), failure, trace)
        return "".join(lines).replace(self._directory + os.sep, "")


def split_run(body: bytes) -> tuple[bytes, bytes, bytes]:
    """The visit's text, the placement's JSON and the payload of a RUN body."""
    visit, spec = RUN_HEAD.unpack_from(body)
    return body[8 : 8 + visit], body[8 + visit : 8 + visit + spec], body[8 + visit + spec :]


def describe(failure: BaseException) -> str:
    """`TypeName: message` of an exception."""
    text = cut(failure)
    return f"{type(failure).__name__}: {text}" if text else type(failure).__name__


def serialise(result: Any, declared: Any, spec: Spec) -> bytes:
    """The bytes of what a node returned, or the Refusal of it."""
    if not isinstance(result, declared):
        found = getattr(getattr(result, "DESCRIPTOR", None), "full_name", type(result).__name__)
        raise Refusal("BAD_OUTPUT", f"returned {found}, declared {spec.output_type}")
    try:
        payload: bytes = result.SerializeToString()
    except Exception as failure:  # noqa: BLE001 (protobuf raises several kinds)
        message = f"the output cannot be serialised: {describe(failure)}"
        raise Refusal("BAD_OUTPUT", message) from None
    if len(payload) > spec.output_max:
        raise Refusal("PAYLOAD_TOO_LARGE", too_large(len(payload), spec.output_max))
    return payload


def too_large(size: int, bound: int) -> str:
    """The sentence for an output over the cap."""
    return f"the output has {size} bytes, and at most {bound} are taken"


# --- the zygote ---------------------------------------------------------------------------------


class Zygote:
    """Forks node processes, reaps them, tells axiomd; `forking` is its other half."""

    def __init__(self, control: socket.socket, directory: str, forking: Any, spares: Any) -> None:
        self._control, self._directory, self._forking = control, directory, forking
        self._spares = spares
        self._pids: dict[int, int] = {}
        self.poll = select.poll()
        self.poll.register(control, select.POLLIN)

    def serve(self) -> NoReturn:
        """Fork and reap until axiomd hangs up; then kill what is left and end."""
        self._control.send(CONTROL.pack(READY, os.getpid(), self._spares.cold))
        while True:
            # One at a time: what it does may close a descriptor and give its number away.
            for fd, _ in self.poll.poll()[:1]:
                if fd in self._pids:
                    self._reap(fd)
                elif fd != self._control.fileno():
                    self._spares.hear(self)
                elif not self._take_request():
                    self._end()

    def _take_request(self) -> bool:
        try:
            message, attached, _, _ = self._control.recvmsg(16, socket.CMSG_SPACE(4))
        except OSError:
            return False
        if not message:
            return False
        fds = array.array("i", b"".join(content for _, _, content in attached))
        if fds:
            with socket.socket(fileno=fds[0]) as sock:
                self._fork(sock)
            self._spares.keep(self)
        else:
            self._tell(FORK_FAILED, 0, errno.EMFILE)
        return True

    def _fork(self, sock: socket.socket) -> None:
        try:
            pidfd = self._spares.take(self, sock) or self.start(self._spares.maker(sock))
        except OSError as failure:
            self._tell(FORK_FAILED, 0, failure.errno or 0)
            return
        attached = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [pidfd]))]
        self._tell(FORKED, self._pids[pidfd], 0, attached)

    def start(self, make: Callable[[], socket.socket]) -> int:
        """Fork a node process that serves the socket it makes; its pidfd. Raises OSError."""
        zygote, pid = os.getpid(), 0
        try:
            pid = os.fork()
            if pid == 0:
                self._become_node_process(make, zygote)
            pidfd: int = self._forking.open_pidfd(pid)
        except OSError:
            if pid:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            raise
        self._pids[pidfd] = pid
        self.poll.register(pidfd, select.POLLIN)
        return pidfd

    def _become_node_process(self, make: Callable[[], socket.socket], zygote: int) -> NoReturn:
        """In the child, which never returns into the zygote's code."""
        try:
            # A group of its own: what the node starts dies with it, see _reap.
            self._forking.begin_child(zygote)
            self._control.close()
            for pidfd in self._pids:
                os.close(pidfd)
            self._spares.close(self)
            sock = make()
            self._forking.lead_nowhere()
            NodeProcess(sock, self._directory).serve()
        finally:
            os._exit(70)

    def _reap(self, pidfd: int) -> None:
        """Before it is reaped nobody else can have its number: kill what it left behind."""
        pid = self._pids.pop(pidfd)
        self.poll.unregister(pidfd)
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        os.close(pidfd)
        self._tell(EXITED, pid, status)

    def _tell(self, kind: int, pid: int, status: int, attached: Any = ()) -> None:
        # If nobody is listening any more, the next poll says so.
        with contextlib.suppress(OSError):
            self._control.sendmsg([CONTROL.pack(kind, pid, status)], attached)

    def _end(self) -> NoReturn:
        for pid in self._pids.values():
            os.kill(pid, signal.SIGKILL)
        for pidfd in list(self._pids):
            self._reap(pidfd)
        os._exit(0)


def load_sibling(name: str) -> Any:
    """A module that lies beside this file; it is not importable here, and not in nodes' way."""
    path = pathlib.Path(__file__).with_name(name + ".py")
    loader = importlib.machinery.SourceFileLoader("axiomd_" + name, str(path))
    module = types.ModuleType(loader.name)
    loader.exec_module(module)
    return module


def main(arguments: list[str]) -> NoReturn:
    """Be a package's zygote, in a mode of `forking.py`, or its node process that is no fork."""
    forking = load_sibling("forking")
    if arguments[0] == "node":
        sock = forking.begin_fresh(*arguments[1:])
        forking.lead_nowhere()
        NodeProcess(sock, arguments[-1]).serve()
    control_fd, lock_fd, parent = (int(argument) for argument in arguments[:3])
    directory, mode = arguments[3:5]
    forking.die_with(parent)
    kept = [fd for fd in (control_fd, lock_fd) if fd >= 0]
    for fd in kept:
        # Node processes inherit them by fork; programs that those start must not.
        os.set_inheritable(fd, False)
    forking.offer_package(directory)
    # Loaded here, every process that is forked has them at once and shares their memory.
    importlib.import_module("google.protobuf")
    message_class = importlib.import_module("gen.messages_pb2").message_class
    assert callable(message_class)
    if mode == "warm":
        forking.load_or_restart(directory, [__file__, *arguments[:4], "cold"], kept)
    gc.collect()
    gc.freeze()
    spares = forking.Spares([__file__, "node"], directory, mode, lock_fd)
    Zygote(socket.socket(fileno=control_fd), directory, forking, spares).serve()


if __name__ == "__main__":
    main(sys.argv[1:])
