"""A node process: runs the calls that come over its socket, with the package's own code.

It ends when its socket ends, and the kernel kills it when its zygote dies.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import inspect
import io
import json
import os
import socket
import sys
import traceback
from typing import Any, NoReturn

from .beside import CallLoop
from .confine import Plan, hint
from .context import Context, Inputs, LogStream, Spec
from .wire import (
    ALONE,
    ATTRIBUTE_CHARS_MAX,
    BESIDE,
    CANCEL,
    DONE,
    ERROR,
    JOIN,
    OUT,
    RUN,
    SHARES,
    TEXT_CHARS_MAX,
    Link,
    cut,
    spec_of_run,
    split_run,
    too_large,
)

SPECS_MAX = 64
"""Placements a process remembers the decoded header of."""


class Refusal(Exception):
    """Why a call has no output, as the ERROR frame tells it."""

    def __init__(
        self, kind: str, message: str, detail: str = "", cause: BaseException | None = None
    ) -> None:
        self.kind, self.message, self.detail = kind, message, detail
        mro = type(cause).__mro__ if cause is not None else ()
        self.classes = [
            cut(base.__name__, ATTRIBUTE_CHARS_MAX) for base in mro if base is not object
        ]
        super().__init__(message)


class NodeProcess:
    """Runs the calls that come over one socket: one after the other, those of async nodes that may
    share a process side by side."""

    def __init__(self, sock: socket.socket, directory: str, plan: Plan) -> None:
        self._link = Link(sock)
        self._directory = directory
        self._plan = plan
        self._memory_mib = 0
        """What the running call may take; 0 for no limit."""
        self._message_class = importlib.import_module("gen.messages_pb2").message_class
        self._specs: dict[bytes, Spec] = {}
        self._handlers: dict[str, Any] = {}
        self._can_share: dict[str, bool] = {}
        self._loop: CallLoop | None = None
        self._texts = [self._capture("stdout", 1), self._capture("stderr", 2)]

    def _capture(self, level: str, fd: int) -> tuple[io.TextIOWrapper, LogStream]:
        raw = LogStream(self._link, level, fd)
        unbuffered: Any = raw
        # Written through: what a call wrote must not wait in a buffer for another call's text.
        text = io.TextIOWrapper(
            unbuffered, encoding="utf-8", errors="backslashreplace", write_through=True
        )
        setattr(sys, level, text)
        return text, raw

    def serve(self) -> NoReturn:
        """Run calls until the socket ends."""
        while True:
            kind, call, body = self._link.receive() if self._loop is None else self._loop.receive()
            if kind == JOIN and self._shares(call, body):
                if self._loop is None:
                    self._loop = CallLoop(self._link, self._take)
                self._begin(self._loop, call, body)
            elif kind in (RUN, JOIN):
                self._link.call = call
                answer = self._answer(call, body)
                self._link.call = 0
                self._finish(answer)

    # --- calls side by side ---

    def _take(self, kind: int, call: int, body: bytes | bytearray) -> bool:
        """Deal with a frame while the loop runs; False if it has to stop for it."""
        assert self._loop is not None
        if kind == CANCEL:
            self._loop.cancel(call)
        elif kind == JOIN and self._shares(call, body):
            self._begin(self._loop, call, body)
        else:
            return kind not in (RUN, JOIN)
        return True

    def _begin(self, loop: CallLoop, call: int, body: bytes | bytearray) -> None:
        loop.begin(call, self._answer_async(call, body), self._finish)

    def _shares(self, call: int, body: bytes | bytearray) -> bool:
        """Whether the handler can run beside others; tells axiomd when it is first seen."""
        module = self._spec(spec_of_run(body)).module
        if module not in self._can_share:
            self._link.call = call
            try:
                handler = self._handlers.get(module) or self._load(module)
            except Refusal:
                # The call alone, which fails for the same reason, tells it.
                return False
            finally:
                self._link.call = 0
            self._can_share[module] = inspect.iscoroutinefunction(handler)
            self._link.send(SHARES, call, BESIDE if self._can_share[module] else ALONE)
        return self._can_share[module]

    async def _answer_async(self, call: int, body: bytes | bytearray) -> tuple[int, int, bytes]:
        try:
            visit, text, payload = split_run(body)
            spec = self._spec(text)
            handler, ax = self._open(call, spec, visit)
            taken, declared = self._messages(spec)
            result = await handler(ax, taken.FromString(payload))
            return DONE, call, serialise(result, declared, spec)
        except BaseException as failure:  # noqa: BLE001 (SystemExit too: the process goes on)
            return self._refused(call, failure)

    # --- one call ---

    def _answer(self, call: int, body: bytes | bytearray) -> tuple[int, int, bytes]:
        try:
            return DONE, call, self._run(call, body)
        except BaseException as failure:  # noqa: BLE001 (SystemExit too: the process goes on)
            return self._refused(call, failure)

    def _refused(self, call: int, failure: BaseException) -> tuple[int, int, bytes]:
        told = failure if isinstance(failure, Refusal) else self._judge(failure)
        detail = told.detail[-4 * TEXT_CHARS_MAX :]
        content = [told.kind, cut(told.message), detail, told.classes]
        return ERROR, call, json.dumps(content).encode()

    def _finish(self, answer: tuple[int, int, bytes]) -> None:
        for text, raw in self._texts:
            # User code may have closed or replaced them: what it prints is its own affair.
            with contextlib.suppress(ValueError, OSError):
                text.flush()
                raw.end_line(answer[1])
        self._link.send(*answer)

    def _judge(self, failure: BaseException) -> Refusal:
        """What the node's own exception means, now that its limits are lifted again."""
        kind, message = "NODE_ERROR", describe(failure)
        if isinstance(failure, MemoryError) and self._memory_mib:
            kind = "OUT_OF_MEMORY"
            message += f" (at its memory limit of {self._memory_mib} MiB)"
        else:
            message += hint(failure, self._plan, self._directory)
        return Refusal(kind, message, self._trace(failure), failure)

    def _spec(self, text: bytes) -> Spec:
        spec = self._specs.get(text)
        if spec is None:
            if len(self._specs) >= SPECS_MAX:
                self._specs.clear()
            spec = self._specs[text] = Spec(text)
        return spec

    def _open(self, call: int, spec: Spec, visit: bytes) -> tuple[Any, Context]:
        handler = self._handlers.get(spec.module) or self._load(spec.module)
        return handler, Context(self._link, call, spec, visit)

    def _run(self, call: int, body: bytes | bytearray) -> bytes:
        visit, text, payload = split_run(body)
        spec = self._spec(text)
        self._memory_mib = spec.limits.memory_mib
        with spec.limits:
            return self._run_limited(call, spec, visit, payload)

    def _run_limited(self, call: int, spec: Spec, visit: bytes, payload: bytes) -> bytes:
        handler, ax = self._open(call, spec, visit)
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
        except MemoryError:
            raise
        except BaseException as failure:
            message = f"nodes/{name}.py cannot be loaded: {describe(failure)}"
            message += hint(failure, self._plan, self._directory)
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

    def _trace(self, failure: BaseException) -> str:
        """The traceback from the first frame of the package's own code on, paths shortened."""
        trace = failure.__traceback__
        while trace and not trace.tb_frame.f_code.co_filename.startswith(self._directory):
            trace = trace.tb_next
        lines = traceback.format_exception(type(failure), failure, trace)
        return "".join(lines).replace(self._directory + os.sep, "")


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
    except MemoryError:
        raise
    except Exception as failure:  # noqa: BLE001 (protobuf raises several kinds)
        message = f"the output cannot be serialised: {describe(failure)}"
        raise Refusal("BAD_OUTPUT", message) from None
    if len(payload) > spec.output_max:
        raise Refusal("PAYLOAD_TOO_LARGE", too_large(len(payload), spec.output_max))
    return payload
