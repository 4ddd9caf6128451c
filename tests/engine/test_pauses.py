"""Flows that ask a person: what is held, who may let it go, and what happens if nobody does."""

import json

import attrs
import pytest
import trio
from worlds.box import Physics, World, open_box
from worlds.flows import TENANT, Behaviour, Story, answer, flow, paused
from worlds.seeds import run_seeded

from axiomd.clock import NS_PER_S
from axiomd.errors import NotFound, WrongState
from axiomd.execution.journal import EntryKind
from axiomd.execution.pauses import pause_id
from axiomd.execution.status import Status
from axiomd.flow.artifact import Edge, FanOut, Hitl, Retry
from axiomd.settings import EngineSettings

DAY_NS = 86_400 * NS_PER_S
SHOWN = Hitl('{"question": "may it be?"}')
ASKED = Story(paused(flow("a>b b>c"), b=SHOWN))
POLICIES = ("CANCEL", "FAIL", "CONTINUE")


def patient(policy, timeout_s=60.0):
    return Story(paused(flow("a>b b>c"), b=Hitl(timeout_s=timeout_s, timeout_policy=policy)))


def two_arms(**more):
    """Two arms that ask, before a gate."""
    return Story(paused(flow("a>b a>c b>d c>d"), b=SHOWN, c=SHOWN), **more)


def rescued(story, source="b"):
    """The story with an edge for the failure of `source`, to a node beside the others."""
    artifact = story.artifact
    extra = attrs.evolve(artifact.placements[-1], alias="r", hitl=None)
    ends = artifact.index_of[source], len(artifact.placements)
    back = Edge(ends[1], artifact.terminal)
    changed = attrs.evolve(
        artifact,
        placements=(*artifact.placements, extra),
        edges=(*artifact.edges, Edge(*ends, on_error=True), back),
        graph_id=f"rescued{artifact.graph_id}"[:26],
    )
    gate = attrs.evolve(changed.placements[artifact.terminal].join, kind="XOR")
    placements = tuple(
        attrs.evolve(placement, join=gate) if number == artifact.terminal else placement
        for number, placement in enumerate(changed.placements)
    )
    return attrs.evolve(story, artifact=attrs.evolve(changed, placements=placements))


def loose(world):
    """The world, whose nodes do not hold their calls against a plain flow: this one is none."""
    world.nodes.strict = False
    return world


async def asked(box, execution_id, *visits):
    """The record once these visits are paused, and no others."""
    wanted = set(visits or ("b",))
    return await box.reached(
        execution_id, lambda found: {pause.position for pause in found.pauses} == wanted
    )


async def parked(box, execution_id):
    return await box.reached(execution_id, lambda found: found.status is Status.PAUSED_HITL)


async def approve(box, execution_id, value=None, visit="b", **more):
    await box.engine.answer(TENANT, execution_id, visit, approved=True, value=value, **more)


async def reject(box, execution_id, visit="b", comment=""):
    await box.engine.answer(
        TENANT, execution_id, visit, approved=False, comment=comment, by="ada/12345678"
    )


def told(box, execution_id, kind):
    """The details of the entries of a kind."""
    entries = box.reader.journal(execution_id)
    return [json.loads(entry.detail) for entry in entries if entry.kind is kind]


async def finished(box, execution_id):
    """The record of the end, with nothing broken in the store."""
    execution = await box.ended(execution_id)
    await box.disk.finish()
    assert box.broken() == []
    return execution


async def test_a_visit_is_asked_for_once_and_holds_neither_slot_nor_memory(
    make_world, autojump_clock
):
    async with open_box(make_world(ASKED)) as box:
        execution_id = await box.accept(b"x")
        execution = await parked(box, execution_id)
        (pause,) = execution.pauses
        assert (pause.position, pause.expires_ns, execution.wake_ns) == ("b", 0, 0)
        (detail,) = told(box, execution_id, EntryKind.PAUSE_OPENED)
        assert detail["payload"] == {"question": "may it be?"}
        assert detail["pause_id"] == pause_id(execution_id, "b")
        while box.engine.statistics()["attempts"]:
            await trio.sleep(0.001)
        assert [start.alias for start in box.world.nodes.starts] == ["a"]
        assert box.broken() == []


async def test_what_is_approved_goes_on_with_its_own_input(make_world, autojump_clock):
    async with open_box(make_world(ASKED)) as box:
        execution_id = await box.accept(b"x")
        await asked(box, execution_id)
        await approve(box, execution_id, comment="fine", by="ada/12345678")
        assert (await finished(box, execution_id)).status is Status.COMPLETED
        assert box.outputs(execution_id)["b"] == answer("b", answer("a", b"x"))
        (detail,) = told(box, execution_id, EntryKind.PAUSE_RESUMED)
        assert (detail["by"], detail["comment"]) == ("ada/12345678", "fine")


@pytest.mark.parametrize("value", [b"", b"told", b"t" * 200_000], ids=["empty", "small", "large"])
async def test_a_value_that_is_given_becomes_the_input_of_every_call(
    make_world, autojump_clock, value
):
    story = Story(
        paused(flow("a>b b>c", retries={"b": Retry(3, initial_interval_ms=1)}), b=SHOWN),
        {"b": Behaviour(losses=1, stumbles=2)},
    )
    async with open_box(make_world(story)) as box:
        execution_id = await box.accept(b"x")
        await asked(box, execution_id)
        await approve(box, execution_id, value)
        assert (await finished(box, execution_id)).status is Status.COMPLETED
        assert box.outputs(execution_id)["b"] == answer("b", value)
        assert box.kinds(execution_id).count("pause_opened") == 1


async def test_an_answer_is_taken_in_while_another_branch_is_at_work(make_world, autojump_clock):
    story = Story(paused(flow("a>b a>c b>d c>d"), b=SHOWN), {"c": Behaviour("hang")})
    async with open_box(make_world(story)) as box:
        execution_id = await box.accept(b"x")
        assert (await asked(box, execution_id)).status is Status.RUNNING
        await approve(box, execution_id)
        while "b" not in box.outputs(execution_id):
            await trio.sleep(0.001)
        record = box.reader.find_execution(execution_id)
        assert (record.status, record.pauses) == (Status.RUNNING, ())
        assert box.kinds(execution_id).count("execution_claimed") == 1


async def test_one_answer_wakes_an_execution_that_still_waits_for_another(
    make_world, autojump_clock
):
    async with open_box(make_world(two_arms())) as box:
        execution_id = await box.accept(b"x")
        await asked(box, execution_id, "b", "c")
        await parked(box, execution_id)
        await approve(box, execution_id)
        while "b" not in box.outputs(execution_id):
            await trio.sleep(0.001)
        assert [p.position for p in (await parked(box, execution_id)).pauses] == ["c"]
        await approve(box, execution_id, visit="c")
        assert (await finished(box, execution_id)).status is Status.COMPLETED
        assert box.kinds(execution_id).count("pause_opened") == 2


@pytest.mark.parametrize("live", [True, False], ids=["live", "parked"])
@pytest.mark.parametrize("seed", range(8))
async def test_of_answers_that_race_one_counts(make_world, autojump_clock, live, seed):
    behaviours = {"c": Behaviour("hang")} if live else {}
    story = Story(paused(flow("a>b a>c b>d c>d"), b=SHOWN), behaviours)
    async with open_box(make_world(story, seed=seed)) as box:
        execution_id = await box.accept(b"x")
        await (asked if live else parked)(box, execution_id)
        refused = []

        async def say(number):
            try:
                if number % 2:
                    await approve(box, execution_id, b"%d" % number)
                else:
                    await reject(box, execution_id)
            except WrongState as refusal:
                refused.append(refusal)

        async with trio.open_nursery() as nursery:
            for number in range(6):
                nursery.start_soon(say, number)
        assert len(refused) == 5
        kinds = box.kinds(execution_id)
        assert kinds.count("pause_resumed") + kinds.count("pause_rejected") == 1
        await trio.sleep(1)
        goes_on = Status.RUNNING if live else Status.COMPLETED
        record = box.reader.find_execution(execution_id)
        assert record.status is (Status.FAILED if "pause_rejected" in kinds else goes_on)
        await box.disk.finish()
        assert box.broken() == []


async def test_what_is_rejected_fails_without_a_call_or_a_retry(make_world, autojump_clock):
    story = Story(paused(flow("a>b b>c", retries={"b": Retry(5)}), b=SHOWN))
    async with open_box(make_world(story)) as box:
        execution_id = await box.accept(b"x")
        await asked(box, execution_id)
        await reject(box, execution_id, comment="too much")
        execution = await finished(box, execution_id)
        assert (execution.status, execution.pauses) == (Status.FAILED, ())
        failure = execution.failure
        assert (failure.kind, failure.placement, failure.attempts) == ("REJECTED", "b", 0)
        assert failure.message == "rejected by ada/12345678: too much"
        assert "b" not in [start.alias for start in box.world.nodes.starts]


async def test_what_is_rejected_goes_to_its_edge_for_failures(make_world, autojump_clock):
    async with open_box(loose(make_world(rescued(ASKED)))) as box:
        execution_id = await box.accept(b"x")
        await asked(box, execution_id)
        await reject(box, execution_id)
        assert (await finished(box, execution_id)).status is Status.COMPLETED
        assert box.outputs(execution_id)["r"] == answer("r", b"REJECTED of b")


EXPIRED = {
    "CANCEL": (Status.CANCELLED, "CANCELLED"),
    "FAIL": (Status.FAILED, "PAUSE_TIMEOUT"),
    "CONTINUE": (Status.COMPLETED, None),
}


def check_expired(box, execution, policy):
    kind = execution.failure.kind if execution.failure else None
    assert (execution.status, kind) == EXPIRED[policy]
    assert box.kinds(execution.execution_id).count("pause_expired") == 1
    assert execution.pauses == ()


@pytest.mark.parametrize("policy", POLICIES)
async def test_a_pause_that_nobody_answers_expires_while_it_is_parked(
    make_world, autojump_clock, policy
):
    async with open_box(make_world(patient(policy))) as box:
        execution_id = await box.accept(b"x")
        record = await parked(box, execution_id)
        assert record.wake_ns == record.pauses[0].expires_ns
        check_expired(box, await finished(box, execution_id), policy)
        with pytest.raises(WrongState):
            await approve(box, execution_id)


@pytest.mark.parametrize("policy", POLICIES)
async def test_a_pause_expires_while_another_branch_is_at_work(make_world, autojump_clock, policy):
    asks = Hitl(timeout_s=60, timeout_policy=policy)
    story = Story(paused(flow("a>b a>c b>d c>d"), b=asks), {"c": Behaviour("hang")})
    async with open_box(make_world(story)) as box:
        execution_id = await box.accept(b"x")
        await asked(box, execution_id)
        while "pause_expired" not in box.kinds(execution_id):
            await trio.sleep(0.5)
        await box.disk.finish()
        assert box.kinds(execution_id).count("execution_claimed") == 1
        if policy == "CONTINUE":
            while "b" not in box.outputs(execution_id):
                await trio.sleep(0.001)
            await box.engine.cancel(TENANT, execution_id)
        else:
            check_expired(box, await box.ended(execution_id), policy)
        await box.disk.finish()
        assert box.broken() == []


@pytest.mark.parametrize("policy", POLICIES)
async def test_a_pause_that_expires_while_the_box_is_down_is_let_go_by_the_next(
    make_world, autojump_clock, policy
):
    world = make_world(patient(policy))
    async with open_box(world) as box:
        execution_id = await box.accept(b"x")
        await parked(box, execution_id)
    world.clock.advance(DAY_NS)
    async with open_box(world) as box:
        check_expired(box, await finished(box, execution_id), policy)
        assert box.kinds(execution_id).count("execution_claimed") == 2


async def restart_late(world):
    async with open_box(world) as box:
        execution_id = await box.accept(b"x")
        await parked(box, execution_id)
    world.clock.advance(DAY_NS)
    async with open_box(world) as box:
        return await finished(box, execution_id)


@pytest.mark.parametrize("seed", range(6))
def test_what_is_late_is_decided_by_the_first_worker_and_not_parked_again(make_world, seed):
    execution = run_seeded(seed, restart_late, make_world(patient("FAIL"), seed=seed))
    assert execution.attempt == 2


@pytest.mark.parametrize("policy", POLICIES)
async def test_an_answer_that_comes_after_its_time_does_not_count(
    make_world, autojump_clock, policy
):
    world = make_world(patient(policy))
    async with open_box(world) as box:
        execution_id = await box.accept(b"x")
        await parked(box, execution_id)
        while box.engine.statistics()["attempts"]:
            await trio.sleep(0.001)
        # Nothing has looked at the clock yet: the record still says that the pause is open.
        world.clock.advance(DAY_NS)
        with pytest.raises(WrongState, match="has expired"):
            await approve(box, execution_id)
        check_expired(box, await finished(box, execution_id), policy)


async def test_a_pause_is_held_for_a_month_through_restarts(make_world, autojump_clock):
    world = make_world(patient("FAIL", timeout_s=40 * 86_400))
    async with open_box(world) as box:
        execution_id = await box.accept(b"x")
        await parked(box, execution_id)
    for _ in range(3):
        world.clock.advance(10 * DAY_NS)
        async with open_box(world) as box:
            await trio.sleep(100)
            assert box.engine.statistics()["attempts"] == 0
            assert [p.position for p in (await parked(box, execution_id)).pauses] == ["b"]
            assert box.kinds(execution_id).count("execution_claimed") == 1
    async with open_box(world) as box:
        await approve(box, execution_id)
        assert (await finished(box, execution_id)).status is Status.COMPLETED


async def test_the_end_of_an_execution_is_the_end_of_its_pauses(make_world, autojump_clock):
    async with open_box(make_world(two_arms())) as box:
        cancelled, failed = await box.accept(b"x"), await box.accept(b"y")
        for execution_id in (cancelled, failed):
            await asked(box, execution_id, "b", "c")
        await box.engine.cancel(TENANT, cancelled)
        await reject(box, failed, "c")
        for execution_id in (cancelled, failed):
            assert (await finished(box, execution_id)).pauses == ()
            with pytest.raises(WrongState, match="is over"):
                await approve(box, execution_id)


async def test_a_loop_leaves_the_pauses_of_its_last_round_behind_and_asks_anew(
    make_world, autojump_clock
):
    artifact = flow("a>b a>c b>d c>d")
    loop = Edge(artifact.index_of["b"], artifact.entry, loop=True, max_iterations=2)
    looping = attrs.evolve(artifact, edges=(*artifact.edges, loop), graph_id="looping")
    async with open_box(loose(make_world(Story(paused(looping, c=SHOWN))))) as box:
        execution_id = await box.accept(b"x")
        record = await asked(box, execution_id, "c#2")
        assert pause_id(execution_id, "c#2") != pause_id(execution_id, "c")
        with pytest.raises(WrongState, match="is over"):
            await approve(box, execution_id, visit="c")
        record = await parked(box, execution_id)
        assert [pause.position for pause in record.pauses] == ["c#2"]
        await approve(box, execution_id, visit="c#2")
        assert (await finished(box, execution_id)).status is Status.COMPLETED


async def test_items_are_asked_for_one_by_one_within_their_bound(make_world, autojump_clock):
    artifact = paused(flow("a>b b>c"), b=SHOWN)
    placements = list(artifact.placements)
    placements[1] = attrs.evolve(placements[1], fan_out=FanOut("3", max_parallel=2))
    placements[2] = attrs.evolve(placements[2], gathers=True)
    fanned = attrs.evolve(artifact, placements=tuple(placements), graph_id="fanned")
    async with open_box(loose(make_world(Story(fanned)))) as box:
        execution_id = await box.accept(b"x")
        await asked(box, execution_id, "b[0]", "b[1]")
        await parked(box, execution_id)
        await approve(box, execution_id, b"first", visit="b[0]")
        await asked(box, execution_id, "b[1]", "b[2]")
        for visit in ("b[1]", "b[2]"):
            await approve(box, execution_id, visit=visit)
        assert (await finished(box, execution_id)).status is Status.COMPLETED


async def test_what_is_not_asked_cannot_be_answered(make_world, autojump_clock):
    async with open_box(make_world(ASKED)) as box:
        execution_id = await box.accept(b"x")
        await asked(box, execution_id)
        for visit in ("a", "c", "nowhere", "b#2"):
            with pytest.raises(WrongState, match="is over"):
                await approve(box, execution_id, visit=visit)
        with pytest.raises(NotFound):
            await box.engine.answer("somebody else", execution_id, "b", approved=True)


async def test_many_paused_executions_do_not_keep_one_slot_from_others(make_world, autojump_clock):
    one_slot = Physics(settings=EngineSettings(slots=1, drain_s=0, started_delay_ms=1))
    async with open_box(make_world(ASKED), one_slot) as box:
        identities = [await box.accept(b"%d" % number) for number in range(20)]
        for execution_id in identities:
            await parked(box, execution_id)
        for execution_id in identities:
            await approve(box, execution_id)
            assert (await finished(box, execution_id)).status is Status.COMPLETED


@pytest.mark.parametrize("seed", range(8))
def test_a_pause_that_nobody_answered_lets_its_visit_go_once(tmp_path, seed):
    story = attrs.evolve(patient("CONTINUE"), behaviours={"b": Behaviour("hang")})
    world = World(tmp_path, [story])

    async def live():
        async with open_box(world) as box:
            execution = await finished(box, await box.accept(b"x"))
            assert execution.failure.kind == "TIMEOUT"

    run_seeded(seed, live)
    assert [start.alias for start in world.nodes.starts] == ["a", "b"]
