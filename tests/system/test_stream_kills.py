"""`kill -9` at every frame boundary of chains that branch and meet: the client cannot tell.

Of node processes (by their own hand, at a frame), of the processes that fork them, and of the box
(both while the client has a given number of frames), with an AND gate and with an XOR gate.
"""

import itertools
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from system.box import Box, running
from system.frames import KINDS, PLACEMENTS, Reading, check, deaths, prepare
from system.test_node_processes import parent, zygotes

COUNT = 4
"""Items of the source in small cases."""
XOR_FRAMES = 2 * COUNT


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with running(tmp_path_factory.mktemp("streams") / "data") as box:
        yield box


@pytest.fixture(scope="module")
def graphs(box: Box) -> dict[str, str]:
    return prepare(box)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("placement", PLACEMENTS)
def test_node_that_dies_at_any_frame_changes_nothing(box, graphs, tmp_path: Path, kind, placement):
    for origin in range(COUNT):
        due = tmp_path / str(origin)
        given = {"count": COUNT, "deaths": deaths(due, (placement, origin))}
        reading = Reading(box, graphs[kind], given, f"{kind} {placement} {origin}")
        check(kind, COUNT, reading.read())
        assert not list(due.iterdir()), "nobody died"
        assert not reading.breaks


@pytest.mark.parametrize("kind", KINDS)
def test_nodes_that_die_one_after_another_change_nothing(box, graphs, tmp_path: Path, kind):
    due = list(itertools.product(PLACEMENTS, range(COUNT)))
    given = {"count": COUNT, "deaths": deaths(tmp_path / "due", *due)}
    check(kind, COUNT, Reading(box, graphs[kind], given, f"{kind} all").read())
    assert not list((tmp_path / "due").iterdir())


def kill_zygotes(box: Box) -> None:
    for pid in zygotes(box):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("kind", KINDS)
def test_all_nodes_of_a_package_that_die_at_any_frame_change_nothing(box, graphs, kind):
    for frame in range(1, XOR_FRAMES if kind == "XOR" else COUNT):

        def kill(count: int, frame: int = frame) -> None:
            if count == frame:
                kill_zygotes(box)

        given = {"count": COUNT, "ms": 3}
        reading = Reading(box, graphs[kind], given, f"{kind} zygote {frame}", kill)
        check(kind, COUNT, reading.read())


def kill_box(box: Box) -> None:
    box.kill()
    box.process = box.launch()
    box.wait_started()


def test_box_that_dies_at_any_frame_changes_nothing(box, graphs):
    """Two clients at a time; the box dies when that of the XOR chain has so many frames."""
    breaks = 0
    for frame in range(XOR_FRAMES + 1):
        reached = threading.Event()

        def on_frames(count: int, frame: int = frame, reached: threading.Event = reached) -> None:
            if count >= frame:
                reached.set()

        given = {"count": COUNT, "ms": 5}
        xor = Reading(box, graphs["XOR"], given, f"XOR box {frame}", on_frames)
        plain = Reading(box, graphs["AND"], given, f"AND box {frame}")
        threads = [xor.start(), plain.start()]
        if frame:
            assert reached.wait(20)
        kill_box(box)
        for thread in threads:
            thread.join()
        assert (xor.fault, plain.fault) == (None, None)
        check("XOR", COUNT, xor.got)
        check("AND", COUNT, plain.got)
        breaks += xor.breaks
    assert breaks >= COUNT, "the box died only when all was over"


def test_generator_that_differs_when_it_runs_again_loses_to_the_record(box, graphs, tmp_path: Path):
    given = {"count": 6, "ms": 20, "deaths": deaths(tmp_path / "due", ("fickle", 4))}
    *frames, closing = Reading(box, graphs["fickle"], given, "fickle").read()
    assert closing.data["success"]
    pids = [event.data["payload"]["value"] for event in frames]
    recorded = pids.index(pids[-1])
    assert 1 <= recorded <= 4
    assert pids == [pids[0]] * recorded + [pids[-1]] * (6 - recorded)
    identity = closing.data["execution_id"]
    with box.client() as user:
        told = user.execution(identity, "/events?kind=node_diverged")["events"]
    assert [event["detail"]["frame_index"] for event in told] == list(range(recorded))


# -- long ones, by a seed ---------------------------------------------------------------------


def kill_something(box: Box, chance: random.Random, *, box_dies: bool) -> str:
    """The box, or of the processes that fork and of those that work any."""
    if box_dies:
        kill_box(box)
        return "box"
    forking = zygotes(box)
    if chance.random() < 0.15:
        kill_zygotes(box)
        return "zygote"
    working = sorted(pid for pid in box.node_pids() - forking if parent(pid) in forking)
    if working:
        with suppress(ProcessLookupError):
            os.kill(chance.choice(working), signal.SIGKILL)
    return "node"


def read_through_kills(
    box: Box, graphs: dict[str, str], seed: int, count: int, box_kills: int, pause_s: float
) -> dict[str, int]:
    """Both chains, `count` items each, under random kills until they have ended; the kills.

    pause_s: the longest between two. A generator reads all its inputs again after each loss of
    it; ten that come faster than that are the end of it.
    """
    chance = random.Random(seed)
    given = {"count": count, "ms": 1}
    readings = {kind: Reading(box, graphs[kind], given, f"{kind} {seed}") for kind in KINDS}
    threads = [reading.start() for reading in readings.values()]
    kills = {"box": 0, "zygote": 0, "node": 0}
    while any(thread.is_alive() for thread in threads):
        time.sleep(chance.uniform(0.05, pause_s))
        # The box dies early, so that a quick machine meets all of its deaths too.
        box_dies = sum(kills.values()) % 3 == 1 and kills["box"] < box_kills
        kills[kill_something(box, chance, box_dies=box_dies)] += 1
    for kind, reading in readings.items():
        assert reading.fault is None, (seed, kind, reading.fault)
        check(kind, count, reading.got)
    return kills


def test_long_streams_survive_random_kills(box, graphs):
    kills = read_through_kills(box, graphs, 20_261_124, count=1_200, box_kills=3, pause_s=0.4)
    assert kills["box"] == 3
    assert kills["node"] > 5


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(12))
def test_longer_streams_survive_more_of_them(box, graphs, seed):
    kills = read_through_kills(box, graphs, seed, count=6_000, box_kills=6, pause_s=2.0)
    assert kills["box"] >= 2
    assert kills["node"] > 5
