"""Who is worked on next: a sync choice over a view, and the loop that carries it out.

Free slots go to tenants in turns, and within a tenant by priority and age (`engine/turns.py`),
as far as its limits let it. Nothing of a waiting execution is in memory: the queues are the
store's own index, and each choice is read from it. When many slots are free at once they are
filled a few at a time: whoever else asks for something is not behind all of them.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence

import attrs
import trio

from axiomd.engine.turns import LimitsOf, Turns
from axiomd.execution.execution import Execution, ready_parts
from axiomd.limits import STARTS_MAX
from axiomd.store.keys import ready_place
from axiomd.store.reader import Reader
from axiomd.store.ready import FRONT, Queue, ReadyLook


@attrs.frozen
class Chosen:
    """An execution whose turn it is."""

    execution_id: str
    queue: Queue


class Scheduler:
    """Hands ready executions to free slots, and knows who has one."""

    def __init__(self, reader: Reader, slots: int, limits_of: LimitsOf) -> None:
        self._reader = reader
        self._slots = slots
        self._turns = Turns(limits_of)
        self._busy: dict[str, Queue] = {}
        """Executions that have a slot: those that are claimed, and those about to be."""
        self._bell = trio.Event()
        self._knows_queues = False
        """Whether what waited before this one began has been looked for."""
        self._closed = False

    def ready(self, executions: Sequence[Execution]) -> None:
        """These wait for a worker, and it is on disk."""
        for execution in executions:
            tenant, flow, rank, created_ns, identity = ready_parts(execution)
            self._turns.expect((tenant, flow), ready_place(rank, created_ns, identity))
        self._bell.set()

    def admits(self, queue: Queue) -> bool:
        """Whether a new execution may take a slot at once: the limits let it, there is one for it,
        and nobody waits whom it would overtake."""
        if self._closed or not self._knows_queues or not self._turns.may_start(queue):
            return False
        if self._turns.is_resting(queue[0]):
            return True
        return not self._is_full and self._turns.next() is None

    def is_limited(self, queue: Queue) -> bool:
        """Whether a limit of its tenant lets no more of this queue run."""
        return not self._turns.may_start(queue)

    def started(self, execution_id: str, queue: Queue) -> None:
        """It has a slot."""
        self._busy[execution_id] = queue
        self._turns.started(queue)

    def ended(self, execution_id: str, *, again: bool) -> None:
        """Its slot is free. again: whether it may wait for a worker itself; if it did while it
        had the slot, it was passed over."""
        queue = self._busy.pop(execution_id)
        self._turns.ended(queue)
        if again:
            self._turns.expect(queue, FRONT)
        if self._turns.next() is not None:
            self._bell.set()

    def close(self) -> None:
        """Start nothing more."""
        self._closed = True

    @property
    def _is_full(self) -> bool:
        return len(self._busy) >= self._slots

    def limits_changed(self, tenant: str) -> None:
        """The limits of a tenant are others."""
        self._turns.limits_changed(tenant)
        self._bell.set()

    def running(self, tenant: str) -> int:
        """Executions of a tenant that have a slot."""
        return self._turns.running(tenant)

    def choose(self) -> list[Chosen]:
        """The executions to start now, at most STARTS_MAX; they count as started."""
        chosen: list[Chosen] = []
        if self._closed or not self._is_anything_to_do:
            return chosen
        with self._reader.ready.look() as look:
            self._learn_queues(look)
            heads = _Heads(look, self._busy)
            while len(chosen) < STARTS_MAX and (
                found := self._turns.next(resting_only=self._is_full)
            ):
                queue, bound = found
                head = heads.head(queue, bound)
                if head is None or head[0] != bound:
                    # Nobody knew better; whose turn it is may be decided by that.
                    self._turns.correct(queue, head and head[0])
                    continue
                self.started(head[1], queue)
                following = heads.advance(queue)
                self._turns.correct(queue, following and following[0])
                self._turns.pass_on(queue[0])
                chosen.append(Chosen(head[1], queue))
        return chosen

    @property
    def _is_anything_to_do(self) -> bool:
        return not self._knows_queues or bool(self._turns.next(resting_only=self._is_full))

    def _learn_queues(self, look: ReadyLook) -> None:
        if not self._knows_queues:
            self._knows_queues = True
            for queue in look.queues():
                self._turns.expect(queue, FRONT)

    async def run(
        self, start: Callable[[Chosen], None], settle: Callable[[], Awaitable[None]]
    ) -> None:
        """Choose and start until cancelled.

        settle: returns once those that were started are on their way.
        """
        while True:
            chosen = self.choose()
            for one in chosen:
                start(one)
            if len(chosen) == STARTS_MAX:
                await settle()
                continue
            await self._bell.wait()
            self._bell = trio.Event()


Head = tuple[bytes, str]
"""A place in a queue, and the execution that waits there."""


class _Heads:
    """Who is first in each queue, in one snapshot, but for those that have a slot."""

    def __init__(self, look: ReadyLook, busy: dict[str, Queue]) -> None:
        self._look = look
        self._busy = busy
        self._walks: dict[Queue, Iterator[Head]] = {}
        self._heads: dict[Queue, Head | None] = {}

    def head(self, queue: Queue, bound: bytes) -> Head | None:
        """The first of a queue that has nothing before `bound`."""
        if queue not in self._walks:
            self._walks[queue] = self._look.queue(queue, bound)
            self.advance(queue)
        return self._heads[queue]

    def advance(self, queue: Queue) -> Head | None:
        """The one behind it, which is the first from now on."""
        walk = self._walks[queue]
        head = next((one for one in walk if one[1] not in self._busy), None)
        self._heads[queue] = head
        return head
