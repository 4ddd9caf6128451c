"""The seam behind which node code runs.

A runner's contract, enforced by `tests/contract` over every runner:

1. Calls and outcomes are bytes and strings.
2. `Lost` (infrastructure, safe to deliver again) and `Crashed` (the node's process died by its
   own doing) are not `Failure` (the node's own answer). None of them is an exception.
3. Cancelling `run`, or leaving a stream's context, returns only when the node's process is dead
   or idle: nothing of the call is still executing. What arrives late is dropped.
4. A runner owns its nursery and connections, never sees the store, and its children die with it.
5. Streams hold no frames of their own: what nobody receives stays in the node, which waits.
6. `emit` is synchronous, quick, called on the trio thread and only while the call is running.
7. `emit` gets `STARTED` before the node's code can run, again if it runs again. A call that is
   cancelled before that was never handed out: there was nothing to kill.
8. A cancelled call that had `STARTED` gets one more event before `run` raises Cancelled, or the
   stream's context is left: `COOPERATIVE` if the node ended when told to, `KILLED` if its process
   had to be killed. A call with `concurrency` may share its process with other such calls: each
   can be cancelled alone, and what a neighbour does to the process is a loss for the others.
9. Whoever waits for a process waits for something that ends by itself. A unary call never waits
   for a stream to end: streams have processes of their own. A stream may wait for its place, but
   not once another stream of its execution has one: generators wait for each other's frames.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from axiomd.execution.call import NodeCall, NodeEvent, Outcome

Emit = Callable[[NodeEvent], None]


class NodeStream(Protocol):
    """A pipeline node while it runs."""

    async def send(self, payload: bytes) -> None:
        """Hand the node its next input; waits while it is not reading.

        After the node has ended this does nothing: `receive` tells how it ended.
        """
        ...

    async def send_end(self) -> None:
        """There are no more inputs: the node's iterator stops."""
        ...

    async def receive(self) -> Sequence[bytes] | Outcome:
        """The next frames, one or more; or, once and last, how the node ended."""
        ...


class Runner(Protocol):
    """Runs node calls somewhere."""

    async def run(self, call: NodeCall, emit: Emit) -> Outcome:
        """Run a unary node to its end; `call.timeout_s` seconds at most."""
        ...

    def stream(self, call: NodeCall, emit: Emit) -> AbstractAsyncContextManager[NodeStream]:
        """Start a pipeline node; leaving the context kills it if it has not ended."""
        ...

    def capacity(self) -> int:
        """Unary calls that could start now without waiting for another to end."""
        ...

    def statistics(self) -> dict[str, int]:
        """Counts for metrics: processes, calls in flight, calls waiting."""
        ...
