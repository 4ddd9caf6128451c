"""What fails is tried again, and what must run once is not, through deaths of the whole box."""

import itertools
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from system.box import Box, User, running
from system.lab import compiled, configured, prepare

from axiomd.cli.main import cli
from axiomd.clock import NS_PER_S

ATTEMPTS = {"max_attempts": 4, "initial_interval_ms": 300, "backoff_coefficient": 1}


def calls(log: Path) -> list[tuple[str, int, int]]:
    """Effect key, attempt and time of each call that a node recorded."""
    lines = [line.split() for line in log.read_text().splitlines()]
    return [(key, int(attempt), int(at_ns)) for _, _, key, attempt, at_ns in lines]


def wait_for(log: Path, count: int) -> None:
    deadline = time.monotonic() + 20
    while not log.exists() or len(calls(log)) < count:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_attempts_and_their_times_outlive_the_box(box: Box, user: User, tmp_path: Path):
    flaky, log = compiled(box, configured("flaky", "Flaky", retry=ATTEMPTS)), tmp_path / "log"
    identity = user.accepted(flaky, {"count": 3, "log": str(log)})
    for count in (1, 2, 3):
        wait_for(log, count)
        box.restart()
    assert user.ended(identity)["status"] == "COMPLETED"
    keys, attempts, times = zip(*calls(log), strict=True)
    assert len(set(keys)) == 1, "the effect key is the same for every attempt"
    assert attempts == (1, 2, 3, 4)
    pauses = [(after - before) / NS_PER_S for before, after in itertools.pairwise(times)]
    assert min(pauses) >= ATTEMPTS["initial_interval_ms"] / 1000, "a restart shortens no pause"


def test_waiting_caller_sees_the_result_and_nothing_of_the_failures_before(box: Box, user: User):
    flaky = compiled(box, configured("flaky", "Flaky", retry=ATTEMPTS))
    result = user.invoke(flaky, {"count": 2, "text": "x"}, wait=True).json()["result"]
    assert (result["success"], result["output"]["text"]) == (True, "x")


@pytest.mark.parametrize("final", ["LookupError", "Exception", "NODE_ERROR"])
def test_failure_that_the_policy_calls_final_is_the_end(box: Box, user: User, final: str):
    policy = {**ATTEMPTS, "non_retryable": [final]}
    flaky = compiled(box, configured("flaky", "Flaky", retry=policy))
    failure = user.invoke(flaky, {"count": 2}, wait=True).json()["result"]["failure"]
    assert (failure["kind"], failure["attempts"]) == ("NODE_ERROR", 1)
    assert failure["message"] == "LookupError: attempt 1"


def test_timeout_is_an_attempt(box: Box, user: User):
    patient = configured("nap", "Nap", timeout_seconds=1, retry=ATTEMPTS)
    identity = user.accepted(compiled(box, patient), {"count": 600})
    assert user.ended(identity)["status"] == "COMPLETED"
    kinds = [event["kind"] for event in user.execution(identity, "/events")["events"]]
    assert (kinds.count("node_timed_out"), kinds.count("node_retry_scheduled")) == (1, 1)


def test_what_sleeps_is_cancelled_for_good(box: Box, user: User, tmp_path: Path):
    slow = {**ATTEMPTS, "initial_interval_ms": 1_000}
    flaky, log = compiled(box, configured("flaky", "Flaky", retry=slow)), tmp_path / "log"
    identity = user.accepted(flaky, {"count": 1, "log": str(log)})
    while user.execution(identity)["waiting_on"] is None:
        time.sleep(0.005)
    record = user.execution(identity)
    assert record["status"] == "RUNNING"
    assert record["waiting_on"]["until"] > record["updated_at"]
    answer = user.cancel(identity)
    assert (answer.status_code, answer.json()["stopped"]) == (202, [])
    assert user.cancel(identity).status_code == 409
    box.restart()
    time.sleep(1.2)
    assert user.execution(identity)["status"] == "CANCELLED"
    assert len(calls(log)) == 1


ONCE = {"timeout_seconds": 600, "once": True}


def napping(box: Box, user: User, log: Path) -> str:
    """An execution whose node, which must run once, was in flight when the box died."""
    identity = user.accepted(
        compiled(box, configured("charge", "Step", **ONCE)),
        {"text": "a ", "ms": 600_000, "log": str(log)},
    )
    wait_for(log, 1)
    box.restart()
    assert user.reached(identity, {"PAUSED_HITL"})["waiting_on"]["in_doubt"] == ["only"]
    return identity


def test_node_that_must_run_once_waits_in_doubt_until_somebody_says_it_has(
    box: Box, user: User, tmp_path: Path
):
    identity = napping(box, user, tmp_path / "log")
    box.restart()
    assert user.execution(identity)["status"] == "PAUSED_HITL"
    said = settle(user, identity, happened=True, output={"text": "told"}, comment="seen")
    assert said.status_code == 200, said.text
    assert user.ended(identity)["status"] == "COMPLETED"
    assert user.execution(identity, "/output")["output"]["text"] == "told"
    (event,) = user.execution(identity, "/events?kind=node_settled")["events"]
    assert (event["position"], event["detail"]) == ("only", {"happened": True, "comment": "seen"})
    assert len(calls(tmp_path / "log")) == 1
    assert settle(user, identity, happened=False).status_code == 409


def test_node_that_must_run_once_runs_again_when_somebody_says_it_has_not(
    box: Box, user: User, tmp_path: Path
):
    identity = napping(box, user, tmp_path / "log")
    command = ["executions", "settle", identity, "only", "--not-happened", "--json"]
    told = CliRunner().invoke(cli, [*command, "--url", box.url, "--key", box.key])
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["happened"] is False
    wait_for(tmp_path / "log", 2)
    (first, _, _), (second, attempt, _) = calls(tmp_path / "log")
    assert (second, attempt) == (first, 2)
    (stopped,) = user.cancel(identity).json()["stopped"]
    assert (stopped["attempt"], stopped["how"]) == (2, "killed")


def test_node_process_that_is_killed_leaves_a_once_node_in_doubt(
    box: Box, user: User, tmp_path: Path
):
    told = tmp_path / "pid"
    nap = compiled(box, configured("nap-once", "Nap", **ONCE))
    identity = user.accepted(nap, {"count": 600, "log": str(told)})
    deadline = time.monotonic() + 10
    while not told.exists():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(box.teller(told), signal.SIGKILL)
    assert user.reached(identity, {"PAUSED_HITL"})["waiting_on"]["in_doubt"] == ["only"]
    assert user.cancel(identity).status_code == 202


@pytest.fixture(scope="module")
def doubtful(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[User, str]]:
    """An execution in doubt, which no test changes."""
    directory = tmp_path_factory.mktemp("doubtful")
    with running(directory / "data") as box, box.client() as user:
        prepare(box)
        yield user, napping(box, user, directory / "log")


def settle(user: User, identity: str, **body: object):
    path = f"/invocations/v1/executions/{identity}/settle"
    return user.http.post(path, json={"position": "only", **body})


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"happened": True}, "output"),
        ({"happened": False, "output": {}}, "output"),
        ({"happened": True, "output": {"txt": "x"}}, "output.txt"),
        ({"happened": True, "output": {"count": "x"}}, "output.count"),
        ({"happened": False, "position": "#"}, "position"),
        ({"happened": "yes"}, "happened"),
        ({"happened": False, "coment": "x"}, "coment"),
        ({"happened": False, "comment": "x" * 5_000}, "comment"),
    ],
)
def test_settlement_that_makes_no_sense_is_refused_by_its_path(doubtful, body, path):
    user, identity = doubtful
    answer = settle(user, identity, **body)
    assert answer.status_code == 422, answer.text
    assert path in [problem["path"] for problem in answer.json()["problems"]]
    assert user.execution(identity)["waiting_on"]["in_doubt"] == ["only"]
