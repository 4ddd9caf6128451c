"""A person who answers for node visits in doubt, and for paused ones."""

from contextlib import suppress
from random import Random

import trio
from worlds.box import Box
from worlds.flows import TENANT
from worlds.invariants import stored_executions
from worlds.oracle import expected

from axiomd.errors import WrongState
from axiomd.execution.execution import Execution
from axiomd.execution.position import parse_position

_LOOKS_EVERY_S = 0.003


def what_happened(box: Box, execution: Execution, visit: str) -> bytes | None:
    """What the visit returns if it is called, by the oracle; None if it must fail."""
    (accepted,) = box.reader.journal(execution.execution_id, limit=1)
    story = box.world.stories[execution.graph_id]
    assert accepted.payload is not None
    return expected(story, box.blobs.get(accepted.payload)).outputs.get(visit)


async def answer_doubts(box: Box, dice: Random) -> None:
    """Settle whatever comes into doubt: it has happened, or it has not, as the dice say."""
    while True:
        await trio.sleep(_LOOKS_EVERY_S)
        for execution in stored_executions(box.store):
            for visit in execution.doubts:
                happened = dice.random() < 0.5
                output = what_happened(box, execution, visit) if happened else None
                with suppress(WrongState):
                    await box.engine.settle(TENANT, execution.execution_id, visit, output, "{}")


async def answer_pauses(box: Box) -> None:
    """Let every paused visit go on, with what the story says that a person gives."""
    while True:
        await trio.sleep(_LOOKS_EVERY_S)
        for execution in stored_executions(box.store):
            story = box.world.stories[execution.graph_id]
            for visit in [pause.position for pause in execution.pauses]:
                told = story.behaviour(parse_position(visit)[0]).told
                with suppress(WrongState):
                    await box.engine.answer(
                        TENANT, execution.execution_id, visit, approved=True, value=told
                    )
                    box.world.answers.append((execution.execution_id, visit))
