"""What is told about executions: record, list, events, checkpoints, branches, output, cancel."""

import datetime
import re
import threading

import pytest
from system.box import User, events
from system.lab import DIAMOND, STEPS, flow

RECORD = {
    "execution_id",
    "flow",
    "graph_id",
    "mode",
    "status",
    "created_at",
    "started_at",
    "updated_at",
    "completed_at",
    "duration_ms",
    "attempt",
    "priority",
    "schedule_id",
    "scheduled_at",
    "config_id",
    "parent_id",
    "forked_from",
    "waiting_on",
    "ended_at",
    "error",
    "failure",
    "compensation",
}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
LIST = "/invocations/v1/executions"


@pytest.fixture(scope="module")
def diamond(user: User, graph) -> str:
    """A completed execution with two branches."""
    identity = user.accepted(graph(DIAMOND), {"text": "d"})
    user.ended(identity)
    return identity


def test_record_has_its_documented_fields(user: User, graph, diamond: str):
    record = user.execution(diamond)
    assert set(record) == RECORD
    for name in ("created_at", "started_at", "updated_at", "completed_at"):
        assert TIME.fullmatch(record[name])
    assert record["created_at"] <= record["started_at"] <= record["completed_at"]
    assert record["duration_ms"] > 0
    wanted = {"flow": "acme/diamond", "graph_id": graph(DIAMOND), "mode": "unary", "attempt": 1}
    assert {name: record[name] for name in wanted} == wanted
    nothing = ("config_id", "parent_id", "forked_from", "waiting_on", "error", "failure")
    assert [record[name] for name in (*nothing, "compensation")] == [None] * 7


def test_failed_record_says_why(user: User, graph):
    identity = user.accepted(graph("Fail"), {"text": "luck"})
    record = user.ended(identity)
    assert record["status"] == "FAILED"
    assert "no luck" in record["error"]
    assert record["failure"]["placement"] == "fail"


@pytest.mark.parametrize("identity", ["0" * 32, "nonsense", "A" * 32, "0" * 31, "%00", "é"])
@pytest.mark.parametrize(
    "below", ["", "/events", "/checkpoints", "/branches", "/output", "/frames", "/stream"]
)
def test_unknown_execution_is_not_found(user: User, refused, identity, below):
    refused(user.http.get(f"{LIST}/{identity}{below}"), 404, "NOT_FOUND")


# -- events -----------------------------------------------------------------------------------


def test_events_are_the_whole_history_in_order(user: User, diamond: str):
    listed = user.execution(diamond, "/events")
    assert listed["next_cursor"] is None
    told = listed["events"]
    fields = {"seq", "at", "kind", "placement", "position", "attempt", "detail"}
    assert all(set(event) == fields for event in told)
    assert [event["seq"] for event in told] == list(range(len(told)))
    kinds = [event["kind"] for event in told]
    assert (kinds[0], kinds[1], kinds[-1]) == (
        "execution_accepted",
        "execution_claimed",
        "execution_completed",
    )
    assert kinds.count("node_started") == kinds.count("node_completed") == 4
    assert kinds.count("gate_arrived") == 2
    assert kinds.count("gate_opened") == 1


def test_events_are_filtered_by_node_kind_and_position_in_the_history(user: User, diamond: str):
    told = user.execution(diamond, "/events")["events"]

    def filtered(query: str) -> list[dict]:
        return user.execution(diamond, f"/events?{query}")["events"]

    assert filtered("node=left") == [event for event in told if event["placement"] == "left"]
    wanted = ("node_started", "gate_opened")
    assert filtered(f"kind={','.join(wanted)}") == [e for e in told if e["kind"] in wanted]
    assert filtered("after=5") == told[6:]
    assert [e["seq"] for e in filtered("after=5&node=meet&kind=node_completed")] == [
        e["seq"] for e in told[6:] if (e["placement"], e["kind"]) == ("meet", "node_completed")
    ]


def test_events_come_in_pages(user: User, diamond: str):
    told, query = [], "?limit=3"
    while True:
        page = user.execution(diamond, f"/events{query}")
        assert 1 <= len(page["events"]) <= 3
        told += page["events"]
        if page["next_cursor"] is None:
            break
        query = f"?limit=3&cursor={page['next_cursor']}"
    assert told == user.execution(diamond, "/events")["events"]


@pytest.mark.parametrize("query", ["node=lefty", "kind=node_eaten", "nod=left", "limit=0"])
def test_unknown_event_filter_is_refused(user: User, diamond: str, refused, query):
    refused(user.http.get(f"{LIST}/{diamond}/events?{query}"), 422, "INVALID")


@pytest.mark.parametrize("query", ["after=x", "cursor=-1"])
def test_malformed_event_cursor_is_refused_by_its_name(user: User, diamond: str, refused, query):
    answer = user.http.get(f"{LIST}/{diamond}/events?{query}")
    refused(answer, 400, "MALFORMED")
    assert answer.json()["error"].startswith(query.split("=")[0])


def test_what_a_node_says_is_in_the_history(user: User, graph):
    identity = user.accepted(graph("Say"), {})
    user.ended(identity)
    logs = user.execution(identity, "/events?kind=node_log")["events"]
    said = [(event["detail"]["level"], event["detail"]["message"]) for event in logs]
    assert said == [("info", "hello"), ("warn", "careful"), ("stdout", "out loud")]
    assert logs[0]["detail"]["attributes"] == {"who": "you"}
    (progress,) = user.execution(identity, "/events?kind=node_progress")["events"]
    assert progress["detail"] == {"message": "half", "fraction": 0.5}


def test_history_as_a_live_stream_is_the_same_history(user: User, graph):
    identity = user.accepted(graph("Nap"), {"count": 1})
    accept = {"Accept": "text/event-stream"}
    with user.http.stream("GET", f"{LIST}/{identity}/events", headers=accept) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        seen = events(answer)
        first = next(seen)
        assert user.execution(identity)["status"] in ("QUEUED", "RUNNING")
        live = [first, *seen]
    told = user.execution(identity, "/events")["events"]
    assert [event.data for event in live] == told
    assert [event.id for event in live] == [str(event["seq"]) for event in told]


def test_live_history_goes_on_behind_last_event_id(user: User, diamond: str):
    headers = {"Accept": "text/event-stream", "Last-Event-ID": "3"}
    path = f"{LIST}/{diamond}/events?kind=node_completed"
    with user.http.stream("GET", path, headers=headers) as answer:
        seqs = [event.data["seq"] for event in events(answer)]
    told = user.execution(diamond, "/events?kind=node_completed&after=3")["events"]
    assert seqs == [event["seq"] for event in told]


# -- checkpoints, branches, output ------------------------------------------------------------


def test_checkpoints_say_what_went_in_what_came_out_and_where_it_went(user: User, diamond: str):
    listed = user.execution(diamond, "/checkpoints")
    assert listed["next_cursor"] is None
    points = {point["placement"]: point for point in listed["checkpoints"]}
    assert set(points) == {"ask", "left", "right", "meet"}
    fields = (
        "seq placement position attempt message started_at completed_at duration_ms input output "
        "output_bytes edges_taken"
    )
    assert all(set(point) == set(fields.split()) for point in points.values())
    assert points["ask"]["message"] == "acme.lab.Text"
    assert points["ask"]["position"] == "ask"
    assert points["ask"]["edges_taken"] == [
        {"from": "ask", "to": "left"},
        {"from": "ask", "to": "right"},
    ]
    assert points["left"]["input"]["text"] == "d"
    assert points["left"]["output"]["text"] == "dL"
    assert points["meet"]["input"]["words"] == ["left", "right"]
    assert points["meet"]["edges_taken"] == []


def test_checkpoints_come_in_pages(user: User, diamond: str):
    whole = user.execution(diamond, "/checkpoints")["checkpoints"]
    first = user.execution(diamond, "/checkpoints?limit=3")
    second = user.execution(diamond, f"/checkpoints?limit=3&cursor={first['next_cursor']}")
    assert first["checkpoints"] + second["checkpoints"] == whole
    assert second["next_cursor"] is None


def test_branches_tell_who_arrived_at_each_gate(user: User, diamond: str):
    (branch,) = user.execution(diamond, "/branches")["branches"]
    assert set(branch) == {"gate", "position", "kind", "policy", "status", "opened_at", "arms"}
    assert (branch["gate"], branch["kind"], branch["policy"], branch["status"]) == (
        "meet",
        "AND",
        "FAIL_FAST",
        "OPENED",
    )
    assert {arm["from"]: arm["status"] for arm in branch["arms"]} == {
        "left": "ARRIVED",
        "right": "ARRIVED",
    }
    assert all(TIME.fullmatch(arm["at"]) for arm in branch["arms"])


def test_waiting_gate_tells_which_arm_is_missing(user: User, graph):
    graph_id = graph(
        flow(
            "slow-arm",
            {"ask": "Echo", "quick": "Echo", "slow": "Nap", "meet": "Echo"},
            ("ask quick", "ask slow", "quick meet", "slow meet"),
        )
    )
    identity = user.accepted(graph_id, {"count": 20})
    user.started(identity, "slow")
    while not user.execution(identity, "/events?kind=gate_arrived")["events"]:
        pass
    (branch,) = user.execution(identity, "/branches")["branches"]
    assert (branch["status"], branch["opened_at"]) == ("WAITING", None)
    assert {arm["from"]: arm["status"] for arm in branch["arms"]} == {
        "quick": "ARRIVED",
        "slow": "WAITING",
    }
    assert user.cancel(identity).status_code == 202


def test_output_is_there_once_it_has_completed(user: User, graph, diamond: str):
    output = user.execution(diamond, "/output")
    assert output["status"] == "COMPLETED"
    assert output["message"] == "acme.lab.Text"
    assert output["output"]["text"] == "dL"
    failed = user.accepted(graph("Fail"), {"text": "luck"})
    user.ended(failed)
    output = user.execution(failed, "/output")
    assert (output["output"], output["failure"]["kind"]) == (None, "NODE_ERROR")


def test_input_is_there_from_the_first_moment_on(user: User, graph):
    identity = user.accepted(graph("Nap"), {"text": "z", "count": 20})
    shown = user.execution(identity, "/input")
    wanted = {"execution_id": identity, "message": "acme.lab.Text"}
    assert {name: shown[name] for name in wanted} == wanted
    assert (shown["input"]["text"], shown["input"]["count"]) == ("z", "20")
    user.cancel(identity)
    assert user.execution(identity, "/input") == shown


def test_every_view_is_the_same_on_every_read(user: User, diamond: str):
    for below in ("", "/events", "/checkpoints", "/branches", "/input", "/output"):
        assert user.execution(diamond, below) == user.execution(diamond, below)


# -- list -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def several(user: User, graph) -> list[str]:
    """Nine executions of two flows, in the order in which they were accepted."""
    made = []
    for index in range(9):
        node = ("Shout", "Fail")[index % 3 == 2]
        made.append(user.accepted(graph(flow(f"listed-{node.lower()}", {"only": node})), {}))
    for identity in made:
        user.ended(identity)
    return made


def listed(user: User, query: str) -> list[str]:
    """Every page of a list."""
    found: list[str] = []
    cursor = ""
    while True:
        page = user.get(f"{LIST}?{query}{cursor}")
        found += [row["execution_id"] for row in page["executions"]]
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def test_list_is_newest_first_and_rows_are_records(user: User, several: list[str]):
    page = user.get(f"{LIST}?limit=9")
    assert [row["execution_id"] for row in page["executions"]] == several[::-1]
    # What was undone is in the journal, which a list does not read.
    assert {**page["executions"][0], "compensation": None} == user.execution(several[-1])


@pytest.mark.parametrize("limit", [1, 2, 4, 9, 1000])
def test_pages_are_stable_while_new_executions_come(user: User, graph, several, limit):
    first = user.get(f"{LIST}?flow=acme/listed-shout&limit={limit}")
    user.ended(user.accepted(graph(flow("listed-shout", {"only": "Shout"})), {}))
    found = [row["execution_id"] for row in first["executions"]]
    if first["next_cursor"]:
        found += listed(user, f"flow=acme/listed-shout&limit={limit}&cursor={first['next_cursor']}")
    wanted = [identity for index, identity in enumerate(several) if index % 3 != 2][::-1]
    assert found[-6:] == wanted
    assert len(found) == len(set(found))
    assert found == sorted(found, reverse=True)


def test_list_filters_by_status_flow_and_part_of_the_id(user: User, several: list[str]):
    failed = [identity for index, identity in enumerate(several) if index % 3 == 2][::-1]
    assert listed(user, "flow=acme/listed-fail&limit=2") == failed
    assert listed(user, "status=FAILED&flow=acme/listed-fail") == failed
    assert listed(user, "status=COMPLETED&flow=acme/listed-fail") == []
    assert set(failed) <= set(listed(user, "status=FAILED&limit=2"))
    both = listed(user, "status=FAILED,COMPLETED&limit=100")
    assert set(several) <= set(both)
    assert both == listed(user, "status=FAILED&status=COMPLETED&limit=100")
    assert listed(user, f"q={several[0][-12:]}") == [several[0]]
    assert listed(user, f"q={several[0][-12:].upper()}") == [several[0]]
    assert listed(user, "flow=acme/nothing") == []


def test_list_filters_by_time(user: User, several: list[str]):
    moments = [user.execution(identity)["created_at"] for identity in several]
    flows = "flow=acme/listed-fail"
    failed = [several[index] for index in (2, 5, 8)]
    assert listed(user, f"{flows}&started_after={moments[2]}")[-3:] == failed[::-1]
    later = datetime.datetime.fromisoformat(moments[8]) + datetime.timedelta(seconds=1)
    text = later.isoformat().replace("+00:00", "Z")
    assert listed(user, f"{flows}&started_after={text}") == []
    assert listed(user, f"{flows}&started_before={text}") == failed[::-1]
    assert listed(user, f"{flows}&started_before={moments[0]}") == []


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("status=DONE", 422, "INVALID"),
        ("limit=0", 422, "INVALID"),
        ("limit=1001", 422, "INVALID"),
        ("limit=two", 422, "INVALID"),
        (f"limit={'9' * 5000}", 422, "INVALID"),
        ("started_after=yesterday", 422, "INVALID"),
        ("statuss=FAILED", 422, "INVALID"),
        ("cursor=nonsense", 400, "MALFORMED"),
        ("cursor=%F0%9F%8E%B2", 400, "MALFORMED"),
    ],
)
def test_list_query_that_means_nothing_is_refused(user: User, refused, query, status, code):
    refused(user.http.get(f"{LIST}?{query}"), status, code)


def test_all_problems_of_a_query_are_told_together(user: User, refused):
    problems = refused(user.http.get(f"{LIST}?limit=0&status=X&wrong=1"), 422, "INVALID")
    assert sorted(problem.split(":")[0] for problem in problems) == ["limit", "status", "wrong"]


# -- cancel -----------------------------------------------------------------------------------


def test_cancel_answers_with_a_receipt_of_what_it_stopped(user: User, graph):
    identity = user.accepted(graph("Nap"), {"count": 60})
    user.started(identity, "nap")
    answer = user.cancel(identity)
    assert answer.status_code == 202
    body = answer.json()
    assert set(body) == {"execution_id", "status", "stopped"}
    assert (body["execution_id"], body["status"]) == (identity, "CANCELLED")
    (stopped,) = body["stopped"]
    assert set(stopped) == {"execution_id", "placement", "attempt", "how", "ms"}
    assert stopped["execution_id"] == identity
    assert (stopped["placement"], stopped["attempt"], stopped["how"]) == ("nap", 1, "killed")
    assert 0 <= stopped["ms"] < 5000
    record = user.execution(identity)
    assert record["status"] == "CANCELLED"
    assert record["completed_at"]


def test_cancel_of_an_ended_execution_is_refused(user: User, graph, diamond: str, refused):
    refused(user.cancel(diamond), 409, "WRONG_STATE")
    identity = user.accepted(graph("Nap"), {"count": 60})
    assert user.cancel(identity).status_code == 202
    refused(user.cancel(identity), 409, "WRONG_STATE")
    assert user.execution(diamond)["status"] == "COMPLETED"


def test_cancelled_at_once_it_never_completes(user: User, graph):
    identity = user.accepted(graph(STEPS), {"ms": 50})
    answer = user.cancel(identity)
    assert answer.status_code in (202, 409)
    assert user.execution(identity)["status"] == "CANCELLED"


def test_of_concurrent_cancels_one_is_confirmed(box, user: User, graph):
    identity = user.accepted(graph("Nap"), {"count": 60})
    user.started(identity, "nap")
    answers: list[int] = []

    def cancel() -> None:
        with box.client() as other:
            answers.append(other.cancel(identity).status_code)

    threads = [threading.Thread(target=cancel) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [202, 409, 409, 409]


def test_cancel_of_what_does_not_exist_is_not_found(user: User, refused):
    refused(user.cancel("0" * 32), 404, "NOT_FOUND")
    refused(user.cancel("nothing"), 404, "NOT_FOUND")


# -- one node ---------------------------------------------------------------------------------


NODES = "/invocations/v1/nodes/acme/lab/1.0.0"


def test_one_node_takes_and_returns_its_bare_message(user: User):
    answer = user.http.post(f"{NODES}/Shout", json={"text": "hey", "count": "2"})
    assert answer.status_code == 200
    assert (answer.json()["text"], answer.json()["count"]) == ("HEY", "3")


def test_one_node_leaves_no_execution(user: User):
    before = user.get(f"{LIST}?limit=1")["executions"]
    user.http.post(f"{NODES}/Echo", json={})
    assert user.get(f"{LIST}?limit=1")["executions"] == before


def test_one_node_that_fails_says_why(user: User, refused):
    answer = user.http.post(f"{NODES}/Fail", json={"text": "luck"})
    (problem,) = refused(answer, 422, "NODE_FAILED")
    assert "no luck" in problem


def test_one_node_whose_process_dies_says_so(user: User, refused):
    answer = user.http.post(f"{NODES}/Die", json={"text": "exit", "flag": True})
    (problem,) = refused(answer, 422, "NODE_FAILED")
    assert problem.startswith("Die: NODE_CRASHED: ")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"{NODES}/Shouts", 404, "NOT_FOUND"),
        ("/invocations/v1/nodes/acme/lab/9.9.9/Shout", 404, "NOT_FOUND"),
        ("/invocations/v1/nodes/acme/none/1.0.0/Shout", 404, "NOT_FOUND"),
        (f"{NODES}/Split", 409, "WRONG_MODE"),
    ],
)
def test_node_that_cannot_be_called_is_refused(user: User, refused, path, status, code):
    refused(user.http.post(path, json={}), status, code)


def test_one_node_refuses_input_by_path(user: User, refused):
    answer = user.http.post(f"{NODES}/Shout", json={"txt": "", "count": "many"})
    problems = refused(answer, 422, "INVALID")
    assert sorted(problem.split(":")[0] for problem in problems) == ["input.count", "input.txt"]
