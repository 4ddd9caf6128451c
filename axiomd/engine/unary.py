"""How a unary execution moves: branches of node visits, one checkpoint after another.

A branch is one trio task that visits node after node; where it forks, the first successor goes on
in the same task and the others get their own. Where branches meet, the arm that opens the gate
goes on and the others end. A linear flow therefore costs no task switch between nodes.

A visit that is tried again later sleeps in its branch while other branches work. Once nothing
works any more the execution is parked, and holds neither slot nor memory until it wakes.
"""

import trio

from axiomd.engine.attempt import PAUSE_S, PAUSE_S_MAX, Attempt
from axiomd.engine.backoff import Backoff
from axiomd.execution.call import Outcome, Output
from axiomd.execution.journal import EntryKind
from axiomd.execution.plan import Decision, after_output, rest
from axiomd.execution.position import Position


async def run_unary(attempt: Attempt) -> None:
    """Visit what is due until the execution has ended or is parked."""
    async with trio.open_nursery() as nursery:
        branches = Branches(attempt, nursery)
        # Its call, or its checkpoint, is in the queue behind the settlement and waits for itself.
        attempt.on_settled = branches.start
        first, *others = attempt.history.take_due()
        for position in others:
            branches.start(position)
        await branches.work(first)


class Branches:
    """The branches of one attempt: how many are at work, and who sleeps."""

    def __init__(self, attempt: Attempt, nursery: trio.Nursery) -> None:
        self._attempt = attempt
        self._nursery = nursery
        self._awake = 1
        """Branches at work, or about to be; the first one is."""

    def start(self, position: Position) -> None:
        """Begin a branch with this visit."""
        self._awake += 1
        self._nursery.start_soon(self.work, position)

    async def work(self, position: Position) -> None:
        """Be a branch."""
        following = [position]
        while following:
            position, *others = following
            for other in others:
                self.start(other)
            following = await self._visit(position)
        await self._fall_asleep()

    async def _fall_asleep(self) -> None:
        """One branch less at work; without any the execution rests, if it has not ended."""
        self._awake -= 1
        attempt = self._attempt
        if self._awake == 0 and attempt.history.pending and not attempt.ended:
            await attempt.commit(rest(attempt.history, attempt.parts.clock.now_ns()))

    async def _visit(self, position: Position) -> list[Position]:
        """Bring one node visit to its end and make that durable; the visits that it made due.

        If a person has to settle it first, none follow yet.
        """
        attempt, history = self._attempt, self._attempt.history
        backoff = Backoff(PAUSE_S, PAUSE_S_MAX)
        while position not in history.doubts:
            if position in history.due_ns:
                await self._sleep_until(history.due_ns[position])
            decision = self._decide_without_call(position)
            if decision is None:
                decision = await self._decide(position, await call_unary(attempt, position))
            following = await attempt.commit(decision)
            if position not in history.pending or decision.doubted:
                # In doubt: whoever settles it starts the branch that goes on with it.
                return following
            if decision.entries[0].kind is EntryKind.NODE_LOST:
                # Taken away: once more, but never hot.
                await backoff.pause()
        return []

    def _decide_without_call(self, position: Position) -> Decision | None:
        """What follows if the visit must not be called: it has happened, or nobody knows."""
        attempt, history = self._attempt, self._attempt.history
        if position in history.settled:
            at_ns = attempt.parts.clock.now_ns()
            return after_output(
                attempt.artifact, history, position, history.settled[position], at_ns
            )
        if position in history.unanswered and attempt.is_once(position):
            return attempt.doubt(position, "the worker or the box that called it is gone")
        return None

    async def _decide(self, position: Position, outcome: Outcome) -> Decision:
        attempt = self._attempt
        if not isinstance(outcome, Output):
            return attempt.decide_trouble(position, outcome)
        payload = await attempt.keep(outcome.payload)
        at_ns = attempt.parts.clock.now_ns()
        return after_output(attempt.artifact, attempt.history, position, payload, at_ns)

    async def _sleep_until(self, due_ns: int) -> None:
        if due_ns > self._attempt.parts.clock.now_ns():
            await self._fall_asleep()
            await self._attempt.sleep_until(due_ns)
            if self._attempt.ended:
                # It is being parked: whoever claims it next makes this call.
                await trio.sleep_forever()
            self._awake += 1


async def call_unary(attempt: Attempt, position: Position) -> Outcome:
    """One call of a unary node with the input of its visit."""
    number = await attempt.begin_call(position)
    payload = await attempt.input_of(attempt.history.pending[position])
    call = attempt.node_call(position, number, payload)
    try:
        return await attempt.runner(position).run(call, attempt.emitter(position, number))
    except trio.Cancelled:
        attempt.note_stopped(position, number)
        raise
