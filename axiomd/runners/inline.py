"""The runner for trusted built-in nodes, and for tests: coroutines on the trio thread.

Promises the same contract as the others but for what needs a process: a node that does not
yield to trio can be neither cancelled nor timed out.
"""

import math
import traceback
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import trio

from axiomd.execution.call import (
    COOPERATIVE,
    STARTED,
    ContentParts,
    Crashed,
    Failure,
    FilePart,
    Lost,
    NodeCall,
    Outcome,
    Output,
)
from axiomd.runners.base import Emit, NodeStream

UnaryNode = Callable[[NodeCall, Emit], Awaitable[bytes | Outcome]]
"""Takes the call with its payload and returns the output's bytes, or an Outcome as it is."""
PipelineNode = Callable[[NodeCall, Emit, AsyncIterator[bytes]], AsyncGenerator[bytes, None]]
"""Takes the call and its inputs, and yields frames."""


class InlineRunner:
    """Runs node calls as coroutines of the caller, by the name of the node."""

    def __init__(
        self,
        unary: Mapping[str, UnaryNode] | None = None,
        pipeline: Mapping[str, PipelineNode] | None = None,
        *,
        capacity: int = 1_000,
    ) -> None:
        self._unary = dict(unary or {})
        self._pipeline = dict(pipeline or {})
        self._capacity = capacity
        self._in_flight = 0

    async def run(self, call: NodeCall, emit: Emit) -> Outcome:
        """Run a unary node to its end; `call.timeout_s` seconds at most."""
        node = self._unary.get(call.node)
        if not isinstance(call.payload, bytes):
            call = attrs.evolve(call, payload=await trio.to_thread.run_sync(joined, call.payload))
        await trio.lowlevel.checkpoint()
        if node is None:
            return _unknown(call)
        self._in_flight += 1
        try:
            emit(STARTED)
            with trio.move_on_after(call.timeout_s):
                result = await node(call, emit)
                return Output(result) if isinstance(result, bytes) else result
        except trio.Cancelled:
            emit(COOPERATIVE)
            raise
        except Exception as failure:  # noqa: BLE001 (the node's own: becomes a value here)
            return _failed(failure)
        finally:
            self._in_flight -= 1
        return _late(call)

    @asynccontextmanager
    async def stream(self, call: NodeCall, emit: Emit) -> AsyncIterator[NodeStream]:
        """Start a pipeline node; leaving the context closes its generator."""
        emit(STARTED)
        stream = InlineStream(call, emit, self._pipeline.get(call.node))
        self._in_flight += 1
        try:
            yield stream
        finally:
            self._in_flight -= 1
            # Shielded, as the node must have ended when the context is left.
            with trio.CancelScope(shield=True):
                await stream.close()
            if not stream.has_ended:
                emit(COOPERATIVE)

    def capacity(self) -> int:
        """Calls that could start now."""
        return max(0, self._capacity - self._in_flight)

    def statistics(self) -> dict[str, int]:
        """Calls in flight; there are no processes and no waiting."""
        return {"processes": 0, "calls_in_flight": self._in_flight, "calls_waiting": 0}


def joined(parts: ContentParts) -> bytes:
    """A large input as one; blocks."""
    return b"".join(
        Path(part.path).read_bytes() if isinstance(part, FilePart) else part for part in parts
    )


class InlineStream:
    """A pipeline node whose generator is advanced by `receive`."""

    def __init__(self, call: NodeCall, emit: Emit, node: PipelineNode | None) -> None:
        self._call = call
        self._outcome: Outcome | None = None if node else _unknown(call)
        self._give, self._take = trio.open_memory_channel[bytes](0)
        self._silence = trio.CancelScope()
        self._frames = node(call, emit, Inputs(self, self._take)) if node else None

    @property
    def has_ended(self) -> bool:
        """Whether the node came to its own end."""
        return self._outcome is not None

    async def send(self, payload: bytes) -> None:
        """Hand the node its next input; waits until it is asked for."""
        try:
            await self._give.send(payload)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            await trio.lowlevel.checkpoint()

    async def send_end(self) -> None:
        """There are no more inputs."""
        await self._give.aclose()

    async def receive(self) -> Sequence[bytes] | Outcome:
        """The next frame, or how the node ended."""
        await trio.lowlevel.checkpoint()
        if self._outcome is not None or self._frames is None:
            return self._outcome or _unknown(self._call)
        try:
            with trio.CancelScope() as self._silence:
                self.count_silence()
                return [await anext(self._frames)]
            self._outcome = _late(self._call)
        except StopAsyncIteration:
            self._outcome = Output(b"")
        except Exception as failure:  # noqa: BLE001 (the node's own: becomes a value here)
            self._outcome = _failed(failure)
        await self._take.aclose()
        return self._outcome

    def count_silence(self) -> None:
        """From now on the node is silent by its own doing."""
        self._silence.deadline = trio.current_time() + self._call.timeout_s

    def forgive_silence(self) -> None:
        """The node waits for an input: that is not its silence."""
        self._silence.deadline = math.inf

    async def close(self) -> None:
        """End the node."""
        await self._give.aclose()
        await self._take.aclose()
        if self._frames is not None:
            await self._frames.aclose()


class Inputs:
    """What a pipeline node iterates over."""

    def __init__(self, stream: InlineStream, take: trio.MemoryReceiveChannel[bytes]) -> None:
        self._stream = stream
        self._take = take

    def __aiter__(self) -> "Inputs":
        return self

    async def __anext__(self) -> bytes:
        self._stream.forgive_silence()
        try:
            return await self._take.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None
        finally:
            self._stream.count_silence()


class NodeDown(Exception):
    """Raised by an inline node to end as if its process had."""

    def __init__(self, outcome: Crashed | Lost) -> None:
        self.outcome = outcome
        super().__init__(outcome.reason)


def _failed(failure: Exception) -> Outcome:
    if isinstance(failure, NodeDown):
        return failure.outcome
    text = f"{type(failure).__name__}: {failure}".removesuffix(": ")
    return Failure("NODE_ERROR", text, "".join(traceback.format_exception(failure)))


def _unknown(call: NodeCall) -> Failure:
    return Failure("LOAD_ERROR", f"there is no inline node {call.node}")


def _late(call: NodeCall) -> Failure:
    return Failure("TIMEOUT", f"no answer within {call.timeout_s:g} s")
