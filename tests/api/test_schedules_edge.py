"""Schedules at the edge: what is taken, shown, changed and refused."""

import time

import pytest
from system.lab import single

from axiomd.limits import SCHEDULE_INPUT_BYTES_MAX, SCHEDULE_NAME_CHARACTERS_MAX

ROOT = "/app/v1/schedules"


@pytest.fixture
def create(user, graph):
    """Schedules that are gone again at the end."""
    made = []

    def post(**body):
        given = {"name": "tick", "graph_id": graph("Echo"), **body}
        answer = user.http.post(ROOT, json=given)
        if answer.status_code == 201:
            made.append(answer.json()["schedule_id"])
        return answer

    yield post
    for schedule_id in made:
        user.http.delete(f"{ROOT}/{schedule_id}")


def test_a_schedule_is_shown_with_its_next_times(user, graph, create):
    body = {
        "input": {"text": "x"},
        "cron": "30 4 * * *",
        "time_zone": "Europe/Zurich",
        "catch_up": "one",
        "overlap": "skip",
        "priority": 2,
        "starts_at": "2150-01-01T00:00:00.123Z",
        "ends_at": "2150-01-04T00:00:00+01:00",
    }
    answer = create(**body)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert made["input"]["text"] == "x"
    for name in ("cron", "time_zone", "catch_up", "overlap", "priority", "starts_at"):
        assert made[name] == body[name]
    assert made["ends_at"] == "2150-01-03T23:00:00.000Z"
    assert made["upcoming"] == [f"2150-01-0{day}T03:30:00.000Z" for day in (1, 2, 3)]
    assert made["next_at"] == made["upcoming"][0]
    assert (made["flow"], made["paused"], made["every_seconds"]) == ("acme/echo", False, None)
    nothing = ("last_at", "last_execution_id", "last_skipped_at", "last_error", "config_id")
    assert [made[name] for name in nothing] == [None] * 5
    assert user.get(f"{ROOT}/{made['schedule_id']}") == made
    assert made in user.get(ROOT)["schedules"]


def test_it_fires_and_its_executions_are_found_by_it(user, create):
    made = create(every_seconds=1).json()
    deadline = time.monotonic() + 20
    path = f"/invocations/v1/executions?schedule_id={made['schedule_id']}"
    while len(found := user.get(path)["executions"]) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    seen = {one["scheduled_at"] for one in found}
    assert len(seen) == len(found)
    assert {one["schedule_id"] for one in found} == {made["schedule_id"]}
    now = user.get(f"{ROOT}/{made['schedule_id']}")
    assert now["last_execution_id"] is not None
    assert now["last_at"] is not None


def test_a_pipeline_is_fired_and_its_frames_are_read_afterwards(user, graph, create):
    made = create(graph_id=graph("Split"), input={"count": 3}, cron="@yearly").json()
    fired = user.http.post(f"{ROOT}/{made['schedule_id']}/trigger")
    assert fired.status_code == 202
    identity = fired.json()["execution_id"]
    assert user.ended(identity)["status"] == "COMPLETED"
    assert user.execution(identity)["scheduled_at"] is None
    assert user.execution(identity)["schedule_id"] == made["schedule_id"]
    assert len(user.execution(identity, "/frames")["frames"]) == 3


def test_pause_and_resume(user, create):
    made = create(every_seconds=3600).json()
    path = f"{ROOT}/{made['schedule_id']}"
    for _ in range(2):
        paused = user.http.post(f"{path}/pause").json()
        assert (paused["paused"], paused["next_at"], paused["upcoming"]) == (True, None, [])
    resumed = user.http.post(f"{path}/resume").json()
    assert resumed["next_at"] == made["next_at"], "anchored at its creation"
    assert create(every_seconds=3600, paused=True).json()["next_at"] is None


def test_a_change_touches_what_it_names(user, graph, create):
    made = create(every_seconds=3600, input={"text": "x"}).json()
    path = f"{ROOT}/{made['schedule_id']}"
    changed = user.http.patch(path, json={"name": "other", "overlap": "skip"}).json()
    told = {"name": "other", "overlap": "skip", "updated_at": changed["updated_at"]}
    assert changed == {**made, **told}
    changed = user.http.patch(path, json={"cron": "0 0 * * *", "time_zone": "Asia/Tokyo"}).json()
    assert (changed["cron"], changed["every_seconds"]) == ("0 0 * * *", None)
    assert changed["next_at"].endswith("T15:00:00.000Z")
    changed = user.http.patch(path, json={"every_seconds": 60, "ends_at": "2150-01-01"}).json()
    assert (changed["cron"], changed["every_seconds"]) == (None, 60)
    assert changed["ends_at"] == "2150-01-01T00:00:00.000Z"
    cleared = user.http.patch(path, json={"ends_at": None, "name": None}).json()
    assert (cleared["ends_at"], cleared["name"]) == (None, "other")
    moved = user.http.patch(path, json={"graph_id": graph("Step")}).json()
    assert (moved["flow"], moved["input"]["text"]) == ("acme/step", "x")
    assert user.http.patch(path, json={}).json() == moved
    deleted = user.http.delete(path)
    assert deleted.json() == {"deleted": made["schedule_id"]}
    assert user.http.get(path).status_code == 404


def test_every_problem_is_told_at_once_with_its_path(create, refused):
    answer = create(
        name=" ",
        input={"txt": 1},
        cron="61 * * * *",
        every_seconds=0,
        time_zone="Europe/Zurch",
        starts_at="2030-01-01T00:00:00Z",
        ends_at="2029-01-01T00:00:00Z",
        config_id="01JX5M4ZV8QK3T0B9N2R7C6D1E",
    )
    problems = refused(answer, 422, "INVALID")
    assert [one.partition(":")[0] for one in problems] == [
        *("name", "cron", "cron", "every_seconds", "time_zone", "ends_at", "config_id"),
        "input.txt",
    ]
    assert "did you mean 'Europe/Zurich'?" in problems[4]


@pytest.mark.parametrize(
    ("body", "path", "words"),
    [
        ({}, "cron", "exactly one of them"),
        ({"cron": "* * * * *", "every_seconds": 5}, "cron", "exactly one of them"),
        ({"cron": "* * * *"}, "cron", "has 4 fields"),
        ({"cron": "@hourl"}, "cron", "did you mean '@hourly'?"),
        ({"every_seconds": 1.5}, "every_seconds", "must be a whole number"),
        ({"every_seconds": 10**12}, "every_seconds", "must be from 1 to"),
        ({"every_seconds": 5, "catch_up": "some"}, "catch_up", "must be one of none, one, all"),
        ({"every_seconds": 5, "priority": 10}, "priority", "must be from 0 to 9"),
        ({"every_seconds": 5, "starts_at": "soon"}, "starts_at", "must be a time such as"),
        ({"every_seconds": 5, "ends_at": "9999-01-01"}, "ends_at", "before 2200"),
        ({"every_seconds": 5, "ends_at": "2001-01-01"}, "ends_at", "no time of the schedule"),
        ({"every_seconds": 5, "crn": "x"}, "crn", "did you mean 'cron'?"),
        ({"every_seconds": 5, "name": "x" * 101}, "name", f"{SCHEDULE_NAME_CHARACTERS_MAX}"),
        ({"every_seconds": 5, "name": "a\nb"}, "name", "printable"),
        ({"every_seconds": 5, "name": None}, "name", "must be a text"),
        (
            {"every_seconds": 5, "input": {"text": "x" * (SCHEDULE_INPUT_BYTES_MAX + 1)}},
            "input",
            "are the most",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_its_path(user, graph, create, refused, body, path, words):
    (problem,) = refused(create(**body), 422, "INVALID")
    assert problem.startswith(f"{path}: ")
    assert words in problem


def test_a_change_is_checked_as_a_whole(user, graph, create, refused):
    made = create(every_seconds=3600).json()
    path = f"{ROOT}/{made['schedule_id']}"
    for body, words in (
        ({"every_seconds": None}, "exactly one of them"),
        ({"cron": "0 0 * * *", "every_seconds": 5}, "exactly one of them"),
        ({"input": {"text": 5}}, "input.text"),
        ({"time_zone": "Nowhere"}, "time_zone"),
        ({"pause": True}, "did you mean 'paused'?"),
        ([], "must be a mapping"),
    ):
        (problem,) = refused(user.http.patch(path, json=body), 422, "INVALID")
        assert words in problem
    refused(user.http.patch(path, json={"graph_id": "x"}), 404, "NOT_FOUND")
    refused(user.http.patch(path, content=b"{"), 400, "MALFORMED")
    assert user.get(path) == made


def test_unknown_schedules_and_artifacts_are_not_found(user, create, refused):
    for graph_id in ("01JYYYYYYYYYYYYYYYYYYYYYYY", "x"):
        refused(create(graph_id=graph_id, every_seconds=5), 404, "NOT_FOUND")
    for name in ("x", "01JYYYYYYYYYYYYYYYYYYYYYYY", "%00", "x" * 600, "%ff"):
        refused(user.http.get(f"{ROOT}/{name}"), 404, "NOT_FOUND")
        refused(user.http.post(f"{ROOT}/{name}/trigger"), 404, "NOT_FOUND")


def test_a_flow_config_is_given_to_what_it_fires(user, graph, create, refused):
    config = user.http.post(
        "/app/v1/configs", json={"flow": "acme/echo", "profile": "nightly"}
    ).json()["config_id"]
    made = create(every_seconds=3600, config_id=config).json()
    path = f"{ROOT}/{made['schedule_id']}"
    fired = user.http.post(f"{path}/trigger").json()["execution_id"]
    assert user.ended(fired)["config_id"] == config
    other = user.http.patch(path, json={"graph_id": graph(single("Step"))})
    (problem,) = refused(other, 422, "INVALID")
    assert problem.startswith("config_id: ")
    assert user.http.delete(f"/app/v1/configs/{config}").status_code == 204
    refused(user.http.post(f"{path}/trigger"), 422, "INVALID")


def test_the_list_is_paged_newest_first(user, create):
    made = [create(every_seconds=3600).json()["schedule_id"] for _ in range(3)][::-1]
    first = user.get(f"{ROOT}?limit=2")
    assert [one["schedule_id"] for one in first["schedules"]] == made[:2]
    second = user.get(f"{ROOT}?limit=2&cursor={first['next_cursor']}")
    assert second["schedules"][0]["schedule_id"] == made[2]


def test_who_changes_schedules_stands_in_the_log(user, create):
    made = create(every_seconds=3600).json()["schedule_id"]
    path = f"{ROOT}/{made}"
    user.http.post(f"{path}/pause")
    user.http.post(f"{path}/resume")
    user.http.patch(path, json={"name": "other", "paused": True})
    user.http.post(f"{path}/trigger")
    user.http.delete(path)
    acts = [one for one in user.get("/app/v1/audit")["acts"] if one["subject"] == made]
    kinds = [one["act"].removeprefix("schedule.") for one in acts]
    assert kinds == ["deleted", "changed", "resumed", "paused", "created"]
