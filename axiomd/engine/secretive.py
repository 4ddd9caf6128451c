"""Runners whose calls get their secrets, and of whose calls nobody hears them again.

Stands in front of every runner, so that runners need not know what is secret. Whatever a call
says or fails with passes through here before anything is recorded of it; what it returns is the
node's own data and stays as it is.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import attrs

from axiomd.engine.provision import Provision
from axiomd.execution.call import Failure, NodeCall, Outcome
from axiomd.execution.redaction import Redaction
from axiomd.runners.base import Emit, NodeStream, Runner


def secretive(runners: Mapping[str, Runner], provision: Provision) -> Mapping[str, Runner]:
    """The same runners, with secrets for their calls."""
    return {name: SecretiveRunner(runner, provision) for name, runner in runners.items()}


class SecretiveRunner:
    """Runs calls on another runner."""

    def __init__(self, runner: Runner, provision: Provision) -> None:
        self._runner = runner
        self._provision = provision

    async def run(self, call: NodeCall, emit: Emit) -> Outcome:
        """Run a unary node to its end; at once to none if it lacks something."""
        provided = self._provision.of(call)
        if provided is None:
            return await self._runner.run(call, emit)
        if isinstance(provided, Failure):
            return provided
        call = attrs.evolve(call, secrets=provided.secrets, config=provided.config)
        if not provided.kept:
            return await self._runner.run(call, emit)
        redaction = Redaction(provided.kept)
        outcome = await self._runner.run(call, _redacting(emit, redaction))
        return redaction.outcome(outcome)

    def stream(self, call: NodeCall, emit: Emit) -> AbstractAsyncContextManager[NodeStream]:
        """Start a pipeline node; one that lacks something has ended already."""
        provided = self._provision.of(call)
        if provided is None:
            return self._runner.stream(call, emit)
        if isinstance(provided, Failure):
            return _lacking(provided)
        call = attrs.evolve(call, secrets=provided.secrets, config=provided.config)
        if not provided.kept:
            return self._runner.stream(call, emit)
        return self._stream(call, emit, Redaction(provided.kept))

    @asynccontextmanager
    async def _stream(
        self, call: NodeCall, emit: Emit, redaction: Redaction
    ) -> AsyncIterator[NodeStream]:
        async with self._runner.stream(call, _redacting(emit, redaction)) as stream:
            yield SecretiveStream(stream, redaction)

    def capacity(self) -> int:
        """That of the runner behind it."""
        return self._runner.capacity()

    def statistics(self) -> dict[str, int]:
        """Those of the runner behind it."""
        return self._runner.statistics()


@attrs.frozen
class SecretiveStream:
    """A pipeline node while it runs, of whose end nobody hears a secret."""

    stream: NodeStream
    redaction: Redaction

    async def send(self, payload: bytes) -> None:
        """Hand the node its next input."""
        await self.stream.send(payload)

    async def send_end(self) -> None:
        """There are no more inputs."""
        await self.stream.send_end()

    async def receive(self) -> Sequence[bytes] | Outcome:
        """The next frames; or how the node ended."""
        received = await self.stream.receive()
        if isinstance(received, Sequence):
            return received
        return self.redaction.outcome(received)


@attrs.frozen
class LackingStream:
    """A pipeline node that was never started."""

    failure: Failure

    async def send(self, payload: bytes) -> None:
        """Nobody reads it."""

    async def send_end(self) -> None:
        """Nobody waits for more."""

    async def receive(self) -> Sequence[bytes] | Outcome:
        """Why it was not."""
        return self.failure


@asynccontextmanager
async def _lacking(failure: Failure) -> AsyncIterator[NodeStream]:
    yield LackingStream(failure)


def _redacting(emit: Emit, redaction: Redaction) -> Emit:
    return lambda event: emit(redaction.event(event))
