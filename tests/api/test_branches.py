"""What is told of gates: who arrived, who never will, whether the gate opened."""

import pytest
from system.box import User
from system.lab import flow
from worlds.box import World, open_box
from worlds.flows import BRANCHING, Behaviour, Story
from worlds.flows import flow as artifact_of
from worlds.rows import new_execution
from worlds.seeds import run_seeded

from axiomd.api.branches import branch_views
from axiomd.execution.journal import Entry, EntryKind
from axiomd.execution.position import Position
from axiomd.execution.status import Status
from axiomd.flow.artifact import FanOut, Join

STREAMS = artifact_of("s>l s>r l>g r>g", mode="pipeline", streams="s l r")


def told(artifact, status, entries=(), frames=()):
    """The gates by alias: their status, and the status of each arm."""
    views = branch_views(
        artifact,
        new_execution(1, status=status, mode=artifact.mode),
        entries,
        lambda placement: artifact.placements[placement].alias in frames,
    )
    return {
        view["gate"]: (view["status"], {arm["from"]: arm["status"] for arm in view["arms"]})
        for view in views
    }


def of_node(artifact, kind, alias, at_ns=5):
    return Entry(kind, at_ns, Position(artifact.index_of[alias]))


def test_failed_arm_fails_its_gate_and_the_others_are_not_taken():
    artifact = BRANCHING.artifact
    failed = of_node(artifact, EntryKind.NODE_FAILED, "d")
    waiting = {"d": "FAILED", "c": "WAITING", "g": "WAITING"}
    assert told(artifact, Status.RUNNING, [failed]) == {"e": ("WAITING", waiting)}
    over = {"d": "FAILED", "c": "NOT_TAKEN", "g": "NOT_TAKEN"}
    assert told(artifact, Status.FAILED, [failed]) == {"e": ("FAILED", over)}


def test_arm_that_is_tried_again_may_still_come():
    artifact = BRANCHING.artifact
    kinds = (EntryKind.NODE_FAILED, EntryKind.NODE_RETRY_SCHEDULED)
    entries = [of_node(artifact, kind, "d") for kind in kinds]
    (_, arms) = told(artifact, Status.RUNNING, entries)["e"]
    assert set(arms.values()) == {"WAITING"}


def test_arm_from_outside_of_a_loop_has_arrived_in_each_iteration(tmp_path):
    artifact = artifact_of(
        "a>x a>b b>y x>g y>g g>b g>z", edges={"g>b": {"loop": True, "max_iterations": 3}}
    )
    world = World(tmp_path, [Story(artifact)])

    async def live():
        async with open_box(world) as box:
            execution = await box.ended(await box.accept(b"in"))
            journal = box.reader.journal(execution.execution_id)
            return branch_views(artifact, execution, journal, lambda _: 0)

    for gate in run_seeded(1, live):
        assert [arm["status"] for arm in gate["arms"]] == ["ARRIVED", "ARRIVED"]


def test_gate_of_a_cancelled_execution_is_not_taken():
    artifact = BRANCHING.artifact
    edge = artifact.incoming[artifact.index_of["e"]][0]
    gate = Position(artifact.index_of["e"])
    arrived = Entry(EntryKind.GATE_ARRIVED, 5, gate, edge=edge)
    (status, arms) = told(artifact, Status.CANCELLED, [arrived])["e"]
    assert status == "NOT_TAKEN"
    assert sorted(arms.values()) == ["ARRIVED", "NOT_TAKEN", "NOT_TAKEN"]


def test_gate_in_a_loop_is_told_of_each_time_and_names_its_items(tmp_path):
    artifact = artifact_of(
        "a>b b>c c>d a>d d>a d>e",
        edges={"d>a": {"loop": True, "max_iterations": 2}},
        nodes={"b": {"fan_out": FanOut("2")}},
    )
    world = World(tmp_path, [Story(artifact)])

    async def live():
        async with open_box(world) as box:
            execution = await box.ended(await box.accept(b"in"))
            journal = box.reader.journal(execution.execution_id)
            return branch_views(artifact, execution, journal, lambda _: 0)

    first, second = run_seeded(1, live)
    assert [gate["position"] for gate in (first, second)] == ["d", "d#2"]
    for gate in (first, second):
        assert gate["status"] == "OPENED"
        assert sorted(arm["from"] for arm in gate["arms"]) == ["a", "c[0]", "c[1]"]
        assert {arm["status"] for arm in gate["arms"]} == {"ARRIVED"}


def test_arms_that_are_not_taken_or_failed_are_told_apart(tmp_path):
    artifact = artifact_of(
        "a>b a>c a>x b>d c>d x>d d>e",
        edges={"a>c": {"condition": "< 0"}},
        nodes={"d": {"join": Join(failure_policy="TOLERATE_FAILURES")}},
    )
    world = World(tmp_path, [Story(artifact, {"x": Behaviour("fail")})])

    async def live():
        async with open_box(world) as box:
            execution = await box.ended(await box.accept(b"in"))
            journal = box.reader.journal(execution.execution_id)
            return branch_views(artifact, execution, journal, lambda _: 0)

    (gate,) = run_seeded(1, live)
    told = {arm["from"]: arm["status"] for arm in gate["arms"]}
    assert told == {"b": "ARRIVED", "c": "NOT_TAKEN", "x": "FAILED"}
    assert (gate["status"], gate["policy"]) == ("OPENED", "TOLERATE_FAILURES")


@pytest.mark.parametrize(
    ("frames", "completed", "gate", "left", "right"),
    [
        ("", "", "WAITING", "WAITING", "WAITING"),
        ("l", "", "WAITING", "ARRIVED", "WAITING"),
        ("lr", "", "OPENED", "ARRIVED", "ARRIVED"),
        ("l", "r", "OPENED", "ARRIVED", "ARRIVED"),
        ("lrg", "lrg", "OPENED", "ARRIVED", "ARRIVED"),
    ],
)
def test_arm_of_a_pipeline_arrives_with_its_first_frame(frames, completed, gate, left, right):
    # Every pump says that it has started long before anything comes.
    entries = [of_node(STREAMS, EntryKind.NODE_STARTED, alias) for alias in "slrg"]
    entries += [of_node(STREAMS, EntryKind.NODE_COMPLETED, alias) for alias in completed]
    assert told(STREAMS, Status.RUNNING, entries, frames) == {"g": (gate, {"l": left, "r": right})}


@pytest.mark.parametrize(
    ("frames", "completed", "gate", "left", "right"),
    [
        ("", "", "WAITING", "WAITING", "WAITING"),
        ("", "l", "WAITING", "NOT_TAKEN", "WAITING"),
        ("r", "l", "OPENED", "NOT_TAKEN", "ARRIVED"),
        ("lr", "lr", "OPENED", "ARRIVED", "ARRIVED"),
    ],
)
def test_xor_gate_of_a_pipeline_opens_with_its_first_frame(frames, completed, gate, left, right):
    streams = artifact_of("s>l s>r l>g r>g", mode="pipeline", streams="s l r", xor="g")
    entries = [of_node(streams, EntryKind.NODE_COMPLETED, alias) for alias in completed]
    assert told(streams, Status.RUNNING, entries, frames) == {"g": (gate, {"l": left, "r": right})}


def test_arm_of_a_pipeline_that_fails_has_failed_whatever_it_sent():
    failed = of_node(STREAMS, EntryKind.NODE_TIMED_OUT, "l")
    assert told(STREAMS, Status.FAILED, [failed], "l") == {
        "g": ("FAILED", {"l": "FAILED", "r": "NOT_TAKEN"})
    }


def test_branches_of_a_failed_execution_wait_for_nothing(user: User, graph):
    graph_id = graph(
        flow(
            "failing-arm",
            {"ask": "Echo", "bad": "Fail", "slow": "Nap", "meet": "Echo"},
            ("ask bad", "ask slow", "bad meet", "slow meet"),
        )
    )
    identity = user.accepted(graph_id, {"count": 20, "text": "luck"})
    assert user.ended(identity)["status"] == "FAILED"
    (branch,) = user.execution(identity, "/branches")["branches"]
    assert (branch["status"], branch["opened_at"]) == ("FAILED", None)
    arms = {arm["from"]: (arm["status"], arm["at"] is not None) for arm in branch["arms"]}
    assert arms == {"bad": ("FAILED", True), "slow": ("NOT_TAKEN", False)}


@pytest.mark.parametrize("kind", ["AND", "XOR"])
def test_branches_of_a_pipeline_open(user: User, graph, kind):
    meet = {"node": "Twice", "config": {"join": {"kind": kind}}}
    graph_id = graph(
        flow(
            f"meeting-{kind.lower()}",
            {"split": "Split", "left": "Twice", "right": "Twice", "meet": meet},
            ("split left", "split right", "left meet", "right meet"),
        )
    )
    identity = user.streamed(graph_id, {"count": 2})[0].data["execution_id"]
    (branch,) = user.execution(identity, "/branches")["branches"]
    assert (branch["kind"], branch["status"]) == (kind, "OPENED")
    assert branch["opened_at"]
    nodes = user.get(f"/app/v1/artifacts/{graph_id}")["nodes"]
    assert [node["join"] and node["join"]["kind"] for node in nodes] == [None, None, None, kind]
    assert all(arm["status"] == "ARRIVED" and arm["at"] for arm in branch["arms"])
