"""The power goes at every commit of executions that tell somebody of their pauses and their end."""

import shutil

import pytest
import trio
from worlds.box import Physics, World, open_box
from worlds.disk import Cut
from worlds.flows import ASKING, BRANCHING, TENANT, UNDOING
from worlds.invariants import stored_executions
from worlds.person import answer_pauses
from worlds.receivers import Inbox, all_told, telling
from worlds.rows import BY
from worlds.seeds import run_seeded

from axiomd.execution.deliveries import DeliveryStatus, delivery_key, result_key
from axiomd.execution.targets import Target
from axiomd.store.commit import IdempotencyClaim

HOOK = Target("https://result.example/hook")
EVENTS = ("pause_opened", "execution_completed", "execution_failed")
CLIENTS = {b"first": b"hello", b"second": b"world"}
SIDES = ("before", "after")
STORIES = pytest.mark.parametrize(
    "story", [BRANCHING, ASKING, UNDOING], ids=["branching", "asking", "undoing"]
)


async def client(box, key, payload):
    claim = IdempotencyClaim(key.rjust(32), payload.rjust(32))
    await box.engine.accept(box.world.story.artifact, payload, claim, webhook=HOOK)


async def live(world, physics, inbox):
    """One life: a tenant subscribes and invokes, and everything is told; None after a cut."""
    async with open_box(world, physics) as box, telling(box, inbox) as webhooks:
        if not webhooks.outbox.subscriptions(TENANT):
            await webhooks.subscribe(TENANT, Target("https://events.example/"), EVENTS, BY)
        async with trio.open_nursery() as nursery:
            for key, payload in CLIENTS.items():
                nursery.start_soon(client, box, key, payload)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer_pauses, box)
            await box.all_ended()
            nursery.cancel_scope.cancel()
        deliveries = await all_told(webhooks, TENANT)
        await box.disk.finish()
        (subscription,) = webhooks.outbox.subscriptions(TENANT)
        wanted = set(to_be_told(box, subscription.subscription_id))
        return box.disk.batches, box.broken(), deliveries, wanted
    return None


def to_be_told(box, subscription_id):
    """The ID of every message that follows from what is on record."""
    for execution in stored_executions(box.store):
        identity = execution.execution_id
        yield f"msg_{identity}_{result_key()}"
        for entry in box.reader.journal(identity):
            if entry.kind.wire in EVENTS:
                key = delivery_key(entry.seq, entry.kind.wire, subscription_id)
                yield f"msg_{identity}_{key}"


def check(ending, inbox):
    """Whatever the cut: everything was told, nothing else was, and a repeat is the same message."""
    _, broken, deliveries, wanted = ending
    assert broken == []
    assert {one.message_id for one in deliveries} == wanted
    assert {one.status for one in deliveries} == {DeliveryStatus.DELIVERED}
    assert wanted <= set(inbox.ids), "somebody was never told"
    bodies = {(got.message_id, got.body) for got in inbox.got}
    assert len(bodies) == len(wanted), "a message came under two IDs, or one ID with two bodies"


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.soak)])
@STORIES
def test_a_power_cut_at_any_commit_tells_every_end_and_every_pause(tmp_path, story, seed):
    physics, inbox = Physics(sync_s=0.0005), Inbox()
    ending = run_seeded(seed, live, World(tmp_path / "whole", [story], seed), physics, inbox)
    check(ending, inbox)
    assert len(inbox.ids) == len(set(inbox.ids)), "without a cut each is told once"
    cuts = [Cut(batch, side) for batch in range(ending[0]) for side in SIDES]
    again = 0
    for number, cut in enumerate(cuts):
        world, inbox = World(tmp_path / f"{number}", [story], seed), Inbox()
        assert run_seeded(seed, live, world, Physics(physics.sync_s, cut=cut), inbox) is None
        ending = run_seeded(seed + 1, live, world, physics, inbox)
        shutil.rmtree(world.directory)
        try:
            check(ending, inbox)
        except AssertionError as failure:
            raise AssertionError(f"seed {seed}, {cut}: {failure}") from failure
        again += len(inbox.ids) - len(set(inbox.ids))
    assert len(cuts) >= 30
    assert again > 0, "no cut fell between an answer and its note"
