"""What people see of pauses, and how they answer over HTTP."""

from collections.abc import Iterator
from typing import Any

import pytest
from system.box import Box, User
from system.lab import flow

ASKED = flow(
    "asked",
    {
        "first": "Echo",
        "ask": {
            "node": "Shout",
            "config": {"hitl": {"interrupt_payload": {"question": "really?", "by": ["ada"]}}},
        },
        "last": "Echo",
    },
    ("first ask", "ask last"),
)
SHAPE = [
    "pause_id",
    "placement",
    "position",
    "status",
    "opened_at",
    "expires_at",
    "payload",
    "schema",
    "input",
    "resolved_at",
    "by",
    "comment",
    "value",
]


def timed(policy: str, seconds: float) -> dict[str, Any]:
    """A flow whose one node is asked for, for a while."""
    hitl = {"timeout_seconds": seconds, "timeout_policy": policy}
    return flow(
        f"timed-{policy.lower()}-{seconds:g}".replace(".", "-"),
        {"only": {"node": "Shout", "config": {"hitl": hitl}}},
    )


@pytest.fixture
def paused(user: User, graph) -> Iterator[tuple[str, str]]:
    """An execution that waits, and the ID of its pause; cancelled if it still waits then."""
    identity = user.accepted(graph(ASKED), {"text": "x", "count": 1})
    yield identity, pause_of(user, identity)
    user.cancel(identity)


def pause_of(user: User, identity: str) -> str:
    record = user.reached(identity, {"PAUSED_HITL"})
    (pause,) = record["waiting_on"]["pauses"]
    found: str = pause["pause_id"]
    return found


def resume(user: User, identity: str, pause: str, **body: Any) -> Any:
    path = f"/invocations/v1/executions/{identity}/pauses/{pause}/resume"
    return user.http.post(path, json=body)


def history(user: User, identity: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = user.execution(identity, "/pauses")["pauses"]
    return found


def test_what_waits_is_in_the_inbox_with_all_that_an_answer_needs(
    user: User, paused: tuple[str, str]
):
    identity, pause = paused
    (view,) = history(user, identity)
    assert list(view) == SHAPE
    assert (view["pause_id"], view["placement"], view["status"]) == (pause, "ask", "OPEN")
    assert view["payload"] == {"question": "really?", "by": ["ada"]}
    assert (view["input"]["text"], view["input"]["count"]) == ("x", "1")
    assert view["schema"]["title"] == "acme.lab.Text"
    assert [view[name] for name in ("expires_at", "resolved_at", "by", "value")] == [None] * 4
    newest = user.get("/invocations/v1/pauses")["pauses"][0]
    assert newest == {"execution_id": identity, "flow": "acme/asked", **view}
    waiting = user.execution(identity)["waiting_on"]
    assert waiting["pauses"] == [{"pause_id": pause, "position": "ask", "expires_at": None}]


def test_an_approval_lets_the_flow_go_on_and_is_told_of(
    box: Box, user: User, paused: tuple[str, str]
):
    identity, pause = paused
    answer = resume(user, identity, pause, decision="approve", comment="fine")
    assert answer.status_code == 200, answer.text
    view = answer.json()
    assert (view["status"], view["comment"], view["value"]) == ("RESUMED", "fine", None)
    assert view["by"] == f"test of default/{box.key[:8]}"
    assert view["resolved_at"] >= view["opened_at"]
    assert user.ended(identity)["status"] == "COMPLETED"
    assert user.execution(identity, "/output")["output"]["text"] == "X"
    assert history(user, identity) == [view]
    inbox = user.get("/invocations/v1/pauses")["pauses"]
    assert identity not in [row["execution_id"] for row in inbox]
    kinds = [event["kind"] for event in user.execution(identity, "/events")["events"]]
    assert [kind for kind in kinds if kind.startswith("pause_")] == [
        "pause_opened",
        "pause_resumed",
    ]


def test_a_value_becomes_the_input_and_is_shown(user: User, paused: tuple[str, str]):
    identity, pause = paused
    given = {"text": "told", "count": "7", "words": ["a", "b"], "smallNumber": 3}
    answer = resume(user, identity, pause, decision="approve", value=given)
    assert answer.json()["value"]["small_number"] == 3
    assert answer.json()["input"]["text"] == "x"
    user.ended(identity)
    assert user.execution(identity, "/output")["output"]["text"] == "TOLD"
    steps = user.execution(identity, "/checkpoints")["checkpoints"]
    (step,) = [step for step in steps if step["placement"] == "ask"]
    assert step["input"] == answer.json()["value"]


def test_a_value_that_does_not_fit_is_refused_with_every_problem(
    user: User, paused: tuple[str, str], refused
):
    identity, pause = paused
    value = {"txt": "x", "count": "many", "words": ["ok", 1], "nested": {"depth": 2**40}}
    answer = resume(user, identity, pause, decision="approve", value=value)
    problems = refused(answer, 422, "INVALID")
    paths = [problem.split(": ")[0] for problem in problems]
    assert sorted(paths) == ["value.count", "value.nested.depth", "value.txt", "value.words[1]"]
    assert history(user, identity)[0]["status"] == "OPEN"


def test_a_rejection_fails_the_visit(user: User, paused: tuple[str, str]):
    identity, pause = paused
    view = resume(user, identity, pause, decision="reject", comment="too much").json()
    assert (view["status"], view["comment"]) == ("REJECTED", "too much")
    failure = user.ended(identity)["failure"]
    assert (failure["kind"], failure["placement"], failure["attempts"]) == ("REJECTED", "ask", 0)
    assert failure["message"] == f"rejected by {view['by']}: too much"


def test_a_second_answer_is_refused_whatever_it_says(user: User, paused: tuple[str, str], refused):
    identity, pause = paused
    assert resume(user, identity, pause, decision="approve").status_code == 200
    for body in ({"decision": "approve"}, {"decision": "reject"}):
        refused(resume(user, identity, pause, **body), 409, "WRONG_STATE")
    user.ended(identity)
    refused(resume(user, identity, pause, decision="reject"), 409, "WRONG_STATE")
    assert user.execution(identity)["status"] == "COMPLETED"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, "decision: "),
        ({"decision": "perhaps"}, "decision: "),
        ({"decision": "approve", "comments": ""}, "comments: "),
        ({"decision": "reject", "value": {}}, "value: cannot be given of what is rejected"),
        ({"decision": "approve", "comment": "x" * 4_001}, "comment: has more than 4000"),
    ],
)
def test_an_answer_that_is_none_is_refused(
    user: User, paused: tuple[str, str], refused, body, problem
):
    (found,) = refused(resume(user, *paused, **body), 422, "INVALID")
    assert found.startswith(problem)


def test_a_pause_that_does_not_exist_is_not_found(
    user: User, stranger: User, paused: tuple[str, str], refused
):
    identity, pause = paused
    refused(resume(user, identity, "0" * 16, decision="approve"), 404, "NOT_FOUND")
    refused(resume(user, "0" * 32, pause, decision="approve"), 404, "NOT_FOUND")
    refused(resume(stranger, identity, pause, decision="approve"), 404, "NOT_FOUND")
    refused(stranger.http.get(f"/invocations/v1/executions/{identity}/pauses"), 404, "NOT_FOUND")
    assert stranger.get("/invocations/v1/pauses") == {"pauses": [], "next_cursor": None}


def test_the_inbox_comes_in_pages_newest_first(user: User, graph):
    made = [user.accepted(graph(ASKED), {"text": str(number)}) for number in range(5)]
    for identity in made:
        pause_of(user, identity)
    seen, cursor = [], ""
    while True:
        more = {"cursor": cursor} if cursor else {}
        page = user.get("/invocations/v1/pauses", params={"limit": 2, **more})
        assert len(page["pauses"]) <= 2
        seen += page["pauses"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    opened = [view["opened_at"] for view in seen]
    assert opened == sorted(opened, reverse=True)
    assert {view["execution_id"] for view in seen} >= set(made)
    assert len({view["pause_id"] for view in seen}) == len(seen)
    for identity in made:
        user.cancel(identity)


def test_pauses_of_an_execution_that_was_cancelled_are_cancelled(
    user: User, paused: tuple[str, str], refused
):
    identity, pause = paused
    user.cancel(identity)
    (view,) = history(user, identity)
    assert (view["status"], view["by"]) == ("CANCELLED", None)
    assert view["resolved_at"] == user.execution(identity)["completed_at"]
    refused(resume(user, identity, pause, decision="approve"), 409, "WRONG_STATE")
    inbox = user.get("/invocations/v1/pauses")["pauses"]
    assert identity not in [row["execution_id"] for row in inbox]


@pytest.mark.parametrize(
    ("policy", "status", "kind"),
    [
        ("CANCEL", "CANCELLED", "CANCELLED"),
        ("FAIL", "FAILED", "PAUSE_TIMEOUT"),
        ("CONTINUE", "COMPLETED", None),
    ],
)
def test_what_nobody_answers_in_time_goes_by_its_policy(
    user: User, graph, refused, policy: str, status: str, kind: str | None
):
    identity = user.accepted(graph(timed(policy, 1)), {"text": "x"})
    pause = pause_of(user, identity)
    (view,) = history(user, identity)
    assert user.execution(identity)["waiting_on"]["until"] == view["expires_at"]
    record = user.ended(identity)
    assert (record["status"], (record["failure"] or {}).get("kind")) == (status, kind)
    (view,) = history(user, identity)
    assert (view["status"], view["by"]) == ("EXPIRED", None)
    assert view["resolved_at"] >= view["expires_at"]
    refused(resume(user, identity, pause, decision="approve"), 409, "WRONG_STATE")


def test_a_caller_that_waits_sees_nothing_of_the_pause_but_the_result(box: Box, user: User, graph):
    identity = user.invoke(graph(ASKED), {"text": "x"}, wait=True, timeout_seconds=0.5).json()
    assert identity["timed_out"]
    pause = pause_of(user, identity["execution_id"])
    resume(user, identity["execution_id"], pause, decision="approve")
    assert user.ended(identity["execution_id"])["status"] == "COMPLETED"


def test_a_large_value_is_kept_and_shown_whole(user: User, paused: tuple[str, str]):
    identity, pause = paused
    text = "t" * 200_000
    view = resume(user, identity, pause, decision="approve", value={"text": text}).json()
    assert view["value"]["text"] == text
    assert user.ended(identity)["status"] == "COMPLETED"
    assert history(user, identity)[0]["value"]["text"] == text


def test_the_history_of_pauses_comes_in_pages_oldest_first(user: User, graph):
    twice = flow(
        "twice-asked",
        {
            "one": {"node": "Echo", "config": {"hitl": {}}},
            "two": {"node": "Echo", "config": {"hitl": {}}},
        },
        ("one two",),
    )
    identity = user.accepted(graph(twice), {})
    for _ in range(2):
        resume(user, identity, pause_of(user, identity), decision="approve")
    user.ended(identity)
    below = f"/invocations/v1/executions/{identity}/pauses"
    first = user.get(below, params={"limit": 1})
    second = user.get(below, params={"limit": 1, "cursor": first["next_cursor"]})
    shown = [view["placement"] for page in (first, second) for view in page["pauses"]]
    assert (shown, second["next_cursor"]) == (["one", "two"], None)
