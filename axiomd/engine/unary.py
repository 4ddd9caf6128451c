"""How a unary execution moves: branches of node visits, one checkpoint after another.

A branch is one trio task that visits node after node; where it forks, the first successor goes on
in the same task and the others get their own. Where branches meet, the arm that opens the gate
goes on and the others end. A linear flow therefore costs no task switch between nodes.
"""

from collections.abc import Callable

import trio

from axiomd.engine.attempt import PAUSE_S, PAUSE_S_MAX, Attempt
from axiomd.engine.backoff import Backoff
from axiomd.execution.call import Outcome, Output
from axiomd.execution.plan import Decision, after_output
from axiomd.execution.position import Position


async def run_unary(attempt: Attempt) -> None:
    """Visit what is due until the execution has ended."""
    async with trio.open_nursery() as nursery:
        first, *others = attempt.history.take_due()
        for position in others:
            nursery.start_soon(_branch, attempt, position, nursery.start_soon)
        await _branch(attempt, first, nursery.start_soon)


async def _branch(attempt: Attempt, position: Position, spawn: Callable[..., None]) -> None:
    following = [position]
    while following:
        position, *others = following
        for other in others:
            spawn(_branch, attempt, other, spawn)
        following = await _visit(attempt, position)


async def _visit(attempt: Attempt, position: Position) -> list[Position]:
    """Run one node visit to its end and make that durable; the visits that it made due."""
    backoff = Backoff(PAUSE_S, PAUSE_S_MAX)
    while True:
        outcome = await call_unary(attempt, position)
        decision = await _decide(attempt, position, outcome)
        following = await attempt.commit(decision)
        if position not in attempt.history.pending:
            return following
        # Taken away: once more, but never hot.
        await backoff.pause()


async def call_unary(attempt: Attempt, position: Position) -> Outcome:
    """One call of a unary node with the input of its visit."""
    number = attempt.begin_call(position)
    payload = await attempt.input_of(attempt.history.pending[position])
    call = attempt.node_call(position, number, payload)
    try:
        return await attempt.runner(position).run(call, attempt.emitter(position, number))
    except trio.Cancelled:
        attempt.note_stopped(position, number)
        raise


async def _decide(attempt: Attempt, position: Position, outcome: Outcome) -> Decision:
    if not isinstance(outcome, Output):
        return attempt.decide_trouble(position, outcome)
    payload = await attempt.keep(outcome.payload)
    at_ns = attempt.parts.clock.now_ns()
    return after_output(attempt.artifact, attempt.history, position, payload, at_ns)
