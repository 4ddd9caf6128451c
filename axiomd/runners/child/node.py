"""A node process: runs the calls that come over its socket, with the package's own code.

It ends when its socket ends, and the kernel kills it when its zygote dies.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import io
import json
import os
import socket
import sys
import traceback
from typing import Any, NoReturn

from .confine import Plan, hint
from .context import Context, Inputs, LogStream, Spec
from .wire import (
    ATTRIBUTE_CHARS_MAX,
    DONE,
    ERROR,
    OUT,
    RUN,
    TEXT_CHARS_MAX,
    Link,
    cut,
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
    """Runs the calls that come over one socket, one after the other."""

    def __init__(self, sock: socket.socket, directory: str, plan: Plan) -> None:
        self._link = Link(sock)
        self._directory = directory
        self._plan = plan
        self._memory_mib = 0
        """What the running call may take; 0 for no limit."""
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
            told = self._judge(failure)
        detail = told.detail[-4 * TEXT_CHARS_MAX :]
        content = [told.kind, cut(told.message), detail, told.classes]
        return ERROR, call, json.dumps(content).encode()

    def _judge(self, failure: BaseException) -> Refusal:
        """What the node's own exception means, now that its limits are lifted again."""
        kind, message = "NODE_ERROR", describe(failure)
        if isinstance(failure, MemoryError) and self._memory_mib:
            kind = "OUT_OF_MEMORY"
            message += f" (at its memory limit of {self._memory_mib} MiB)"
        else:
            message += hint(failure, self._plan, self._directory)
        return Refusal(kind, message, self._trace(failure), failure)

    def _run(self, call: int, body: bytes) -> bytes:
        visit, text, payload = split_run(body)
        spec = self._specs.get(text)
        if spec is None:
            if len(self._specs) >= SPECS_MAX:
                self._specs.clear()
            spec = self._specs[text] = Spec(text)
        self._memory_mib = spec.limits.memory_mib
        with spec.limits:
            return self._call(call, spec, visit, payload)

    def _call(self, call: int, spec: Spec, visit: bytes, payload: bytes) -> bytes:
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
