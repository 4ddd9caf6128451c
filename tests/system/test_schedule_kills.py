"""A real box that fires every second, through `kill -9`: executions against due times."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import get_args

from system.box import Box, User, running
from system.conftest import OpenBox
from system.lab import compiled, single

from axiomd.clock import NS_PER_S, parse_rfc3339
from axiomd.execution.schedules import CatchUp, Schedule
from axiomd.store.timetable import Timetable

ROOT = "/app/v1/schedules"
OFF_S = 2.5


def create(user: User, graph_id: str, **more: object) -> str:
    body = {"name": "tick", "graph_id": graph_id, "every_seconds": 1, **more}
    made = user.http.post(ROOT, json=body)
    assert made.status_code == 201, made.text
    identity: str = made.json()["schedule_id"]
    return identity


def times_of(user: User, schedule_id: str) -> list[int]:
    """Which of its times were fired, by their number; each of them once."""
    schedule = user.get(f"{ROOT}/{schedule_id}")
    path = f"/invocations/v1/executions?schedule_id={schedule_id}&limit=1000"
    fired = sorted(parse_rfc3339(one["scheduled_at"]) for one in user.get(path)["executions"])
    assert len(fired) == len(set(fired)), "a time was fired twice"
    created_ns = parse_rfc3339(schedule["created_at"])
    return [round((ns - created_ns) / NS_PER_S) for ns in fired]


def reached(user: User, schedule_id: str, number: int, within_s: float = 30.0) -> None:
    """Return once this time of it was fired, or a later one."""
    deadline = time.monotonic() + within_s
    while max(found := times_of(user, schedule_id), default=0) < number:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def pause(user: User, schedule_id: str) -> list[int]:
    """All its times, now that no more of them come."""
    assert user.http.post(f"{ROOT}/{schedule_id}/pause").status_code == 200
    return times_of(user, schedule_id)


def is_gapless(numbers: list[int]) -> bool:
    return numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_every_absence_is_made_up_for_as_the_policy_says(open_box: OpenBox):
    box = open_box()
    with box.client() as user:
        graph_id = compiled(box, single("Echo"))
        made = {policy: create(user, graph_id, catch_up=policy) for policy in get_args(CatchUp)}
        for identity in made.values():
            reached(user, identity, 2)
        box.kill()
        with box.open_store() as store:
            rows = Timetable(store).schedules("default", 10).rows
        time.sleep(OFF_S)
        started_ns = time.time_ns()
        box.start()
        answers_ns = time.time_ns()
        for one in rows:
            policy = one.definition.catch_up
            first = round((one.next_ns - one.created_ns) / NS_PER_S)
            reached(user, made[policy], (answers_ns - one.created_ns) // NS_PER_S + 2)
            check(policy, one, first, pause(user, made[policy]), started_ns, answers_ns)


def check(
    policy: str, one: Schedule, first: int, found: list[int], started_ns: int, answers_ns: int
) -> None:
    """What was fired, against what was due; from time `first` on nothing was, before the kill."""

    def at_ns(number: int) -> int:
        return one.created_ns + number * NS_PER_S

    # Times between the kill and the start were missed for sure; those behind it were not.
    missed = [number for number in range(first, first + 1000) if at_ns(number) < started_ns]
    on_time = [number for number in found if at_ns(number) > answers_ns]
    made_up = [number for number in found if number in missed]
    assert found[: first - 1] == list(range(1, first)), "what was fired before the kill stays"
    assert len(missed) >= OFF_S - 1
    assert is_gapless(on_time)
    match policy:
        case "none":
            assert made_up == []
        case "one":
            # One, the newest: perhaps of those that came while the box was starting.
            assert made_up in ([], missed[-1:])
            assert [number for number in found if first <= number < on_time[0]]
        case _:
            assert is_gapless(found), "a time was left out"


def test_no_number_of_kills_loses_a_time_or_fires_one_twice(open_box: OpenBox):
    box = open_box()
    with box.client() as user:
        identity = create(user, compiled(box, single("Echo")), catch_up="all")
        reached(user, identity, 1)
        # Not all in one place of the second.
        for _ in range(4):
            time.sleep(0.37)
            box.restart()
        reached(user, identity, max(times_of(user, identity)) + 2)
        found = pause(user, identity)
    assert found[0] == 1
    assert is_gapless(found), "a time was left out"


def axiomd(*words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "axiomd", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_restored_box_goes_on_with_its_schedules(box: Box, tmp_path: Path):
    with box.client() as user:
        identity = create(user, compiled(box, single("Echo")), catch_up="all", input={"text": "x"})
        reached(user, identity, 2)
        kept = str(tmp_path / "kept")
        made = axiomd("backup", kept, "--data-dir", str(box.data_dir))
        assert made.returncode == 0, made.stderr
    key = box.key
    box.kill()
    restored = axiomd("restore", kept, "--data-dir", str(tmp_path / "new"))
    assert restored.returncode == 0, restored.stderr
    looked = axiomd("verify", "--data-dir", str(tmp_path / "new"), "--json")
    assert looked.returncode == 0, looked.stdout
    # The schedule, and the time at which it is due.
    assert json.loads(looked.stdout)["counts"]["schedules"] == 2
    with running(tmp_path / "new") as other, other.client(key) as user:
        reached(user, identity, 4)
        assert is_gapless(pause(user, identity))
