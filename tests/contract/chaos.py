"""ChaosRunner: the runner contract kept to the letter by a network and a box that do not help.

Wraps another runner and, by a seed, delays calls, loses them before or after they ran, runs them
twice, and answers calls that were cancelled as if nobody had said so. What the engine does right
under it, it does right under a cluster.
"""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import attrs
import trio

from axiomd.execution.call import Lost, NodeCall, Outcome
from axiomd.runners.base import Emit, NodeStream, Runner


@attrs.frozen
class Chaos:
    """How likely each mishap is, from 0 to 1."""

    delay: float = 0.3
    lose_before: float = 0.1
    lose_after: float = 0.1
    """The node runs to its end, and nobody hears of it: the next delivery is the second run."""
    twice: float = 0.1
    """The call runs twice side by side; the first to end answers."""
    late: float = 0.2
    """The call cannot be cancelled: it answers although nobody waits any more."""
    delay_s_max: float = 0.02


class ChaosRunner:
    """A Runner that does its worst; one seed, one sequence of mishaps."""

    def __init__(self, inner: Runner, seed: int, chaos: Chaos | None = None) -> None:
        self._inner = inner
        self._random = random.Random(seed)
        self._chaos = chaos or Chaos()
        self.mishaps: dict[str, int] = {}
        """How often each happened."""

    async def run(self, call: NodeCall, emit: Emit) -> Outcome:
        """Run a unary node, or not, or twice."""
        plan = self._draw()
        with trio.CancelScope(shield="late" in plan):
            await self._pause(plan)
            if "lose_before" in plan:
                return Lost("chaos: before it ran")
            outcome = await (self._race if "twice" in plan else self._inner.run)(call, emit)
            if "lose_after" in plan:
                return Lost("chaos: after it ran")
        # No checkpoint here: a late answer reaches even a caller that was cancelled.
        return outcome

    @asynccontextmanager
    async def stream(self, call: NodeCall, emit: Emit) -> AsyncIterator[NodeStream]:
        """Start a pipeline node that may be lost at any frame, or after its last."""
        plan = self._draw()
        await self._pause(plan)
        if "twice" in plan:
            await self._rehearse(call, emit)
        async with self._inner.stream(call, emit) as stream:
            yield ChaosStream(stream, plan, self._random)

    def capacity(self) -> int:
        """The inner runner's."""
        return self._inner.capacity()

    def statistics(self) -> dict[str, int]:
        """The inner runner's."""
        return self._inner.statistics()

    def _draw(self) -> frozenset[str]:
        names = ("delay", "lose_before", "lose_after", "twice", "late")
        plan = frozenset(n for n in names if self._random.random() < getattr(self._chaos, n))
        for name in plan:
            self.mishaps[name] = self.mishaps.get(name, 0) + 1
        return plan

    async def _pause(self, plan: frozenset[str]) -> None:
        delay = self._random.random() * self._chaos.delay_s_max if "delay" in plan else 0
        await trio.sleep(delay)

    async def _race(self, call: NodeCall, emit: Emit) -> Outcome:
        outcomes: list[Outcome] = []

        async def one() -> None:
            outcomes.append(await self._inner.run(call, emit))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(one)
            nursery.start_soon(one)
        return outcomes[0]

    async def _rehearse(self, call: NodeCall, emit: Emit) -> None:
        """Start the node once before, without inputs, and kill it."""
        async with self._inner.stream(call, emit):
            await trio.sleep(self._random.random() * self._chaos.delay_s_max)


class ChaosStream:
    """A NodeStream that ends when it likes."""

    def __init__(self, inner: NodeStream, plan: frozenset[str], dice: random.Random) -> None:
        self._inner = inner
        self._plan = plan
        self._lost_at = dice.randrange(20) if "lose_before" in plan else -1
        self._received = 0
        self._ended: Outcome | None = None

    async def send(self, payload: bytes) -> None:
        """Hand on, or drop when it is over."""
        if self._ended is None:
            await self._inner.send(payload)

    async def send_end(self) -> None:
        """Hand on, or drop when it is over."""
        if self._ended is None:
            await self._inner.send_end()

    async def receive(self) -> Sequence[bytes] | Outcome:
        """The inner stream's frames, up to where it is lost."""
        if self._ended is not None:
            await trio.lowlevel.checkpoint()
            return self._ended
        answer = await self._inner.receive()
        if not isinstance(answer, Sequence):
            self._ended = Lost("chaos: after its end") if "lose_after" in self._plan else answer
            return self._ended
        if 0 <= self._lost_at < self._received + len(answer):
            self._ended = Lost("chaos: between two frames")
            rest = answer[: self._lost_at - self._received]
            return rest or self._ended
        self._received += len(answer)
        return answer
