"""The people around one run of a random flow: who invokes, who answers, debugs, cancels, forks."""

import random
from collections.abc import Mapping
from contextlib import suppress
from typing import Literal

import attrs
import trio
from worlds.flows import TENANT, Story
from worlds.invariants import stored_executions
from worlds.person import answer_doubts, answer_pauses, what_it_made
from worlds.sketch import Sketch

from axiomd.errors import Invalid, WrongState
from axiomd.execution import debugging
from axiomd.execution.execution import Debug
from axiomd.execution.journal import EntryKind
from axiomd.execution.position import parse_position
from axiomd.execution.status import Status
from axiomd.store.commit import IdempotencyClaim

LOOKS_EVERY_S = 0.003
ENDS_WITHIN_S = 120


@attrs.frozen
class Cancel:
    """When an execution is cancelled."""

    status: Status
    attempts_min: int
    """Attempts that it must have had by then."""
    compensate: bool


@attrs.define
class Script:
    """A flow, and what people do with it."""

    seed: int
    story: Story
    clients: Mapping[bytes, bytes]
    """By the key of each request its input."""
    slots: int = 8
    cancel: Cancel | None = None
    debug: Literal["walk", "edit"] | None = None
    """A session that goes through the flow by chance, or one that gives visits another input."""
    stops: tuple[str, ...] = ()
    """Where such a session stops."""
    forks: bool = False
    """Whether the first to end is forked, or tried again."""
    hasty: bool = False
    """Whether its gates may open before all has come."""
    cancelled: set[str] = attrs.field(factory=set)
    """Executions whose cancellation was acknowledged."""


def random_script(seed: int) -> Script:
    """All of it follows from the seed."""
    dice = random.Random(seed)
    sketch = Sketch(dice)
    debug = dice.choices((None, "walk", "edit"), (10, 1, 1))[0]
    stops = tuple(sketch.edit()) if debug == "edit" else ()
    clients = dice.choice((1, 1, 2))
    return Script(
        seed,
        sketch.story(),
        {b"%d" % n: b"input %d %d" % (seed, n) for n in range(clients)},
        slots=dice.choice((1, 8)),
        cancel=random_cancel(dice, debug, undoes=sketch.undoes) if dice.random() < 0.4 else None,
        debug=debug,
        stops=stops,
        forks=not sketch.hasty and not stops and dice.random() < 0.5,
        hasty=sketch.hasty,
    )


def random_cancel(dice: random.Random, debug: str | None, *, undoes: bool) -> Cancel:
    statuses = [
        Status.QUEUED,
        Status.RUNNING,
        Status.PAUSED_HITL,
        Status.WAITING_ON_GATE,
        Status.WAITING_ON_GATE,
    ]
    status = dice.choice([Status.DEBUG_PAUSED] if debug else statuses)
    return Cancel(status, dice.choice((0, 1, 2, 3)), undoes and dice.random() < 0.8)


async def play_out(box, script):
    """Invoke, and do what the script says until everything has ended."""
    dice = random.Random(script.seed)
    with trio.fail_after(ENDS_WITHIN_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(surround, box, script, dice)
            await invoke(box, script, dice)
            nursery.cancel_scope.cancel()


async def surround(box, script, dice):
    """Whoever answers and debugs, for as long as it takes."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer_doubts, box, dice, what_it_made)
        nursery.start_soon(answer_pauses, box)
        if script.debug:
            nursery.start_soon(debug, box, script, dice)


async def invoke(box, script, dice):
    async with trio.open_nursery() as clients:
        for key, payload in script.clients.items():
            clients.start_soon(client, box, script, key, payload)
    ended = await box.all_ended()
    if script.forks:
        await begin_again(box, ended[0].execution_id, dice)
        await box.all_ended()


async def client(box, script, key, payload):
    claim = IdempotencyClaim(key.rjust(32), payload.rjust(32))
    mode = {None: None, "walk": Debug("pause"), "edit": Debug("run", script.stops)}[script.debug]
    artifact = box.world.story.artifact
    identity = (await box.engine.accept(artifact, payload, claim, mode)).execution_id
    box.world.told[identity] = key
    if script.cancel is not None:
        await cancel(box, script, identity)


async def cancel(box, script, identity):
    """Cancel once the execution is where the script wants it, if it ever comes there."""
    plan = script.cancel

    def is_there(record):
        there = (record.status, record.attempt >= plan.attempts_min) == (plan.status, True)
        return there or record.status.ended

    await box.reached(identity, is_there)
    end = box.engine.compensate if plan.compensate else box.engine.cancel
    try:
        await end(TENANT, identity)
    except WrongState:
        record = box.reader.find_execution(identity)
        assert record.status.ended or record.undoing
    else:
        script.cancelled.add(identity)


async def debug(box, script, dice):
    """Let what is held go on, one way or the other."""
    while True:
        await trio.sleep(LOOKS_EVERY_S)
        for record in stored_executions(box.store):
            if record.debug is None or record.status.ended:
                continue
            with suppress(WrongState):
                if script.stops:
                    await edit(box, record)
                else:
                    await walk(box, record, dice)


async def edit(box, record):
    for visit in record.held:
        value = box.world.stories[record.graph_id].behaviour(parse_position(visit)[0]).edited
        if value is not None:
            await tell(box, record, EntryKind.DEBUG_EDITED, visit, value)
        await tell(box, record, EntryKind.DEBUG_STEPPED, visit)


async def walk(box, record, dice):
    aliases = [p.alias for p in box.artifact_of(record.execution_id).placements]
    match dice.randrange(8):
        case 0:
            stops = debugging.stops_at(dice.sample(aliases, 1))
            await box.engine.direct(TENANT, record.execution_id, stops)
        case 1:
            await tell(box, record, EntryKind.DEBUG_PAUSED)
        case 2 if record.held:
            await tell(box, record, EntryKind.DEBUG_CONTINUED)
        case _ if record.held:
            await tell(box, record, EntryKind.DEBUG_STEPPED, dice.choice(record.held))


async def tell(box, record, kind, visit="", value=None):
    await box.engine.direct(TENANT, record.execution_id, debugging.command(kind), visit, value)


async def begin_again(box, identity, dice):
    """Fork from one of its checkpoints, or run again what has failed."""
    done = [
        entry.position
        for entry in box.reader.journal(identity)
        if entry.kind is EntryKind.NODE_COMPLETED
    ]
    with suppress(WrongState, Invalid):
        if done and dice.random() < 0.6:
            await box.engine.fork(TENANT, identity, dice.choice(done))
        else:
            await box.engine.retry(TENANT, identity)
