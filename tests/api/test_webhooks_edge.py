"""Webhooks over HTTP: what a receiver gets, what a tenant sees of it, what is refused."""

import json
import time
from collections.abc import Iterator

import pytest
from system.box import User
from system.lab import flow
from worlds.receivers import Receiver, receiving

ROOT = "/app/v1/webhooks"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def hook(receiver: Receiver, **more: object) -> dict[str, object]:
    return {"url": receiver.url, **more}


def told(user: User, execution_id: str, *statuses: str, count: int = 1) -> list[dict[str, object]]:
    """What was told of an execution, once so many deliveries are over."""
    deadline = time.monotonic() + 10
    while True:
        found = user.execution(execution_id, "/webhooks")["webhooks"]
        over = [one for one in found if one["status"] in (statuses or ("DELIVERED", "FAILED"))]
        if len(over) >= count:
            return over
        assert time.monotonic() < deadline, found
        time.sleep(0.01)


@pytest.fixture
def subscribed(user: User, receiver: Receiver) -> Iterator[dict[str, object]]:
    """A webhook for pauses and failures, gone after the test."""
    body = hook(receiver, events=["pause_opened", "execution_failed"], headers={"X-A": "s3cret"})
    made = user.http.post(ROOT, json=body)
    assert made.status_code == 201, made.text
    yield made.json()
    user.http.delete(f"{ROOT}/{made.json()['webhook_id']}")


def test_a_receiver_gets_what_a_wait_answers(user: User, graph, receiver: Receiver):
    given = {"text": "hello", "words": ["a", "b"]}
    for node in ("Echo", "Fail"):
        answer = user.invoke(graph(node), given, wait=True, webhook=hook(receiver)).json()
        told(user, answer["execution_id"])
        assert json.loads(receiver.got[-1].body) == answer
    assert answer["result"]["failure"]["kind"] == "NODE_ERROR"


def test_a_cancelled_execution_is_told_too(user: User, graph, receiver: Receiver):
    identity = user.accepted(graph("Nap"), {"count": 60}, webhook=hook(receiver))
    user.started(identity, "nap")
    user.cancel(identity)
    told(user, identity)
    assert json.loads(receiver.got[0].body)["result"]["failure"]["kind"] == "CANCELLED"


def test_a_pipelines_receiver_gets_its_result_and_the_count_of_frames(
    user: User, graph, receiver: Receiver
):
    events = user.streamed(graph("Split"), {"text": "a b c"}, webhook=hook(receiver))
    identity = events[0].data["execution_id"]
    told(user, identity)
    result = json.loads(receiver.got[0].body)["result"]
    frames = user.execution(identity, "/frames")["frames"]
    assert (result["success"], result["output"], result["frames"]) == (True, None, len(frames))


def test_a_message_is_signed_with_the_tenants_secret(
    user: User, stranger: User, graph, receiver: Receiver
):
    identity = user.accepted(graph("Echo"), {}, webhook=hook(receiver, headers={"X-Mine": "1"}))
    (delivery,) = told(user, identity)
    (got,) = receiver.got
    secret = user.get(f"{ROOT}/secret")["secret"]
    assert got.is_signed_with(secret)
    assert got.headers["x-mine"] == "1"
    assert got.message_id == delivery["delivery_id"]
    assert not got.is_signed_with(stranger.get(f"{ROOT}/secret")["secret"])
    rotated = user.http.post(f"{ROOT}/secret/rotate").json()
    assert rotated["secret"] != secret
    assert rotated["previous_until"] is not None
    assert user.get(f"{ROOT}/secret") == rotated
    again = user.http.post(f"{ROOT}/deliveries/{delivery['delivery_id']}/redeliver")
    assert again.is_success, again.text
    while len(receiver.got) < 2:
        time.sleep(0.01)
    assert all(receiver.got[1].is_signed_with(one) for one in (secret, rotated["secret"]))
    assert (receiver.got[1].message_id, receiver.got[1].body) == (got.message_id, got.body)


def test_attempts_are_seen_in_the_delivery_and_in_the_history(
    user: User, graph, receiver: Receiver
):
    receiver.answers = lambda number: (500, {}, b"no") if number == 0 else (204, {}, b"")
    identity = user.accepted(graph("Echo"), {}, webhook=hook(receiver))
    user.ended(identity)
    while not (tries := user.execution(identity, "/webhooks")["webhooks"][0]["attempts"]):
        time.sleep(0.01)
    assert (tries[0]["status_code"], tries[0]["error"]) == (500, "it answered 500")
    (pending,) = user.execution(identity, "/webhooks")["webhooks"]
    assert (pending["status"], pending["type"]) == ("PENDING", "execution.ended")
    assert pending["due_at"] is not None
    again = user.http.post(f"{ROOT}/deliveries/{pending['delivery_id']}/redeliver")
    assert again.status_code == 202
    (delivery,) = told(user, identity)
    assert [one["status_code"] for one in delivery["attempts"]] == [500, 204]
    assert user.get(f"{ROOT}/deliveries/{pending['delivery_id']}") == delivery
    newest = user.get(f"{ROOT}/deliveries?status=delivered&limit=1")
    assert newest["deliveries"] == [delivery]
    events = user.execution(identity, "/events")["events"]
    kinds = [event["kind"] for event in events if event["kind"].startswith("webhook_")]
    assert kinds == [
        "webhook_scheduled",
        "webhook_attempted",
        "webhook_scheduled",
        "webhook_delivered",
    ]
    assert user.execution(identity, "/output")["output"] is not None


def test_a_pause_is_told_once_to_who_subscribed(
    user: User, graph, receiver: Receiver, subscribed: dict[str, object]
):
    hitl = {"interrupt_payload": {"ask": "Pay?"}, "timeout_seconds": 600}
    document = flow("told-pause", {"only": {"node": "Echo", "config": {"hitl": hitl}}})
    identity = user.accepted(graph(document), {"text": "x"})
    (delivery,) = told(user, identity)
    (pause,) = user.execution(identity, "/pauses")["pauses"]
    message = json.loads(receiver.got[0].body)
    assert message["type"] == delivery["type"] == "pause.opened"
    assert message["data"] == {
        "execution_id": identity,
        "flow": "acme/told-pause",
        "graph_id": graph(document),
        "parent_id": None,
        "placement": "only",
        "position": "only",
        "pause_id": pause["pause_id"],
        "opened_at": pause["opened_at"],
        "expires_at": pause["expires_at"],
        "payload": {"ask": "Pay?"},
    }
    assert receiver.got[0].headers["x-a"] == "s3cret"
    assert delivery["webhook_id"] == subscribed["webhook_id"]
    user.cancel(identity)
    assert len(user.execution(identity, "/webhooks")["webhooks"]) == 1


def test_a_doubt_is_told_with_its_reason(user: User, graph, receiver: Receiver):
    made = user.http.post(ROOT, json=hook(receiver, events=["node_in_doubt"])).json()
    document = flow("told-doubt", {"only": {"node": "Die", "config": {"once": True}}})
    identity = user.accepted(graph(document), {"flag": True})
    told(user, identity)
    message = json.loads(receiver.got[0].body)
    assert message["type"] == "node.in_doubt"
    assert message["data"]["position"] == "only"
    assert "SIGSEGV" in message["data"]["reason"]
    user.cancel(identity)
    user.http.delete(f"{ROOT}/{made['webhook_id']}")


def test_a_failure_is_told_with_its_execution(
    user: User, graph, receiver: Receiver, subscribed: dict[str, object]
):
    identity = user.accepted(graph("Fail"), {})
    told(user, identity)
    message = json.loads(receiver.got[0].body)
    assert message["type"] == "execution.failed"
    assert {**message["data"], "compensation": None} == user.execution(identity)
    assert message["data"]["failure"]["kind"] == "NODE_ERROR"


def test_webhooks_are_listed_without_what_is_secret_and_removed(
    user: User, subscribed: dict[str, object], refused
):
    (found,) = [
        one for one in user.get(ROOT)["webhooks"] if one["webhook_id"] == subscribed["webhook_id"]
    ]
    assert found == subscribed
    assert found["headers"] == ["X-A"]
    assert "s3cret" not in json.dumps(found)
    path = f"{ROOT}/{subscribed['webhook_id']}"
    assert user.http.delete(path).json() == {"removed": subscribed["webhook_id"]}
    refused(user.http.delete(path), 404, "NOT_FOUND")


def test_a_stranger_sees_and_moves_nothing(
    user: User, stranger: User, graph, receiver: Receiver, subscribed: dict[str, object], refused
):
    identity = user.accepted(graph("Echo"), {}, webhook=hook(receiver))
    (delivery,) = told(user, identity)
    path = f"{ROOT}/deliveries/{delivery['delivery_id']}"
    refused(stranger.http.get(path), 404, "NOT_FOUND")
    refused(stranger.http.post(f"{path}/redeliver"), 404, "NOT_FOUND")
    refused(stranger.http.delete(f"{ROOT}/{subscribed['webhook_id']}"), 404, "NOT_FOUND")
    assert stranger.get(ROOT)["webhooks"] == []
    assert stranger.get(f"{ROOT}/deliveries")["deliveries"] == []


@pytest.mark.parametrize(
    ("webhook", "path"),
    [
        ({"url": "nowhere"}, "webhook.url"),
        ({"url": "ftp://a.example"}, "webhook.url"),
        ({"url": "https://a:b@c.example"}, "webhook.url"),
        ({"url": "https://a.example", "headers": {"Host": "x"}}, "webhook.headers.Host"),
        ({"url": "https://a.example", "headers": {"X-A": "x\r\nX-B: y"}}, "webhook.headers.X-A"),
        ({"url": "https://a.example", "headers": {"X-A": 1}}, "webhook.headers.X-A"),
        ({"url": 1}, "webhook.url"),
        ({}, "webhook.url"),
        ({"url": "https://a.example", "header": {}}, "webhook.header"),
        ("https://a.example", "webhook"),
    ],
)
@pytest.mark.parametrize("route", ["invoke", "invoke/stream"])
def test_a_webhook_that_cannot_be_is_refused(user: User, graph, refused, webhook, path, route):
    graph_id = graph("Echo") if route == "invoke" else graph("Split")
    body = {"graph_id": graph_id, "webhook": webhook}
    answer = user.http.post(f"/invocations/v1/flows/{route}", json=body)
    problems = refused(answer, 422, "INVALID")
    assert [problem.split(": ")[0] for problem in problems] == [path]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"url": "https://a.example", "events": []}, "events"),
        ({"url": "https://a.example", "events": ["pause_open"]}, "events[0]"),
        ({"url": "https://a.example"}, "events"),
        ({"url": "x", "events": ["pause_opened"]}, "url"),
        ({"url": "https://a.example", "events": ["pause_opened"], "header": {}}, "header"),
    ],
)
def test_a_subscription_that_cannot_be_is_refused(user: User, refused, body, path):
    problems = refused(user.http.post(ROOT, json=body), 422, "INVALID")
    assert [problem.split(": ")[0] for problem in problems] == [path]


def test_queries_of_deliveries_are_checked(user: User, refused):
    refused(user.http.get(f"{ROOT}/deliveries?status=DONE"), 422, "INVALID")
    refused(user.http.get(f"{ROOT}/deliveries?limit=0"), 422, "INVALID")
    refused(user.http.get(f"{ROOT}/deliveries?cursor=x"), 400, "MALFORMED")
    refused(user.http.get(f"{ROOT}/deliveries/nothing"), 404, "NOT_FOUND")
