"""A person who answers for node visits in doubt, and for paused ones."""

from collections.abc import Callable
from contextlib import suppress
from random import Random

import trio
from worlds.box import Box
from worlds.flows import TENANT, answer
from worlds.invariants import stored_executions
from worlds.oracle import doomed, expected
from worlds.rules import dice as fate

from axiomd.errors import WrongState
from axiomd.execution.execution import Execution
from axiomd.execution.position import parse_position

_LOOKS_EVERY_S = 0.003

Tell = Callable[[Box, Execution, str], bytes | None]


def what_happened(box: Box, execution: Execution, visit: str) -> bytes | None:
    """What the visit returns if it is called, by the oracle; None if it must fail."""
    (accepted,) = box.reader.journal(execution.execution_id, limit=1)
    story = box.world.stories[execution.graph_id]
    assert accepted.payload is not None
    return expected(story, box.blobs.get(accepted.payload)).outputs.get(visit)


def what_it_made(box: Box, execution: Execution, visit: str) -> bytes | None:
    """What the visit returns, by what its node was given; None if it fails, or never began."""
    given = box.world.nodes.inputs.get(execution.execution_id, {}).get(visit)
    story, alias = box.world.stories[execution.graph_id], parse_position(visit)[0]
    behaviour = story.behaviour(alias)
    fails = doomed(story, alias) or (given and fate("fails", given) < behaviour.fails_below)
    return None if fails or given is None else answer(alias, given, pad=behaviour.pad)


async def answer_doubts(box: Box, dice: Random, tell: Tell = what_happened) -> None:
    """Settle whatever comes into doubt: it has happened, or it has not, as the dice say.

    tell: what a visit returns that has happened.
    """
    while True:
        await trio.sleep(_LOOKS_EVERY_S)
        for execution in stored_executions(box.store):
            for visit in execution.doubts:
                happened = dice.random() < 0.5
                output = tell(box, execution, visit) if happened else None
                with suppress(WrongState):
                    await box.engine.settle(TENANT, execution.execution_id, visit, output, "{}")


async def answer_pauses(box: Box) -> None:
    """Say of every paused visit what the story says that a person does."""
    while True:
        await trio.sleep(_LOOKS_EVERY_S)
        for execution in stored_executions(box.store):
            story = box.world.stories[execution.graph_id]
            for visit in [pause.position for pause in execution.pauses]:
                behaviour = story.behaviour(parse_position(visit)[0])
                if behaviour.person == "silent":
                    continue
                approved = behaviour.person == "approve"
                told = behaviour.told if approved else None
                with suppress(WrongState):
                    await box.engine.answer(
                        TENANT, execution.execution_id, visit, approved=approved, value=told
                    )
                    box.world.answers.append((execution.execution_id, visit))
