"""Deliveries: their times, their turns, and what ends them. Receivers are in memory."""

import json
from itertools import pairwise

import pytest
import trio
from worlds.box import Physics, open_box
from worlds.flows import ASKING, BRANCHING, TENANT, Behaviour, Story, flow
from worlds.invariants import broken_invariants, rows
from worlds.person import answer_pauses
from worlds.receivers import Inbox, all_told, make_webhooks, telling
from worlds.rows import BY

from axiomd.clock import NS_PER_S
from axiomd.engine.webhooks import open_webhooks
from axiomd.errors import Invalid, NotFound
from axiomd.execution.deliveries import DeliveryStatus
from axiomd.execution.targets import Target
from axiomd.limits import WEBHOOK_REQUESTS_PER_RECEIVER_MAX, WEBHOOK_SUBSCRIPTIONS_MAX
from axiomd.settings import RetentionSettings, WebhookSettings
from axiomd.store import keys

HOOK = Target("https://result.example/hook", (("Authorization", "Bearer s"),))
EVENTS = Target("https://events.example/")
DAY_NS = 86_400 * NS_PER_S


async def run(box, webhook=HOOK, payload=b"x"):
    """The ID of an execution that has ended."""
    accepted = await box.engine.accept(box.world.story.artifact, payload, webhook=webhook)
    await box.ended(accepted.execution_id)
    return accepted.execution_id


def told(box, execution_id):
    """The lines of history that speak of webhooks: kind and detail."""
    return [
        (entry.kind.wire.removeprefix("webhook_"), json.loads(entry.detail))
        for entry in box.reader.journal(execution_id)
        if entry.kind.wire.startswith("webhook_")
    ]


async def test_an_end_is_told_once_with_the_headers_of_both(make_world, autojump_clock):
    inbox = Inbox()
    async with open_box(make_world(BRANCHING)) as box, telling(box, inbox) as webhooks:
        execution_id = await run(box)
        (delivery,) = await all_told(webhooks, TENANT)
        await trio.sleep(80_000)
        (got,) = inbox.got
        assert got.url == HOOK.url
        assert got.headers["Authorization"] == "Bearer s"
        assert got.headers["Content-Type"] == "application/json"
        assert int(got.headers["Content-Length"]) == len(got.body)
        assert got.message_id == delivery.message_id
        assert got.is_signed_with((await webhooks.signing.of(TENANT)).current)
        assert not got.is_signed_with("whsec_b3RoZXI=")
        (scheduled, first), (delivered, last) = told(box, execution_id)
        assert (scheduled, delivered) == ("scheduled", "delivered")
        assert first["to"] == last["to"] == "https://result.example"
        assert last["status_code"] == 200
        artifact = box.world.story.artifact
        assert box.reader.output(execution_id, artifact.terminal) is not None
        await box.disk.finish()
        assert box.broken() == []


async def test_without_a_webhook_nothing_is_told(make_world, autojump_clock):
    inbox = Inbox()
    async with open_box(make_world(BRANCHING)) as box, telling(box, inbox) as webhooks:
        await run(box, webhook=None)
        await trio.sleep(1000)
        assert (inbox.got, await all_told(webhooks, TENANT)) == ([], [])


async def test_attempts_follow_the_schedule_and_are_on_record(make_world, autojump_clock):
    inbox = Inbox()
    inbox.answers = lambda _: 503
    async with open_box(make_world(BRANCHING)) as box, telling(box, inbox) as webhooks:
        execution_id = await run(box)
        (delivery,) = await all_told(webhooks, TENANT)
        assert delivery.status is DeliveryStatus.FAILED
        times = [one.at_ns for one in delivery.attempts]
        pauses = [(later - sooner) / NS_PER_S for sooner, later in pairwise(times)]
        aims = (5, 300, 1_800, 7_200, 18_000, 36_000, 21_600)
        both = list(zip(pauses, aims, strict=True))
        assert all(0.89 * aim <= pause <= 1.11 * aim for pause, aim in both)
        assert {one.status_code for one in delivery.attempts} == {503}
        assert set(inbox.ids) == {delivery.message_id}
        kinds = [kind for kind, _ in told(box, execution_id)]
        assert kinds == ["scheduled", *["attempted"] * 7, "failed"]
        await box.disk.finish()
        assert box.broken() == []


async def test_due_times_outlive_the_box_and_come_while_it_is_off(make_world, autojump_clock):
    world, inbox = make_world(BRANCHING), Inbox()
    inbox.answers = lambda _: 500
    async with open_box(world) as box, telling(box, inbox):
        await run(box)
        await trio.sleep(100)
        assert len(inbox.got) == 2
        await box.disk.finish()
    inbox.answers = lambda _: 200
    async with open_box(world) as box, telling(box, inbox) as webhooks:
        await trio.sleep(100)
        assert len(inbox.got) == 2, "it came before its time"
        await all_told(webhooks, TENANT)
        await box.disk.finish()
    world.clock.advance(DAY_NS)
    async with open_box(world) as box, telling(box, inbox) as webhooks:
        await trio.sleep(1000)
        assert len(inbox.got) == 3


async def test_a_dead_receiver_holds_up_no_other(make_world, autojump_clock):
    inbox = Inbox()
    inbox.answers = lambda url: 0 if "dead" in url else 200
    async with open_box(make_world(BRANCHING)) as box, telling(box, inbox) as webhooks:
        for _ in range(30):
            await run(box, Target("https://dead.example/"))
        began = trio.current_time()
        await run(box, Target("https://alive.example/"))
        while not any("alive" in got.url for got in inbox.got):
            await trio.sleep(0.01)
        assert trio.current_time() - began < 5
        assert inbox.open <= WEBHOOK_REQUESTS_PER_RECEIVER_MAX
        await trio.sleep(30)
        for _ in range(20):
            await trio.sleep(7)
            assert inbox.open <= 1, "who has failed is asked by one request at a time"
        assert len(webhooks._busy) <= 1


async def test_pauses_and_failures_are_told_to_who_subscribed(make_world, autojump_clock):
    inbox = Inbox()
    async with open_box(make_world(ASKING)) as box, telling(box, inbox) as webhooks:
        await webhooks.subscribe(TENANT, EVENTS, ("pause_opened", "execution_failed"), BY)
        await webhooks.subscribe("another tenant", EVENTS, ("pause_opened",), BY)
        accepted = await box.engine.accept(box.world.story.artifact, b"x")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer_pauses, box)
            await box.ended(accepted.execution_id)
            nursery.cancel_scope.cancel()
        deliveries = await all_told(webhooks, TENANT)
        pauses = box.kinds(accepted.execution_id).count("pause_opened")
        assert [one.kind for one in deliveries] == ["pause.opened"] * pauses
        assert pauses > 0
        assert sorted(inbox.ids) == sorted(one.message_id for one in deliveries)


async def test_a_failure_and_a_cancel_are_told_to_who_subscribed(make_world, autojump_clock):
    inbox = Inbox()
    story = Story(flow("a>b"), {"b": Behaviour("fail")})
    async with open_box(make_world(story)) as box, telling(box, inbox) as webhooks:
        await webhooks.subscribe(TENANT, EVENTS, ("execution_failed", "execution_cancelled"), BY)
        await run(box, webhook=None)
        (delivery,) = await all_told(webhooks, TENANT)
        assert delivery.kind == "execution.failed"


async def test_410_stops_a_subscription_and_what_is_on_its_way(make_world, autojump_clock):
    inbox = Inbox(latency_s=1)
    inbox.answers = lambda _: 410
    async with open_box(make_world(BRANCHING)) as box, telling(box, inbox) as webhooks:
        made = await webhooks.subscribe(TENANT, EVENTS, ("execution_completed",), BY)
        for _ in range(8):
            await run(box, webhook=None)
        deliveries = await all_told(webhooks, TENANT)
        assert {one.status for one in deliveries} == {DeliveryStatus.FAILED}
        assert len(inbox.got) <= 2 * WEBHOOK_REQUESTS_PER_RECEIVER_MAX
        (found,) = webhooks.outbox.subscriptions(TENANT)
        assert found.stopped_ns
        await run(box, webhook=None)
        assert len(await all_told(webhooks, TENANT)) == len(deliveries)
        await webhooks.unsubscribe(TENANT, made.subscription_id, BY)
        with pytest.raises(NotFound):
            await webhooks.unsubscribe(TENANT, made.subscription_id, BY)


async def test_what_is_on_its_way_to_a_removed_subscription_is_told_to_nobody(
    make_world, autojump_clock
):
    inbox = Inbox()
    inbox.answers = lambda _: 500
    async with open_box(make_world(BRANCHING)) as box, telling(box, inbox) as webhooks:
        made = await webhooks.subscribe(TENANT, EVENTS, ("execution_completed",), BY)
        await run(box, webhook=None)
        await trio.sleep(1)
        await webhooks.unsubscribe(TENANT, made.subscription_id, BY)
        (delivery,) = await all_told(webhooks, TENANT)
        assert (len(inbox.got), delivery.status) == (1, DeliveryStatus.FAILED)
        assert delivery.attempts[-1].error == "the webhook was removed"


async def test_a_delivery_can_be_asked_for_again_under_its_id(make_world, autojump_clock):
    inbox = Inbox()
    async with open_box(make_world(BRANCHING)) as box, telling(box, inbox) as webhooks:
        execution_id = await run(box)
        (delivery,) = await all_told(webhooks, TENANT)
        with pytest.raises(NotFound):
            await webhooks.redeliver("another tenant", delivery.message_id, "eve")
        await webhooks.redeliver(TENANT, delivery.message_id, "ada")
        (again,) = await all_told(webhooks, TENANT)
        assert inbox.ids == [delivery.message_id] * 2
        assert len(again.attempts) == 2
        assert [detail.get("by") for _, detail in told(box, execution_id)][2] == "ada"
        await box.disk.finish()
        assert box.broken() == []


async def test_a_retry_tells_its_sources_receiver_and_a_fork_only_its_own(
    make_world, autojump_clock
):
    inbox = Inbox()
    story = Story(flow("a>b"), {"b": Behaviour("fail")})
    async with open_box(make_world(story)) as box, telling(box, inbox) as webhooks:
        source = await run(box)
        await all_told(webhooks, TENANT)
        retried = await box.engine.retry(TENANT, source)
        at = next(e.position for e in box.reader.journal(source) if e.kind.name == "NODE_COMPLETED")
        plain = await box.engine.fork(TENANT, source, at)
        own = await box.engine.fork(TENANT, source, at, webhook=EVENTS)
        for identity in (retried, plain, own):
            await box.ended(identity)
        by_execution = {one.execution_id: one.origin for one in await all_told(webhooks, TENANT)}
        assert by_execution == {
            source: HOOK.origin,
            retried: HOOK.origin,
            own: EVENTS.origin,
        }
        await box.disk.finish()
        assert box.broken() == []


async def test_a_message_that_cannot_be_made_ends_nothing_but_itself(make_world, autojump_clock):
    async def broken_body(delivery, execution):
        raise LookupError("a fault")

    inbox = Inbox()
    async with open_box(make_world(BRANCHING)) as box:
        webhooks = make_webhooks(box, inbox)
        async with open_webhooks(webhooks, broken_body):
            await run(box)
            (delivery,) = await all_told(webhooks, TENANT)
            assert "cannot be made" in delivery.attempts[0].error
        assert inbox.got == []


async def test_subscriptions_are_bounded(make_world, autojump_clock):
    async with open_box(make_world(BRANCHING)) as box, telling(box, Inbox()) as webhooks:
        for _ in range(WEBHOOK_SUBSCRIPTIONS_MAX):
            await webhooks.subscribe(TENANT, EVENTS, ("pause_opened",), BY)
        with pytest.raises(Invalid):
            await webhooks.subscribe(TENANT, EVENTS, ("pause_opened",), BY)
        await webhooks.subscribe("another tenant", EVENTS, ("pause_opened",), BY)


async def test_deliveries_are_forgotten_with_their_execution(make_world, autojump_clock):
    world, physics = make_world(BRANCHING), Physics(retention=RetentionSettings(days=1))
    async with open_box(world, physics) as box, telling(box, Inbox()) as webhooks:
        await webhooks.subscribe(TENANT, EVENTS, ("execution_completed",), BY)
        await run(box)
        assert len(await all_told(webhooks, TENANT)) == 2
        world.clock.advance(2 * DAY_NS)
        await trio.sleep(200)
        for table in (keys.EXECUTIONS, keys.DELIVERIES, keys.DELIVERIES_BY_TIME):
            assert rows(box.store, table) == []
        assert broken_invariants(box.store, world.directory / "blobs", {}) == []


async def test_old_notifications_of_what_goes_on_are_forgotten_and_results_are_not(
    make_world, autojump_clock
):
    world = make_world(BRANCHING)
    settings = WebhookSettings(allow_private=True, days=10)
    async with open_box(world) as box, telling(box, Inbox(), settings) as webhooks:
        await webhooks.subscribe(TENANT, EVENTS, ("execution_completed",), BY)
        for _ in range(20):
            await run(box)
        assert len(await all_told(webhooks, TENANT)) == 40
        world.clock.advance(11 * DAY_NS)
        await trio.sleep(2000)
        left = await all_told(webhooks, TENANT)
        assert [one.subscription_id for one in left] == [""] * 20
        await box.disk.finish()
        assert box.broken() == []


async def test_a_secret_is_made_once_and_its_replacement_overlaps(make_world, autojump_clock):
    world, inbox = make_world(BRANCHING), Inbox()
    async with open_box(world) as box, telling(box, inbox) as webhooks:
        first = await webhooks.signing.of(TENANT)
        assert await webhooks.signing.of(TENANT) == first
        assert (await webhooks.signing.of("another tenant")).current != first.current
        second = await webhooks.signing.rotate(TENANT, BY)
        await run(box)
        await all_told(webhooks, TENANT)
        assert all(inbox.got[-1].is_signed_with(one.current) for one in (first, second))
        world.clock.advance(DAY_NS)
        await run(box)
        await all_told(webhooks, TENANT)
        assert not inbox.got[-1].is_signed_with(first.current)
        assert inbox.got[-1].is_signed_with(second.current)
