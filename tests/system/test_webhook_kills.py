"""A real box that tells a real receiver, through `kill -9` at the worst instant."""

import json
import socket
import threading
import time
from collections.abc import Callable

import pytest
from system.box import Box, User
from system.conftest import OpenBox
from system.lab import compiled, flow, single
from worlds.receivers import Receiver, receiving


def reached(receiver: Receiver, count: int, within_s: float = 20.0) -> None:
    """Return once the receiver has seen so many requests."""
    deadline = time.monotonic() + within_s
    while len(receiver.got) < count:
        assert time.monotonic() < deadline, f"{len(receiver.got)} of {count} requests"
        time.sleep(0.01)


def held_by(event: threading.Event) -> Callable[[int], tuple[int, dict[str, str], bytes]]:
    """Answers that come once the event is set."""

    def answer(_: int) -> tuple[int, dict[str, str], bytes]:
        assert event.wait(30)
        return 200, {}, b""

    return answer


def over(user: User, identity: str, within_s: float = 20.0) -> list[dict[str, object]]:
    """Every delivery of an execution, once none is pending."""
    deadline = time.monotonic() + within_s
    while True:
        found = user.execution(identity, "/webhooks")["webhooks"]
        if found and all(one["status"] != "PENDING" for one in found):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.01)


def test_an_end_that_was_not_told_before_the_kill_is_told_after_it(open_box: OpenBox):
    box = open_box(webhooks_allow_private=True)
    held = threading.Event()
    with receiving() as receiver, box.client() as user:
        receiver.answers = held_by(held)
        hook = {"url": receiver.url}
        graph_id = compiled(box, single("Echo"))
        answer = user.invoke(graph_id, {"text": "x"}, wait=True, webhook=hook).json()
        reached(receiver, 1)
        box.kill()
        held.set()
        box.start()
        identity = answer["execution_id"]
        (delivery,) = over(user, identity)
        assert delivery["status"] == "DELIVERED"
        assert {got.message_id for got in receiver.got} == {delivery["delivery_id"]}
        assert all(json.loads(got.body) == answer for got in receiver.got)


def test_a_pause_is_told_after_a_kill_too(open_box: OpenBox):
    box = open_box(webhooks_allow_private=True)
    held = threading.Event()
    with receiving() as receiver, box.client() as user:
        receiver.answers = held_by(held)
        body = {"url": receiver.url, "events": ["pause_opened"]}
        assert user.http.post("/app/v1/webhooks", json=body).status_code == 201
        document = flow("asks", {"only": {"node": "Step", "config": {"hitl": {}}}})
        identity = user.accepted(compiled(box, document), {"text": "x"})
        user.reached(identity, {"PAUSED_HITL"})
        reached(receiver, 1)
        box.kill()
        held.set()
        box.start()
        (delivery,) = over(user, identity)
        assert (delivery["status"], delivery["type"]) == ("DELIVERED", "pause.opened")
        assert len({got.message_id for got in receiver.got}) == 1


def test_a_large_output_is_told_whole(open_box: OpenBox):
    box = open_box(webhooks_allow_private=True)
    with receiving() as receiver, box.client() as user:
        given = {"text": "long ü " * 400_000}
        hook = {"url": receiver.url}
        graph_id = compiled(box, single("Echo"))
        answer = user.invoke(graph_id, given, wait=True, webhook=hook).json()
        over(user, answer["execution_id"])
        (got,) = receiver.got
        assert json.loads(got.body) == answer
        assert got.is_signed_with(user.get("/app/v1/webhooks/secret")["secret"])


@pytest.mark.parametrize("route", ["/invocations/v1/flows/invoke", "/app/v1/webhooks"])
def test_a_private_target_is_refused_by_default(box: Box, user: User, route: str):
    hook = {"url": "http://169.254.169.254/latest"}
    body = {"graph_id": compiled(box, single("Echo")), "webhook": hook}
    if route.endswith("webhooks"):
        body = {**hook, "events": ["pause_opened"]}
    answer = user.http.post(route, json=body)
    assert answer.status_code == 422
    (problem,) = answer.json()["problems"]
    assert problem["path"] in ("webhook.url", "url")
    assert "link-local" in problem["message"]


def test_a_name_that_leads_inward_is_refused_at_its_request(box: Box, user: User):
    with receiving() as receiver:
        # No literal: it says so itself only when it is looked up.
        hook = {"url": f"http://{socket.gethostname()}:{receiver.port}/"}
        identity = user.accepted(compiled(box, single("Echo")), {}, webhook=hook)
        user.ended(identity)
        deadline = time.monotonic() + 20
        while not user.execution(identity, "/webhooks")["webhooks"][0]["attempts"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        (delivery,) = user.execution(identity, "/webhooks")["webhooks"]
        assert delivery["attempts"][0]["error"]
        assert receiver.got == []
