"""`kill -9` of the box at random instants under load: nothing accepted is lost or done twice.

One integer decides the instants. Clients behave as clients should: they repeat a request with its
Idempotency-Key until it is answered, and go on with a stream behind the last frame they have.
"""

import datetime
import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest
from system.box import Box, Event, Pids, User, events
from system.lab import NUMBERS, STEPS

SEED = 20_260_301
KILLS = 22
FRAMES = 60
DEAD_WITHIN_S = 1.0
PATIENCE_S = 60.0

TEXT = "one two three four "
TOTALS = [str(total) for total in itertools.accumulate(2 * number for number in range(FRAMES))]

Troubles = httpx.TransportError


@attrs.define
class Load:
    """Clients that keep a box busy, and what they were told."""

    box: Box
    steps: str
    numbers: str
    log: Path
    stopping: threading.Event = attrs.field(factory=threading.Event)
    unary: dict[str, set[str]] = attrs.field(factory=dict)
    """Idempotency-Key to the execution IDs answered for it."""
    outputs: list[str] = attrs.field(factory=list)
    streams: list[list[Event]] = attrs.field(factory=list)
    faults: list[BaseException] = attrs.field(factory=list)
    _names: Any = attrs.field(factory=itertools.count)

    def start(self, unary: int, streams: int) -> list[threading.Thread]:
        """Threads of clients, started."""
        clients = [self._ask] * unary + [self._follow] * streams
        threads = [threading.Thread(target=self._loop, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        return threads

    def _loop(self, client: Callable[[User, str], None]) -> None:
        try:
            with self.box.client() as user:
                while not self.stopping.is_set():
                    client(user, f"request {next(self._names)}")
        except BaseException as fault:  # noqa: BLE001 - reported by the test
            self.faults.append(fault)

    def _ask(self, user: User, key: str) -> None:
        """One unary request, repeated until it is answered with its result."""
        given = {"log": str(self.log), "ms": 15}
        identities = self.unary.setdefault(key, set())
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                answer = user.invoke(self.steps, given, wait=True, headers={"Idempotency-Key": key})
            except Troubles:
                time.sleep(0.02)
                continue
            if answer.status_code == 503:
                continue
            body = answer.json()
            identities.add(body["execution_id"])
            assert body["result"]["success"], body
            self.outputs.append(body["result"]["output"]["text"])
            return
        raise AssertionError(f"{key} was never answered")

    def _follow(self, user: User, key: str) -> None:
        """One stream, taken up again where it broke until its closing frame."""
        got: list[Event] = []
        deadline = time.monotonic() + PATIENCE_S
        while not (got and got[-1].data["is_final"]):
            assert time.monotonic() < deadline, f"{key} never closed, {len(got)} frames"
            try:
                self._read_on(user, key, got)
            except Troubles:
                time.sleep(0.02)
        self.streams.append(got)

    def _read_on(self, user: User, key: str, got: list[Event]) -> None:
        if got:
            identity = got[0].data["execution_id"]
            path = f"/invocations/v1/executions/{identity}/stream"
            headers = {"Last-Event-ID": str(got[-1].id)}
            opened = user.http.stream("GET", path, headers=headers)
        else:
            given = {"count": FRAMES, "ms": 3}
            headers = {"Idempotency-Key": key}
            opened = user.stream(self.numbers, given, headers=headers)
        with opened as answer:
            if answer.status_code == 503:
                return
            assert answer.status_code == 200, answer.read()
            for event in events(answer):
                assert event.data.get("timed_out") is None
                got.append(event)


def kill_and_restart(box: Box, chance: random.Random) -> int:
    """Kill the box and start it again without a pause; kills made."""
    kills = 0
    with Pids(box.node_pids()) as nodes:
        box.kill()
        kills += 1
        killed_at = time.monotonic()
        box.process = box.launch()
        assert nodes.all_dead_within(killed_at + DEAD_WITHIN_S - time.monotonic())
        if chance.random() < 0.25:
            # Recovery itself is killed, somewhere on its way.
            time.sleep(chance.uniform(0.2, 0.7))
            box.kill()
            kills += 1
            box.process = box.launch()
        box.wait_started()
        assert not nodes.alive(), "node processes of the killed box run beside the new one"
    return kills


def snapshot(user: User) -> dict[tuple[str, str], Any]:
    """Checkpoints of a few executions that are on their way."""
    running = user.get("/invocations/v1/executions?status=RUNNING&flow=acme/steps&limit=3")
    return {
        (row["execution_id"], point["placement"]): point
        for row in running["executions"]
        for point in user.execution(row["execution_id"], "/checkpoints")["checkpoints"]
    }


@pytest.fixture
def load(open_box, tmp_path: Path) -> Load:
    box = open_box()
    with box.client() as user:
        return Load(box, user.compile(STEPS), user.compile(NUMBERS), tmp_path / "calls")


def test_box_killed_at_random_instants_loses_nothing_and_repeats_nothing(load: Load):
    box, chance = load.box, random.Random(SEED)
    undisturbed = undisturbed_frames(load)
    threads = load.start(unary=4, streams=3)
    seen: dict[tuple[str, str], Any] = {}
    kills = 0
    try:
        while kills < KILLS:
            time.sleep(chance.uniform(0.0, 0.35))
            with box.client() as user:
                seen |= snapshot(user)
            kills += kill_and_restart(box, chance)
    finally:
        load.stopping.set()
        for thread in threads:
            thread.join(PATIENCE_S)
    assert not load.faults, load.faults
    check_unary(load, seen)
    assert load.streams
    for got in load.streams:
        assert [event.id for event in got] == [str(index) for index in range(FRAMES + 1)]
        assert [event.data["payload"] for event in got[:-1]] == undisturbed
        assert got[-1].data["success"]


def undisturbed_frames(load: Load) -> list[Any]:
    with load.box.client() as user:
        got = user.streamed(load.numbers, {"count": FRAMES, "ms": 0})
    assert [event.data["payload"]["number"] for event in got[:-1]] == TOTALS
    return [event.data["payload"] for event in got[:-1]]


def check_unary(load: Load, seen: dict[tuple[str, str], Any]) -> None:
    """Every accepted execution has completed under its one ID; completed nodes ran no more."""
    assert load.outputs
    assert set(load.outputs) == {TEXT}
    assert all(len(identities) == 1 for identities in load.unary.values())
    calls = read_calls(load.log)
    attempts: Counter[int] = Counter()
    with load.box.client() as user:
        found = listed(user, "flow=acme/steps")
        assert {row["execution_id"] for row in found} == set().union(*load.unary.values())
        for row in found:
            assert row["status"] == "COMPLETED", row
            attempts[row["attempt"]] += 1
            points = user.execution(row["execution_id"], "/checkpoints")["checkpoints"]
            assert [point["placement"] for point in points] == TEXT.split()
            for point in points:
                visit = (row["execution_id"], point["placement"])
                assert seen.get(visit, point) == point, "a checkpoint changed"
                check_calls(point, calls.pop(visit))
    assert not calls, "a node ran for an execution that nobody was told of"
    assert len(seen) > 10
    assert sum(attempts.values()) > attempts[1], "no kill hit an execution on its way"


def check_calls(point: dict[str, Any], calls: list[tuple[str, int, int]]) -> None:
    """No call of this visit began after its checkpoint; all had one effect key."""
    completed = datetime.datetime.fromisoformat(point["completed_at"]).timestamp()
    assert len({effect_key for effect_key, _, _ in calls}) == 1
    last = max(began_ns for _, _, began_ns in calls) / 1e9
    assert last <= completed + 0.002, "a completed node ran again"


def read_calls(log: Path) -> dict[tuple[str, str], list[tuple[str, int, int]]]:
    """(execution, placement) to the calls that were made: effect key, attempt, time."""
    calls: dict[tuple[str, str], list[tuple[str, int, int]]] = {}
    for line in log.read_text().splitlines():
        execution, placement, effect_key, attempt, began_ns = line.split()
        calls.setdefault((execution, placement), []).append(
            (effect_key, int(attempt), int(began_ns))
        )
    return calls


def listed(user: User, query: str) -> list[dict[str, Any]]:
    """Every page of the list."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = user.get(f"/invocations/v1/executions?{query}{cursor}")
        found += page["executions"]
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"
