"""Where an XOR gate of a pipeline has its inputs from.

The order in which it takes the frames of its arms is on disk before its node is given any of
them: what the node does outside, under the effect key of an input, it must never do for another
one. After a loss the recorded order comes first, from the store, and then what arrives.
"""

from collections.abc import Iterable, Mapping

import trio

from axiomd.engine.attempt import Attempt
from axiomd.engine.outlets import Outlet, Signal
from axiomd.execution.arrivals import Order
from axiomd.execution.journal import Payload
from axiomd.limits import SCAN_ROWS_MAX, STREAM_BATCH_BYTES_MAX, STREAM_BATCH_FRAMES_MAX
from axiomd.store import commit as commits
from axiomd.store.writer import Ticket


class Intake:
    """The inputs of one XOR gate, in the order of their arrival."""

    def __init__(
        self, attempt: Attempt, gate: int, arms: Mapping[int, Outlet], any_outlet: Signal
    ) -> None:
        """arms: by edge, what each of them emits."""
        self._attempt = attempt
        self._gate = gate
        self._arms = arms
        self._any_outlet = any_outlet
        self._order = Order(gate, arms)
        self._durable = 0
        """Inputs whose place is on disk."""
        self._folded = False
        self._last: Ticket | None = None

    async def inputs(self, start: int) -> list[bytes]:
        """The next inputs from index `start` on; none after the last.

        It is the last once all arms have ended and every frame of them was taken.
        """
        while not self._folded:
            await self._fold_more()
        while self._durable <= start:
            if self._last is not None:
                # Perhaps of a feed that was stopped meanwhile: decided is decided.
                await self._attempt.durable(self._last)
            elif not self._decide():
                if all(arm.ended for arm in self._arms.values()):
                    return []
                await self._any_outlet.wait()
        return await self._read(start)

    async def _fold_more(self) -> None:
        """Take in some of what earlier attempts have decided."""
        recorded = self._attempt.parts.reader.arrivals(
            self._attempt.execution_id, self._gate, self._order.decided, SCAN_ROWS_MAX
        )
        for arrival in recorded:
            self._order.apply(arrival)
        self._durable = self._order.decided
        self._folded = not recorded
        self._tell_arms(self._arms)
        await trio.lowlevel.checkpoint()

    def _decide(self) -> bool:
        """Decide on what has arrived; whether anything has."""
        emitted = {edge: arm.durable for edge, arm in self._arms.items()}
        arrivals = self._order.decide(emitted, STREAM_BATCH_FRAMES_MAX)
        if arrivals:
            attempt = self._attempt
            at_ns = attempt.parts.clock.now_ns()
            commit = commits.arrived(attempt.execution_id, attempt.fence, at_ns, arrivals)
            self._last = attempt.submit(commit, self._advance)
            self._tell_arms(arrival.edge for arrival in arrivals)
        return bool(arrivals)

    def _advance(self) -> None:
        self._durable, self._last = self._order.decided, None

    def _tell_arms(self, edges: Iterable[int]) -> None:
        # Decided counts as taken: the gate decides on no more than it has room for.
        for edge in edges:
            self._arms[edge].taken[self._gate] = self._order.taken[edge]
            self._arms[edge].notify()

    async def _read(self, start: int) -> list[bytes]:
        reader, identity = self._attempt.parts.reader, self._attempt.execution_id
        found: list[Payload] = []
        size = 0
        for arrival in reader.arrivals(identity, self._gate, start, STREAM_BATCH_FRAMES_MAX):
            skipped = max(start - arrival.index, 0)
            wanted = min(arrival.count - skipped, STREAM_BATCH_FRAMES_MAX - len(found))
            placement = self._arms[arrival.edge].placement
            rows = reader.frames(identity, placement, arrival.frame + skipped, wanted)
            found += [payload for _, payload in rows]
            size += sum(payload.size for _, payload in rows)
            full = len(found) == STREAM_BATCH_FRAMES_MAX or size > STREAM_BATCH_BYTES_MAX
            # Fewer come only where they are large, and then the next arrival's are not due yet.
            assert full or len(rows) == wanted
            if full:
                break
        return [await self._attempt.read((payload,)) for payload in found]
