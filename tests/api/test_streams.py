"""POST …/invoke/stream and GET …/stream: frames, closing frames, cursors, silence."""

import time

import pytest
from system.box import Event, User, events
from system.lab import NUMBERS, flow


def numbers(got: list[Event]) -> list[str]:
    return [event.data["payload"]["number"] for event in got if not event.data["is_final"]]


def test_stream_is_its_frames_and_a_closing_frame(user: User, graph):
    *frames, closing = user.streamed(graph("Split"), {"count": 3})
    identity = closing.data["execution_id"]
    assert [event.id for event in frames] == ["0", "1", "2"]
    assert [event.data for event in frames] == [
        {
            "execution_id": identity,
            "frame_index": index,
            "payload": {"number": str(index), "log": "", "ms": 0.0},
            "is_final": False,
            "success": True,
        }
        for index in range(3)
    ]
    assert closing.data == {
        "execution_id": identity,
        "frame_index": 3,
        "is_final": True,
        "success": True,
    }


def test_stream_is_an_event_stream_that_nobody_caches(user: User, graph):
    with user.stream(graph("Split"), {"count": 1}) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "no-cache" in answer.headers["cache-control"]


def test_frames_flow_through_generators_and_unary_nodes(user: User, graph):
    assert numbers(user.streamed(graph(NUMBERS), {"count": 4})) == ["0", "2", "6", "12"]


def test_unary_flow_in_pipeline_mode_is_a_stream_of_one_frame(user: User, graph):
    graph_id = graph(flow("piped", {"shout": "Shout"}, pipeline_mode=True))
    first, closing = user.streamed(graph_id, {"text": "a"})
    assert first.data["payload"]["text"] == "A"
    assert closing.data["is_final"]


def test_stream_without_frames_closes_at_once(user: User, graph):
    (closing,) = user.streamed(graph("Split"), {"count": 0})
    assert (closing.data["frame_index"], closing.data["success"]) == (0, True)


def test_generator_that_raises_midway_keeps_its_frames_and_says_so(user: User, graph):
    *frames, closing = user.streamed(graph("Burst"), {"count": 2})
    assert numbers(frames) == ["0", "1"]
    data = closing.data
    assert (data["is_final"], data["success"], data["frame_index"]) == (True, False, 2)
    assert "payload" not in data
    assert "broke after 2" in data["error"]
    record = user.execution(data["execution_id"])
    assert (record["status"], record["failure"]["placement"]) == ("FAILED", "burst")
    frames = user.execution(data["execution_id"], "/frames")["frames"]
    assert [frame["frame_index"] for frame in frames] == [0, 1]


def test_silent_stream_sends_comments(user: User, graph):
    with user.stream(graph("Stall"), {"count": 1, "ms": 500}) as answer:
        lines = list(answer.iter_lines())
    assert sum(line.startswith(":") for line in lines) >= 3
    assert all(line[:1] in ("", ":", "i", "d") for line in lines)


def test_timeout_closes_with_an_error_frame_and_the_execution_goes_on(user: User, graph):
    given = {"count": 2, "ms": 1200}
    *frames, closing = user.streamed(graph("Stall"), given, timeout_seconds=0.3)
    assert numbers(frames) == ["0", "1"]
    data = closing.data
    assert (data["is_final"], data["success"]) == (True, False)
    assert data["error"]
    assert closing.id is None, "a client that comes back must not skip a frame"
    identity = data["execution_id"]
    assert user.execution(identity)["status"] == "RUNNING"
    (last,) = user.resumed(identity, "?from=2")
    assert (last.data["is_final"], last.data["success"]) == (True, True)


def test_last_event_id_goes_on_behind_it_and_from_at_it(user: User, graph):
    identity = user.streamed(graph("Split"), {"count": 5})[0].data["execution_id"]
    assert numbers(user.resumed(identity)) == ["0", "1", "2", "3", "4"]
    assert numbers(user.resumed(identity, **{"Last-Event-ID": "2"})) == ["3", "4"]
    assert numbers(user.resumed(identity, "?from=2")) == ["2", "3", "4"]
    (closing,) = user.resumed(identity, **{"Last-Event-ID": "4"})
    assert (closing.id, closing.data["is_final"]) == ("5", True)


def test_closing_frame_is_told_again_to_whoever_asks_behind_it(user: User, graph):
    identity = user.streamed(graph("Split"), {"count": 1})[0].data["execution_id"]
    (closing,) = user.resumed(identity, **{"Last-Event-ID": "1"})
    assert (closing.data["frame_index"], closing.data["is_final"]) == (1, True)


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "1e3", "٣", "99999999999", "0x1"])
def test_malformed_last_event_id_is_refused(user: User, graph, refused, cursor):
    identity = user.streamed(graph("Split"), {"count": 1})[0].data["execution_id"]
    path = f"/invocations/v1/executions/{identity}/stream"
    header = {"Last-Event-ID": cursor.encode()}
    refused(user.http.get(path, headers=header), 400, "MALFORMED")
    refused(user.http.get(path, params={"from": cursor}), 400, "MALFORMED")


def test_dropped_client_goes_on_where_it_was(user: User, graph):
    with user.stream(graph("Split"), {"count": 40, "ms": 5}) as answer:
        seen = events(answer)
        first = [next(seen) for _ in range(5)]
    rest = user.resumed(first[0].data["execution_id"], **{"Last-Event-ID": str(first[-1].id)})
    assert numbers(first + rest) == [str(number) for number in range(40)]


def test_stream_of_an_execution_whose_client_left_runs_to_its_end(user: User, graph):
    with user.stream(graph("Split"), {"count": 30, "ms": 5}) as answer:
        identity = next(events(answer)).data["execution_id"]
    assert user.ended(identity)["status"] == "COMPLETED"


def test_first_frame_comes_before_the_last_is_made(user: User, graph):
    with user.stream(graph("Stall"), {"count": 1, "ms": 800}) as answer:
        first = next(events(answer))
        assert user.execution(first.data["execution_id"])["status"] == "RUNNING"


def test_idempotency_key_gives_the_same_stream_again(user: User, graph):
    headers = {"Idempotency-Key": "stream once"}
    first = user.streamed(graph("Split"), {"count": 3}, headers=headers)
    assert user.streamed(graph("Split"), {"count": 3}, headers=headers) == first


def test_cancelled_stream_closes_with_what_happened(user: User, graph):
    with user.stream(graph("Stall"), {"count": 1, "ms": 20_000}) as answer:
        seen = events(answer)
        identity = next(seen).data["execution_id"]
        assert user.cancel(identity).status_code == 202
        closing = next(seen)
    assert (closing.data["is_final"], closing.data["success"]) == (True, False)
    assert closing.data["error"]


def test_stream_of_a_unary_execution_is_the_wrong_mode(user: User, graph, refused):
    identity = user.accepted(graph("Echo"), {})
    answer = user.http.get(f"/invocations/v1/executions/{identity}/stream")
    refused(answer, 409, "WRONG_MODE")


def test_wrong_mode_for_the_endpoint_is_refused(user: User, graph, refused):
    refused(user.invoke(graph("Split"), {}), 409, "WRONG_MODE")
    body = {"graph_id": graph("Echo"), "input": {}}
    answer = user.http.post("/invocations/v1/flows/invoke/stream", json=body)
    refused(answer, 409, "WRONG_MODE")


def test_stream_takes_no_wait(user: User, graph, refused):
    body = {"graph_id": graph("Split"), "wait": True}
    answer = user.http.post("/invocations/v1/flows/invoke/stream", json=body)
    (problem,) = refused(answer, 422, "INVALID")
    assert problem.startswith("wait: ")


def test_frames_are_listed_in_pages_for_every_placement(user: User, graph):
    identity = user.streamed(graph(NUMBERS), {"count": 5})[0].data["execution_id"]
    listed, query = [], "?limit=2"
    for _ in range(3):
        page = user.execution(identity, f"/frames{query}")
        listed += [(row["frame_index"], row["payload"]["number"]) for row in page["frames"]]
        query = f"?limit=2&cursor={page['next_cursor']}"
    assert page["next_cursor"] is None
    assert listed == [(0, "0"), (1, "2"), (2, "6"), (3, "12"), (4, "20")]
    inner = user.execution(identity, "/frames?node=twice&from=3")["frames"]
    assert [row["payload"]["number"] for row in inner] == ["6", "8"]


def test_slow_reader_does_not_slow_the_execution(user: User, graph):
    with user.stream(graph("Split"), {"count": 2000}) as answer:
        identity = next(events(answer)).data["execution_id"]
        assert user.ended(identity)["status"] == "COMPLETED"
        time.sleep(0.05)
    assert user.execution(identity, "/output")["frames"] == 2000


def test_generator_that_outruns_its_reader_does_not_outlive_the_timeout(user: User, graph):
    *frames, closing = user.streamed(graph("Split"), {"count": 10**8}, timeout_seconds=0.5)
    assert (closing.id, closing.data["timed_out"]) == (None, True)
    assert closing.data["frame_index"] == len(frames)
    identity = closing.data["execution_id"]
    assert user.execution(identity)["status"] == "RUNNING"
    assert user.cancel(identity).status_code == 202
