"""POST …/flows/invoke to the letter: accepted, waited for, timed out, failed, repeated."""

import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from system.box import Box, User
from system.lab import DIAMOND, STEPS

EXECUTION_ID = re.compile(r"[0-9a-f]{32}")


def test_without_wait_the_answer_is_the_id_alone(user: User, graph):
    answer = user.invoke(graph("Echo"), {"text": "hi"})
    assert answer.status_code == 202
    body = answer.json()
    assert set(body) == {"accepted", "execution_id"}
    assert body["accepted"] is True
    assert EXECUTION_ID.fullmatch(body["execution_id"])
    assert user.ended(body["execution_id"])["status"] == "COMPLETED"


def test_waiting_returns_the_output_with_unset_scalars_and_int64_as_text(user: User, graph):
    before = int(time.time())
    answer = user.invoke(graph("Shout"), {"text": "hi", "count": 41}, wait=True)
    assert answer.status_code == 202
    body = answer.json()
    assert set(body) == {"accepted", "execution_id", "result"}
    completed_at = body["result"].pop("completed_at")
    assert isinstance(completed_at, int)
    assert before <= completed_at <= time.time()
    assert body["result"] == {
        "success": True,
        "output": {
            "text": "HI",
            "count": "42",
            "log": "",
            "words": [],
            "flag": False,
            "ms": 0.0,
            "small_number": 0,
        },
    }


def test_input_may_be_snake_case_camel_case_and_int64_as_text(user: User, graph):
    for given in ({"small_number": 3, "count": "5"}, {"smallNumber": 3, "count": 5}):
        output = user.invoke(graph("Echo"), given, wait=True).json()["result"]["output"]
        assert (output["small_number"], output["count"]) == (3, "5")


def test_input_left_out_is_the_empty_message(user: User, graph):
    body = {"graph_id": graph("Echo"), "wait": True}
    answer = user.http.post("/invocations/v1/flows/invoke", json=body)
    assert answer.json()["result"]["output"]["text"] == ""


def test_gate_merges_its_arms_field_by_field_in_edge_order(user: User, graph):
    answer = user.invoke(graph(DIAMOND), {"text": "a"}, wait=True).json()
    output = answer["result"]["output"]
    assert (output["text"], output["count"], output["words"]) == ("aL", "7", ["left", "right"])


def test_wait_that_is_over_says_timed_out_and_the_execution_goes_on(user: User, graph):
    answer = user.invoke(graph("Nap"), {"count": 1}, wait=True, timeout_seconds=0.1)
    assert answer.status_code == 202
    body = answer.json()
    assert set(body) == {"accepted", "execution_id", "timed_out"}
    assert body["timed_out"] is True
    assert user.execution(body["execution_id"])["status"] in ("QUEUED", "RUNNING")
    assert user.ended(body["execution_id"])["status"] == "COMPLETED"


def test_failed_execution_is_told_as_a_result_with_its_parts(user: User, graph):
    body = user.invoke(graph("Fail"), {"text": "luck"}, wait=True).json()
    result = body["result"]
    told = {"success", "output", "completed_at", "error", "failure", "compensation"}
    assert set(result) == told
    assert result["success"] is False
    assert result["output"] is None
    assert "no luck" in result["error"]
    assert "\n" not in result["error"]
    failure = result["failure"]
    assert set(failure) == {"kind", "placement", "edge", "message", "attempts"}
    assert (failure["kind"], failure["placement"], failure["edge"], failure["attempts"]) == (
        "NODE_ERROR",
        "fail",
        None,
        1,
    )
    assert "no luck" in failure["message"]


def test_cancelled_while_waited_for_is_told_with_kind_cancelled(box: Box, user: User, graph):
    graph_id = graph("Nap")
    with ThreadPoolExecutor(1) as threads, box.client() as waiting:
        answer = threads.submit(waiting.invoke, graph_id, {"count": 20, "text": "c"}, wait=True)
        running = _only_running(user)
        user.started(running, "nap")
        assert user.cancel(running).status_code == 202
        result = answer.result().json()["result"]
    assert result["success"] is False
    assert result["failure"]["kind"] == "CANCELLED"
    assert result["error"]


def _only_running(user: User) -> str:
    for _ in range(500):
        found = user.get("/invocations/v1/executions?status=RUNNING&flow=acme/nap")["executions"]
        if found:
            identity: str = found[0]["execution_id"]
            return identity
        time.sleep(0.01)
    raise AssertionError("nothing runs")


def test_node_output_that_is_not_the_declared_message_fails_the_execution(user: User, graph):
    failure = user.invoke(graph("Wrong"), {}, wait=True).json()["result"]["failure"]
    assert (failure["kind"], failure["placement"]) == ("BAD_OUTPUT", "wrong")
    assert "Text" in failure["message"]


def test_node_output_over_the_payload_cap_fails_and_is_not_retried(user: User, graph):
    given = {"text": "x" * 1000, "count": 2000}
    failure = user.invoke(graph("Grow"), given, wait=True).json()["result"]["failure"]
    assert (failure["kind"], failure["attempts"]) == ("PAYLOAD_TOO_LARGE", 1)


def test_large_output_is_inline_for_every_reader(user: User, graph):
    answer = user.invoke(graph("Grow"), {"text": "x" * 1000, "count": 200}, wait=True).json()
    assert answer["result"]["output"]["text"] == "x" * 200_000
    identity = answer["execution_id"]
    assert user.execution(identity, "/output")["output"]["text"] == "x" * 200_000
    (checkpoint,) = user.execution(identity, "/checkpoints")["checkpoints"]
    assert checkpoint["output"]["text"] == "x" * 200_000
    assert checkpoint["output_bytes"] > 200_000


def test_same_idempotency_key_and_body_is_the_same_execution(user: User, graph):
    headers = {"Idempotency-Key": "once"}
    first = user.accepted(graph("Echo"), {"text": "k"}, headers=headers)
    assert user.accepted(graph("Echo"), {"text": "k"}, headers=headers) == first
    answer = user.http.post(
        "/invocations/v1/flows/invoke",
        content=b'{ "input": {"text":"k"},\n "graph_id": "%s" }' % graph("Echo").encode(),
        headers=headers,
    )
    assert answer.json()["execution_id"] == first, "spelled otherwise it means the same"


def test_repeated_request_may_wait_for_the_result_it_missed(user: User, graph):
    headers = {"Idempotency-Key": "waits"}
    first = user.invoke(graph("Echo"), {"text": "w"}, headers=headers, wait=True).json()
    again = user.invoke(graph("Echo"), {"text": "w"}, headers=headers, wait=True).json()
    assert again == first


def test_same_idempotency_key_with_another_body_is_refused(user: User, graph, refused):
    headers = {"Idempotency-Key": "other body"}
    user.accepted(graph("Echo"), {"text": "a"}, headers=headers)
    answer = user.invoke(graph("Echo"), {"text": "b"}, headers=headers)
    refused(answer, 409, "IDEMPOTENCY_CONFLICT")


def test_idempotency_key_of_another_tenant_is_another_key(user: User, stranger: User, graph):
    headers = {"Idempotency-Key": "shared word"}
    user.accepted(graph("Echo"), {"text": "mine"}, headers=headers)
    answer = stranger.invoke(graph("Echo"), {"text": "theirs"}, headers=headers)
    assert answer.status_code == 404


def test_concurrent_duplicates_make_one_execution(box: Box, graph):
    graph_id = graph(STEPS)
    headers = {"Idempotency-Key": "at once"}

    def ask(_: int) -> str:
        with box.client() as user:
            return user.accepted(graph_id, {"text": "d"}, headers=headers)

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(ask, range(16)))) == 1


def test_refused_request_does_not_use_up_its_idempotency_key(user: User, graph, refused):
    headers = {"Idempotency-Key": "second try"}
    refused(user.invoke(graph("Echo"), {"txt": ""}, headers=headers), 422, "INVALID")
    assert user.invoke(graph("Echo"), {"text": ""}, headers=headers).status_code == 202


@pytest.mark.parametrize("seconds", [0, 0.09, 3601, -1])
def test_timeout_outside_its_range_is_refused(user: User, graph, refused, seconds):
    answer = user.invoke(graph("Echo"), {}, wait=True, timeout_seconds=seconds)
    (problem,) = refused(answer, 422, "INVALID")
    assert problem.startswith("timeout_seconds: ")


def test_crashing_node_ends_the_execution_and_not_the_box(user: User, graph):
    result = user.invoke(graph("Die"), {"flag": True}, wait=True).json()["result"]
    assert result["failure"]["kind"] == "NODE_CRASHED"
    assert "SIGSEGV" in result["failure"]["message"]
    assert user.invoke(graph("Echo"), {"text": "on"}, wait=True).json()["result"]["success"]
