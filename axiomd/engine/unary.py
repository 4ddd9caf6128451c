"""How a unary execution moves: branches of node visits, one checkpoint after another.

A branch is one trio task that visits node after node; where it forks, the first successor goes on
in the same task and the others get their own. Where branches meet, the arm that opens the gate
goes on and the others end. A linear flow therefore costs no task switch between nodes.

A visit that is tried again later sleeps in its branch while other branches work; so do a gate and
a pause that have a time. Once nothing works any more the execution is parked, and holds neither
slot nor memory until it wakes.
"""

import json

import trio

from axiomd.engine.attempt import PAUSE_S, PAUSE_S_MAX, Attempt
from axiomd.engine.backoff import Backoff
from axiomd.engine.subflows import Waiting, start_child
from axiomd.execution.call import Failure, Lost, Outcome, Output
from axiomd.execution.gathering import Place
from axiomd.execution.journal import EntryKind, Payload
from axiomd.execution.plan import (
    Decision,
    after_compose,
    after_output,
    after_wait,
    rest,
    spent_loops,
)
from axiomd.execution.position import Position
from axiomd.flow.rules import EdgeFault


async def run_unary(attempt: Attempt) -> None:
    """Visit what is due until the execution has ended or is parked."""
    async with trio.open_nursery() as nursery:
        branches = Branches(attempt, nursery)
        # Its call, or its checkpoint, is in the queue behind the settlement and waits for itself.
        attempt.on_settled = branches.start
        branches.watch_alarms()
        for position in attempt.history.take_due():
            # Whoever lets go of what waits starts its branch, perhaps before these have begun.
            if not branches.waits_for_somebody(position):
                branches.start(position)
        await branches.fall_asleep()


class Branches:
    """The branches of one attempt: how many are at work, and who sleeps."""

    def __init__(self, attempt: Attempt, nursery: trio.Nursery) -> None:
        self._attempt = attempt
        self._nursery = nursery
        self._awake = 1
        """Branches at work, or about to be; whoever makes this is the first one."""
        self._watched: set[tuple[int, Position | Place]] = set()
        """Times of gates and pauses that somebody waits for; a loop gives a gate another one."""
        self._calls: dict[Position, trio.CancelScope] = {}
        """What stops the calls that nodes are at work on."""

    def start(self, position: Position) -> None:
        """Begin a branch with this visit."""
        self._awake += 1
        self._nursery.start_soon(self.work, position)

    async def work(self, position: Position) -> None:
        """Be a branch."""
        await self._follow([position])
        await self.fall_asleep()

    async def _follow(self, following: list[Position]) -> None:
        while following:
            position, *others = following
            for other in others:
                self.start(other)
            following = await self._visit(position)

    async def fall_asleep(self) -> None:
        """One branch less at work; without any the execution rests, if it has not ended."""
        self._awake -= 1
        attempt = self._attempt
        if self._awake == 0 and attempt.history.pending and not attempt.ended:
            await attempt.commit(rest(attempt.history, attempt.parts.clock.now_ns()))

    async def _commit(self, decision: Decision) -> list[Position]:
        following = await self._attempt.commit(decision)
        if self._goes_back(decision):
            self._stop_dropped()
        self.watch_alarms()
        return following

    def _goes_back(self, decision: Decision) -> bool:
        edges = self._attempt.artifact.edges
        taken = EntryKind.EDGE_TAKEN
        return any(e.kind is taken and edges[e.edge].loop for e in decision.entries)

    def _stop_dropped(self) -> None:
        """End the calls of visits that a loop, durable by now, has begun anew.

        Each dies in its own branch: what goes on does not wait for that.
        """
        for position, scope in self._calls.items():
            if position not in self._attempt.history.pending:
                scope.cancel()

    async def _visit(self, position: Position) -> list[Position]:
        """Bring one node visit to its end and make that durable; the visits that it made due.

        None follow if a person has to settle it first, or if a loop has begun it anew meanwhile.
        """
        history = self._attempt.history
        backoff = Backoff(PAUSE_S, PAUSE_S_MAX)
        while position in history.pending and not self.waits_for_somebody(position):
            if position in history.due_ns:
                await self._sleep_until(history.due_ns[position])
                if position not in history.pending:
                    return []
            decision = await self._decide(position)
            if position not in history.pending:
                return []
            following = await self._commit(decision)
            waits = decision.doubted or decision.opened
            held = decision.entries[0].kind is EntryKind.DEBUG_HELD
            if position not in history.pending or waits or held:
                # In doubt, paused or held: whoever lets it go starts the branch that goes on.
                return following
            if decision.entries[0].kind is EntryKind.NODE_LOST:
                # Taken away: once more, but never hot.
                await backoff.pause()
        return []

    def waits_for_somebody(self, position: Position) -> bool:
        """Whether a person has to say something before the visit goes on."""
        history = self._attempt.history
        asked = position in history.doubts or position in history.pauses
        return asked or position in history.session.held

    async def _decide(self, position: Position) -> Decision:
        """What follows next of a visit: of its call, or of what is known without one."""
        attempt, history = self._attempt, self._attempt.history
        if position in history.settled:
            return await self._after_output(position, history.settled[position])
        if position in history.unanswered and attempt.is_once(position):
            return attempt.doubt(position, "the worker or the box that called it is gone")
        if position in history.broken:
            told = json.loads(history.broken[position])
            return await attempt.decide_trouble(position, Failure(told["kind"], told["message"]))
        if position in history.arms and position not in history.composed:
            return await self._compose(position)
        if attempt.has_to_ask(position):
            return attempt.ask(position)
        if attempt.has_to_hold(position):
            return attempt.hold(position)
        if attempt.artifact.placements[position.placement].subflow:
            return await self._of_child(position)
        outcome = await self._call(position)
        if not isinstance(outcome, Output):
            return await attempt.decide_trouble(position, outcome)
        payload = await attempt.keep(outcome.payload)
        return await self._after_output(position, payload, outcome)

    async def _call(self, position: Position) -> Outcome:
        """One call of the visit's node; lost if a loop begins the visit anew."""
        with trio.CancelScope() as scope:
            self._calls[position] = scope
            try:
                return await call_unary(self._attempt, position)
            finally:
                del self._calls[position]
        return Lost("a loop has begun it anew")

    async def _after_output(
        self, position: Position, payload: Payload, output: Output | None = None
    ) -> Decision:
        attempt = self._attempt
        content = output.payload if output is not None else None
        spent = spent_loops(attempt.artifact, attempt.history, position)
        try:
            turns = await attempt.routing.of_output(position, payload, content, spent)
        except EdgeFault as fault:
            return attempt.fault(position, payload, fault)
        at_ns = attempt.parts.clock.now_ns()
        return after_output(attempt.artifact, attempt.history, position, payload, at_ns, turns)

    async def _of_child(self, position: Position) -> Decision:
        """What follows next of a visit that a child does: its beginning, or its end."""
        attempt = self._attempt
        if position not in attempt.history.children:
            return await start_child(attempt, position)
        child_id = attempt.history.children[position]
        with attempt.parts.tail.watch(child_id, ended_only=True) as watch:
            waiting = Waiting(attempt, position, watch)
            if not waiting.over:
                await self.fall_asleep()
                await waiting.wait()
                await self._wake()
        outcome = await waiting.outcome()
        if isinstance(outcome, Payload):
            return await self._after_output(position, outcome)
        return await attempt.decide_trouble(position, outcome)

    async def _compose(self, position: Position) -> Decision:
        attempt, history = self._attempt, self._attempt.history
        edges, payloads = history.arms[position], history.pending[position]
        try:
            payload = await attempt.routing.compose(position, edges, payloads)
        except EdgeFault as fault:
            return attempt.fault(position, None, fault)
        return after_compose(position, payload, attempt.parts.clock.now_ns())

    async def _sleep_until(self, due_ns: int) -> None:
        if due_ns > self._attempt.parts.clock.now_ns():
            await self.fall_asleep()
            await self._attempt.sleep_until(due_ns)
            await self._wake()

    async def _wake(self) -> None:
        """Be at work again, unless it is being parked: then whoever claims it next goes on."""
        if self._attempt.ended:
            await trio.sleep_forever()
        self._awake += 1

    # -- gates and pauses that have a time ----------------------------------------------------

    def watch_alarms(self) -> None:
        """Wait for the times of gates and pauses that nobody waits for yet."""
        for due_ns, what in self._attempt.history.alarms():
            if (due_ns, what) not in self._watched:
                self._watched.add((due_ns, what))
                overdue = due_ns <= self._attempt.parts.clock.now_ns()
                # Counted from now on: nothing may be parked before what is late is decided.
                self._awake += overdue
                self._nursery.start_soon(self._wait_for, what, due_ns, overdue)

    async def _wait_for(self, what: Position | Place, due_ns: int, overdue: bool) -> None:
        if not overdue:
            await self._attempt.sleep_until(due_ns)
        self._watched.discard((due_ns, what))
        due = (due_ns, what) in set(self._attempt.history.alarms())
        if due and not overdue:
            await self._wake()
        if due:
            await self._let_go(what)
        if due or overdue:
            await self.fall_asleep()

    async def _let_go(self, what: Position | Place) -> None:
        """A gate or a pause has waited long enough."""
        attempt = self._attempt
        if isinstance(what, Position):
            following = await self._commit(attempt.expire(what))
            await self._follow([what, *following])
        else:
            at_ns = attempt.parts.clock.now_ns()
            decision = after_wait(attempt.artifact, attempt.history, what, at_ns)
            await self._follow(await self._commit(decision))


async def call_unary(attempt: Attempt, position: Position) -> Outcome:
    """One call of a unary node with the input of its visit."""
    payloads = attempt.history.pending[position]
    number = await attempt.begin_call(position)
    if position not in attempt.history.pending:
        # While that became durable: its node must not act for a visit that nobody needs.
        return Lost("a loop has begun it anew before it was called")
    payload = await attempt.input_of(payloads)
    call = attempt.node_call(position, number, payload)
    try:
        return await attempt.runner(position).run(call, attempt.emitter(position, number))
    except trio.Cancelled:
        attempt.note_stopped(position, number)
        raise
