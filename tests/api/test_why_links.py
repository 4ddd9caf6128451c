"""Why an execution is not further: each link with its word and its facts, for every status."""

import attrs
import pytest
import trio
from worlds.box import open_box
from worlds.flows import (
    ASKING,
    NESTING,
    STREAMING,
    TENANT,
    UNDOING,
    Behaviour,
    Story,
    flow,
    nesting,
    paused,
)

from axiomd.api.why_links import Around, Queue, why_links
from axiomd.execution.execution import Debug, Ending
from axiomd.execution.status import Residence, Status
from axiomd.flow.artifact import FanOut, Hitl, Join, Retry
from axiomd.runners.builds import EnvironmentState

QUEUE = Queue(ahead=2, slots=8, slots_used=8, limited=False, draining=False, recovering=False)
SLOW = Retry(3, initial_interval_ms=60_000)


def around(box, identity, **changes):
    def child(child_id):
        return tuple(links(box, child_id))

    known = {
        "queue": QUEUE,
        "environment": lambda _: EnvironmentState("READY", "lock"),
        "waits_for_process": lambda _: False,
        "child": child,
        "frames": lambda placement: box.reader.frame_count(identity, placement),
    }
    return Around(**known | changes)


def links(box, identity, **changes):
    execution = box.reader.find_execution(identity)
    journal = box.reader.journal(identity)
    artifact = box.artifact_of(identity)
    return why_links(execution, artifact, journal, around(box, identity, **changes))


def words(found):
    """The chain as nested words: `gate[arm[retry]]`."""
    return " ".join(link.what + (f"[{words(link.why)}]" if link.why else "") for link in found)


async def reached(box, *wanted, payload=b"in", residence=None, **more):
    """An execution of the world's story, once it has one of these statuses."""
    artifact = box.world.story.artifact
    identity = (await box.engine.accept(artifact, payload, **more)).execution_id

    def there(execution):
        fits = residence is None or execution.residence is residence
        return execution.status in wanted and fits

    await box.reached(identity, there)
    return identity


async def test_what_runs_names_its_calls_and_their_time(make_world, autojump_clock):
    story = Story(flow("a>b a>c b>d c>d"), {"b": Behaviour("hang"), "c": Behaviour("hang")})
    async with open_box(make_world(story)) as box:
        identity = await reached(box, Status.RUNNING)
        await trio.sleep(1)
        one, other = links(box, identity)
        assert (one.what, other.what) == ("node_call", "node_call")
        assert (one.facts["position"], other.facts["position"]) == ("b", "c")
        assert one.facts["node"] == "Plain"
        assert one.facts["attempt"] == 1
        assert one.facts["timeout_seconds"] == 300
        assert one.facts["started_at"].startswith("2026-01-01T")


@pytest.mark.parametrize(
    ("status", "word"), [("BUILDING", "environment"), ("READY", "node_process")]
)
async def test_a_call_that_no_node_has_says_what_is_before_it(
    make_world, autojump_clock, status, word
):
    async with open_box(make_world(Story(flow("a>b"), {"a": Behaviour("hang")}))) as box:
        identity = await reached(box, Status.RUNNING)
        await trio.sleep(1)
        state = EnvironmentState(status, "lock")
        found = links(box, identity, waits_for_process=lambda _: True, environment=lambda _: state)
        assert words(found) == f"node_call[{word}]"
        assert not box.engine.waits_for_process(identity, box.reader.journal(identity)[-1].position)


async def test_a_retry_names_its_time_and_its_error(make_world, autojump_clock):
    story = Story(flow("a>b", retries={"a": SLOW}), {"a": Behaviour(stumbles=1)})
    async with open_box(make_world(story)) as box:
        identity = await reached(box, Status.RUNNING, residence=Residence.PARKED)
        (link,) = links(box, identity)
        assert link.what == "retry"
        assert link.facts["error"] == {"kind": "NODE_ERROR", "message": "KeyError: 'stumbled'"}
        assert (link.facts["position"], link.facts["attempt"]) == ("a", 2)
        assert link.facts["due_at"] >= "2026-01-01T00:01"


async def test_a_gate_names_the_arms_that_miss_and_what_each_waits_for(make_world, autojump_clock):
    # b holds up its own way to the gate, c stands before an inner gate that x holds up.
    story = Story(
        flow("a>b a>c a>x c>g x>g b>d g>d a>d", retries={"b": SLOW, "x": SLOW}),
        {"b": Behaviour(stumbles=1), "x": Behaviour(stumbles=1)},
    )
    async with open_box(make_world(story)) as box:
        identity = await reached(box, Status.WAITING_ON_GATE)
        (outer,) = links(box, identity)
        assert words([outer]) == "gate[arm[retry] arm[gate[arm[retry]]]]"
        assert outer.facts["gate"] == "d"
        assert outer.facts["arrived"] == ["a"]
        assert outer.facts["missing"] == ["b", "g"]
        by_b, by_g = outer.why
        assert by_b.why[0].facts["position"] == "b"
        assert by_g.why[0].facts["missing"] == ["x"]
        assert outer.sentence == "The gate d waits for b and g."


async def test_items_that_a_gate_gathers_are_its_arms(make_world, autojump_clock):
    story = Story(
        flow(
            "a>b b>c",
            nodes={"b": {"fan_out": FanOut("3", 1)}, "c": {"gathers": True}},
            retries={"b": SLOW},
        ),
        {"b": Behaviour("hang")},
    )
    async with open_box(make_world(story)) as box:
        identity = await reached(box, Status.RUNNING)
        await trio.sleep(1)
        found = links(box, identity)
        assert words(found) == "node_call fan_out"
        assert found[1].facts == {"position": "b", "items": 3, "waiting": 2, "max_parallel": 1}


async def test_a_gate_with_a_time_says_until_when(make_world, autojump_clock):
    story = Story(
        flow("a>b a>c b>d c>d", retries={"c": SLOW}, nodes={"d": {"join": Join(timeout_s=7_200)}}),
        {"c": Behaviour(stumbles=1)},
    )
    async with open_box(make_world(story)) as box:
        identity = await reached(box, Status.WAITING_ON_GATE)
        (gate,) = links(box, identity)
        assert gate.facts["until"] > "2026-01-01T02:00"
        assert gate.facts["until"] in gate.sentence


async def test_a_pause_and_a_doubt_wait_for_a_person(make_world, autojump_clock):
    artifact = flow("a>b a>c b>d c>d", once="c")
    story = Story(paused(artifact, b=Hitl(timeout_s=86_400)), {"c": Behaviour(crashes=1)})
    async with open_box(make_world(story)) as box:
        identity = await reached(box, Status.PAUSED_HITL)
        pause, doubt = links(box, identity)
        assert (pause.what, doubt.what) == ("pause", "in_doubt")
        (stored,) = box.reader.find_execution(identity).pauses
        assert pause.facts["position"] == stored.position == "b"
        assert pause.facts["until"] > "2026-01-02"
        assert (doubt.facts["position"], bool(doubt.facts["reason"])) == ("c", True)


async def test_what_a_debug_session_holds_is_held(make_world, autojump_clock):
    async with open_box(make_world(Story(flow("a>b")))) as box:
        identity = await reached(box, Status.DEBUG_PAUSED, debug=Debug("pause"))
        (link,) = links(box, identity)
        assert (link.what, link.facts["position"]) == ("held", "a")


async def test_a_child_has_what_it_waits_for_itself_below_it(make_world, autojump_clock):
    inner = Story(flow("p>q", retries={"p": SLOW}), {"p": Behaviour(stumbles=1)})
    middle = nesting("m>n", {"n": inner})
    async with open_box(make_world(nesting("a>s", {"s": middle}))) as box:
        identity = await reached(box, Status.RUNNING, residence=Residence.PARKED)
        with trio.fail_after(600):
            while words(links(box, identity)) != "child[child[retry]]":
                await trio.sleep(0.01)
        (child,) = links(box, identity)
        assert box.reader.find_execution(child.facts["execution_id"]).parent_id == identity


async def test_a_failure_of_a_child_is_followed_down_to_its_node(make_world, autojump_clock):
    story = nesting("a>s", {"s": Story(flow("p>q"), {"q": Behaviour("fail")})})
    async with open_box(make_world(story)) as box:
        identity = await reached(box, Status.FAILED)
        (failed,) = links(box, identity)
        assert words([failed]) == "failed[child[failed]]"
        assert failed.facts["kind"] == "SUBFLOW_FAILED"
        assert failed.why[0].why[0].facts["placement"] == "q"


async def test_a_compensation_names_the_step_that_is_made(make_world, autojump_clock):
    behaviours = {**UNDOING.behaviours, "undo-c": Behaviour("hang")}
    async with open_box(make_world(attrs.evolve(UNDOING, behaviours=behaviours))) as box:
        identity = await reached(box, Status.COMPENSATING)
        await trio.sleep(100)
        (link,) = links(box, identity)
        assert words([link]) == "compensation[undo_step]"
        assert (link.facts["steps"], link.facts["ends_as"]) == (3, "FAILED")
        assert link.facts["reason"].startswith("e: ")
        assert link.why[0].facts["node"].startswith("undo-")


async def test_who_cancelled_is_told_and_a_child_names_its_parent(make_world, autojump_clock):
    story = nesting("a>s", {"s": Story(flow("p"), {"p": Behaviour("hang")})})
    async with open_box(make_world(story)) as box:
        identity = await reached(box, Status.RUNNING, residence=Residence.PARKED)
        (child_id,) = box.reader.find_execution(identity).children
        await box.engine.cancel(TENANT, identity, "ada/12345678")
        (link,) = links(box, identity)
        assert (link.what, link.facts["by"]) == ("cancelled", "ada/12345678")
        assert link.sentence == "It was cancelled: by ada/12345678."
        (below,) = links(box, child_id)
        assert (below.what, below.facts["parent_id"]) == ("cancelled", identity)


async def test_who_asked_to_undo_is_told_until_the_end(make_world, autojump_clock):
    story = Story(
        flow("a>b", compensate={"a": "undo-a"}),
        {"b": Behaviour("hang"), "undo-a": Behaviour(stumbles=0)},
    )
    async with open_box(make_world(story)) as box:
        identity = await reached(box, Status.RUNNING)
        await trio.sleep(1)
        await box.engine.compensate(TENANT, identity, "ada/12345678")
        await box.ended(identity)
        (link,) = links(box, identity)
        assert (link.what, link.facts["by"]) == ("cancelled", "ada/12345678")


async def test_a_pipeline_names_every_node_that_is_at_work(make_world, autojump_clock):
    behaviours = {**STREAMING.behaviours, "m": Behaviour("hang")}
    async with open_box(make_world(attrs.evolve(STREAMING, behaviours=behaviours))) as box:
        identity = await reached(box, Status.RUNNING)
        await trio.sleep(1)
        found = links(box, identity)
        # Two more are started, and wait for frames that come from it.
        assert words(found) == "gate[arm[node_call]] node_call node_call"
        gate, mapped, generator = found
        (call,) = gate.why[0].why
        assert (gate.facts["missing"], call.facts["position"]) == (["m"], "m")
        assert call.facts["frames"] == 0
        assert "a call of it may take 300 s" in mapped.sentence
        assert "it may be silent for 300 s" in generator.sentence


async def test_an_execution_that_completed_says_so(make_world, autojump_clock):
    async with open_box(make_world(NESTING)) as box:
        identity = await reached(box, Status.COMPLETED)
        assert words(links(box, identity)) == "completed"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "all 8 slots are used, and it is number 3 in the queue"),
        ({"ahead": None}, "all 8 slots are used, and it is far behind in the queue"),
        ({"slots_used": 7, "ahead": 0}, "it is number 1 in the queue, and about to be taken"),
        ({"limited": True}, "a limit of its tenant lets no more of them work"),
        ({"draining": True}, "the box is stopping"),
        ({"recovering": True}, "the box has just started"),
    ],
)
async def test_what_is_queued_knows_its_place(make_world, autojump_clock, changes, sentence):
    async with open_box(make_world(ASKING)) as box:
        identity = await reached(box, Status.PAUSED_HITL)
        execution = attrs.evolve(box.reader.find_execution(identity), status=Status.QUEUED)
        queue = attrs.evolve(QUEUE, **changes)
        artifact = box.artifact_of(identity)
        (link,) = why_links(execution, artifact, [], around(box, identity, queue=queue))
        assert link.what == "queue"
        assert sentence in link.sentence


async def test_a_failure_says_what_an_execution_failed_of(make_world, autojump_clock):
    async with open_box(make_world(Story(flow("a>b"), {"b": Behaviour("fail")}))) as box:
        identity = await reached(box, Status.FAILED)
        (link,) = links(box, identity)
        failure = box.reader.find_execution(identity).failure
        assert failure == Ending(
            link.facts["kind"], link.facts["message"], "b", attempts=link.facts["attempts"]
        )
        assert failure.message in link.sentence
