"""A store that a version of format 2 wrote, byte by byte: it opens, holds, and goes on.

`format_2.txt` was written by that version, in the middle of its work: the names of its tables, then
a row on each line. Of its executions one sleeps until a retry while an arm waits at a gate, one is
at a node that must run once, one streamed through an XOR gate and has ended, one still streams.
"""

from pathlib import Path

import pytest
import trio
from worlds.box import World, open_box
from worlds.flows import TENANT, Behaviour, Story, answer
from worlds.invariants import broken_invariants, rows, stored_executions
from worlds.old_format import write_store

from axiomd.execution.status import Status
from axiomd.settings import StoreSettings
from axiomd.store import keys, upgrade
from axiomd.store.env import FORMAT, open_store
from axiomd.store.reader import Reader

ROWS = Path(__file__).with_name("format_2.txt")
SETTINGS = StoreSettings(sync=False)
SLEEPING, DOUBTFUL = "01OLDSLEEPING0000000000000", "01OLDDOUBTFUL0000000000000"
MIXING, STUCK = "01OLDMIXING000000000000000", "01OLDSTUCK0000000000000000"


@pytest.fixture
def old(tmp_path):
    """A data directory as that version has left it."""
    (tmp_path / "blobs").mkdir()
    write_store(tmp_path, ROWS.read_text().splitlines())
    return tmp_path


def upgraded(directory):
    """Brings it to today's format; its artifacts."""
    with open_store(SETTINGS, directory, upgrade=upgrade.upgrade) as store:
        assert dict(rows(store, keys.META))[b"format"] == str(FORMAT).encode()
        reader = Reader(store)
        names = (SLEEPING, DOUBTFUL, MIXING, STUCK)
        artifacts = {name: reader.artifact(TENANT, name) for name in names}
        assert sound(broken_invariants(store, directory / "blobs", artifacts))
        return artifacts


def sound(findings):
    """Whether nothing is wrong but that the packages of test nodes were never pushed."""
    return all("it pins the package content" in finding for finding in findings)


def test_what_it_held_is_held(old):
    artifacts = upgraded(old)
    retry = artifacts[SLEEPING].placements[1].retry
    assert (retry.max_attempts, retry.initial_interval_ms) == (2, 900_000)
    assert artifacts[MIXING].is_xor_gate(artifacts[MIXING].index_of["x"])
    assert artifacts[DOUBTFUL].placements[1].once
    with open_store(SETTINGS, old) as store:
        found = {one.graph_id: one for one in stored_executions(store)}
        assert {name: one.status for name, one in found.items()} == {
            SLEEPING: Status.WAITING_ON_GATE,
            DOUBTFUL: Status.RUNNING,
            MIXING: Status.COMPLETED,
            STUCK: Status.RUNNING,
        }
        kinds = [e.kind.wire for e in Reader(store).journal(found[SLEEPING].execution_id)]
        assert kinds[-4:] == [
            "gate_arrived",
            "node_failed",
            "node_retry_scheduled",
            "execution_parked",
        ]


async def test_what_it_worked_on_goes_on(old, autojump_clock):
    artifacts = upgraded(old)
    streams = {"s": Behaviour(fan=3), "t": Behaviour(rest=1)}
    world = World(old, [Story(artifact, streams) for artifact in artifacts.values()])
    async with open_box(world) as box:
        by_graph = {one.graph_id: one.execution_id for one in stored_executions(box.store)}
        sleeping = await box.ended(by_graph[SLEEPING])
        assert sleeping.status is Status.COMPLETED
        out = box.outputs(sleeping.execution_id)
        assert out["a"] == answer("a", b"sleeping")
        assert out["d"] == answer("d", out["b"] + out["c"])
        doubtful = await box.reached(by_graph[DOUBTFUL], lambda one: bool(one.doubts))
        await box.engine.settle(TENANT, doubtful.execution_id, "b", b"done", "{}")
        assert (await box.ended(doubtful.execution_id)).status is Status.COMPLETED
        assert (await box.ended(by_graph[STUCK])).status is Status.COMPLETED
        frames = box.frames(by_graph[STUCK])
        assert frames["s"] == [answer("s", b"stuck", number) for number in range(3)]
        with trio.fail_after(10):
            await box.disk.finish()
        assert sound(box.broken())
