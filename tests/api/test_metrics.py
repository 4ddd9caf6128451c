"""What the box tells Prometheus: the table of the README, with numbers that are true."""

import re
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families
from system.box import Box, User, running
from system.lab import NUMBERS, package, single

from axiomd.api.metrics import METRICS
from axiomd.execution.status import Status

README = (Path(__file__).resolve().parent.parent.parent / "README.md").read_text()
PROCESS = "axiomd_process_"


def scraped(user: User) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample by name and labels."""
    answer = user.http.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def value(samples, name: str, **labels: str) -> float:
    return samples.get((name, frozenset(labels.items())), 0.0)


def test_the_table_of_metrics_is_what_is_told(user: User):
    section = re.search(r"^### Metrics\n(.*?)(?=^#)", README, re.MULTILINE | re.DOTALL)
    assert section
    lines = [line for line in section[1].splitlines() if line.startswith("| `axiomd_")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert rows == [
        [
            f"`{metric.name}`",
            metric.kind,
            ", ".join(f"`{label}`" for label in metric.labels),
            metric.says,
        ]
        for metric in METRICS
    ]
    answer = user.http.get("/metrics").text
    told = set(re.findall(r"^# TYPE (\w+) (\w+)$", answer, re.MULTILINE))
    assert {(m.name, m.kind) for m in METRICS} == {
        (name, kind) for name, kind in told if not name.startswith(PROCESS)
    }
    assert PROCESS in answer


def test_executions_are_counted_by_their_ends_and_by_what_they_are(user: User, graph):
    before = scraped(user)
    user.ended(user.accepted(graph("Echo"), {}))
    user.ended(user.accepted(graph("Fail"), {}))
    napping = user.accepted(graph("Nap"), {"count": 600})
    user.started(napping, "nap")
    during = scraped(user)
    user.cancel(napping)
    after = scraped(user)

    def ends(samples, flow: str, status: str) -> float:
        name = "axiomd_executions_ended_total"
        return value(samples, name, tenant="default", flow=f"acme/{flow}", status=status)

    for flow, status in (("echo", "COMPLETED"), ("fail", "FAILED"), ("nap", "CANCELLED")):
        assert ends(after, flow, status) - ends(before, flow, status) == 1

    def running_now(samples) -> float:
        return value(samples, "axiomd_executions", status="RUNNING")

    assert running_now(during) - running_now(before) == 1
    assert running_now(after) == running_now(before)
    assert value(during, "axiomd_slots_used") >= 1
    assert value(after, "axiomd_executions_stored") - value(before, "axiomd_executions_stored") == 3
    calls = {"package": "acme/lab", "node": "Nap", "outcome": "cancelled"}
    name = "axiomd_node_calls_total"
    assert value(after, name, **calls) - value(before, name, **calls) == 1


def test_calls_batches_frames_and_requests_are_counted(user: User, graph):
    before = scraped(user)
    user.ended(user.accepted(graph("Echo"), {}))
    frames = user.streamed(graph(NUMBERS), {"count": 5})
    after = scraped(user)

    def more(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    assert more("axiomd_node_call_seconds_count", package="acme/lab", node="Echo") == 1
    # A mapped node is called once for each frame, a generator once for all of them.
    assert more("axiomd_node_call_seconds_count", package="acme/lab", node="Twice") == 5
    assert more("axiomd_node_call_seconds_count", package="acme/lab", node="Split") == 1
    assert more("axiomd_frames_total") == 15
    assert len(frames) == 6
    assert more("axiomd_commit_batch_commits_count") == more("axiomd_commit_batch_seconds_count")
    assert more("axiomd_commit_batch_commits_sum") >= 5
    invoked = {"method": "POST", "route": "/invocations/v1/flows/invoke", "status": "202"}
    assert more("axiomd_http_requests_total", **invoked) == 1
    shown = {"method": "GET", "route": "/invocations/v1/executions/<execution_id>"}
    assert more("axiomd_http_requests_total", **shown, status="200") >= 1
    assert more("axiomd_http_request_seconds_count", **shown) >= 1


def test_calls_are_counted_by_how_they_end(user: User, graph):
    before = scraped(user)
    user.ended(user.accepted(graph("Fail"), {}))
    user.ended(user.accepted(graph("Die"), {"flag": True, "text": "exit"}))
    user.streamed(graph("Burst"), {"count": 2})
    after = scraped(user)

    def more(node: str, outcome: str) -> float:
        labels = {"package": "acme/lab", "node": node, "outcome": outcome}
        name = "axiomd_node_calls_total"
        return value(after, name, **labels) - value(before, name, **labels)

    assert more("Fail", "failed") == more("Die", "crashed") == more("Burst", "failed") == 1


def test_paths_and_methods_of_nobody_make_no_series_of_their_own(user: User):
    for number in range(3):
        user.http.get(f"/invocations/v1/nothing-{number}")
        user.http.request(f"ODD{number}", "/invocations/v1/executions")
    samples = scraped(user)
    labels = [dict(found) for name, found in samples if name == "axiomd_http_requests_total"]
    assert "nothing" not in str(labels)
    known = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"}
    assert {found["method"] for found in labels} <= known


def test_each_status_of_what_has_not_ended_is_told_even_at_none(user: User):
    told = {dict(found)["status"] for name, found in scraped(user) if name == "axiomd_executions"}
    assert told == {status.value for status in Status if not status.ended}


def test_sizes_are_those_of_the_store(box: Box, user: User):
    samples = scraped(user)
    file = box.data_dir / "store" / "data.mdb"
    assert 0 < value(samples, "axiomd_store_bytes") <= file.stat().st_size
    assert value(samples, "axiomd_store_map_bytes") >= 2**30
    assert value(samples, "axiomd_event_loop_lag_seconds_count") > 0


def test_who_lives_is_counted_from_the_store_at_the_start(tmp_path):
    with running(tmp_path / "data", server_open_metrics="true") as box, box.client() as user:
        user.push(package())
        graph_id = user.compile(single("Nap"))
        identity = user.accepted(graph_id, {"count": 600})
        user.started(identity, "nap")
        box.restart()
        # Nobody has to show a key, as this box is set.
        with httpx.Client(base_url=box.url, trust_env=False) as anybody:
            told = anybody.get("/metrics")
            assert told.status_code == 200
        living = [
            line
            for line in told.text.splitlines()
            if line.startswith("axiomd_executions{") and not line.endswith(" 0.0")
        ]
        assert len(living) <= 1
        user.ended(identity)
        assert value(scraped(user), "axiomd_executions", status="RUNNING") == 0
        assert value(scraped(user), "axiomd_executions", status="QUEUED") == 0
