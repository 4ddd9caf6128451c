"""SIGTERM and Ctrl-C: five seconds, exit code 0, and what ran goes on at the next start."""

import json
import signal
import socket
import time
from collections.abc import Iterator

import pytest
from system.box import Box, Pids, User, running
from system.lab import STEPS, compiled, prepare, single

FRAMES = 300
FRAME_TEXT = "x" * 60_000


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with running(tmp_path_factory.mktemp("stopped") / "data") as box:
        prepare(box)
        yield box


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A box that gives running node calls and open requests some seconds to end."""
    directory = tmp_path_factory.mktemp("patient") / "data"
    with running(directory, engine_drain_s=3, server_stop_grace_s=3) as box:
        prepare(box)
        yield box


def stalled_reader(box: Box, graph_id: str) -> tuple[socket.socket, str]:
    """A client that asked for a stream and stopped reading it; the execution's ID."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(20)
    client.connect(("127.0.0.1", box.port))
    given = {"count": FRAMES, "log": FRAME_TEXT}
    body = json.dumps({"graph_id": graph_id, "input": given}).encode()
    head = (
        "POST /invocations/v1/flows/invoke/stream HTTP/1.1\r\nHost: box\r\n"
        f"Authorization: Bearer {box.key}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    client.sendall(head.encode() + body)
    got = b""
    while b'"execution_id": "' not in got:
        got += client.recv(1024)
    got += client.recv(1024)
    return client, got.split(b'"execution_id": "')[1][:32].decode()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_with_a_stalled_reader_and_running_nodes_is_graceful_and_bounded(box: Box, number):
    steps, nap, split = (compiled(box, flow) for flow in (STEPS, single("Nap"), single("Split")))
    with box.client() as user:
        client, stream = stalled_reader(box, split)
        user.ended(stream)  # the slow reader does not slow it
        unary = [user.accepted(steps, {"ms": 400}) for _ in range(3)]
        napping = user.accepted(nap, {"count": 60})
        user.started(napping, "nap")
    with client, Pids(box.node_pids()) as nodes:
        code, _ = box.stop(number, within_s=5.0)
        assert code == 0, box.log.read_text()[-3000:]
        assert nodes.all_dead_within(1.0)
    assert "Traceback" not in box.log.read_text()
    box.start()
    with box.client() as user:
        for identity in (*unary, napping):
            assert user.ended(identity)["status"] == "COMPLETED"
        assert user.execution(napping)["attempt"] == 2
        frames = user.resumed(stream)
        assert [event.id for event in frames] == [str(index) for index in range(FRAMES + 1)]


def test_stop_of_an_idle_box_is_quick_and_leaves_nothing_behind(box: Box):
    nap = compiled(box, single("Echo"))
    with box.client() as user:
        assert user.invoke(nap, {}, wait=True).json()["result"]["success"]
        with Pids(box.node_pids()) as nodes:
            code, seconds = box.stop()
            assert code == 0
            assert seconds < 4
            assert not nodes.alive()
    box.start()


def test_node_calls_that_end_within_the_drain_are_not_run_again(patient: Box):
    nap = compiled(patient, single("Nap"))
    with patient.client() as user:
        identity = user.accepted(nap, {"count": 1})
        user.started(identity, "nap")
    code, _ = patient.stop(within_s=8)
    assert code == 0
    patient.start()
    with patient.client() as user:
        record = user.execution(identity)
        assert (record["status"], record["attempt"]) == ("COMPLETED", 1)


def test_waiting_request_is_answered_when_its_execution_ends_during_the_stop(patient: Box):
    nap = compiled(patient, single("Nap"))
    body = json.dumps({"graph_id": nap, "input": {"count": 1}, "wait": True}).encode()
    head = (
        "POST /invocations/v1/flows/invoke HTTP/1.1\r\nHost: box\r\n"
        f"Authorization: Bearer {patient.key}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", patient.port), timeout=10) as client:
        client.sendall(head.encode() + body)
        with patient.client() as user:
            user.started(only_running(user), "nap")
        code, _ = patient.stop(within_s=8)
        assert code == 0
        answer = client.recv(65536)
        while more := client.recv(65536):
            answer += more
    assert b'"success":true' in answer
    patient.start()


def only_running(user: User) -> str:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found = user.get("/invocations/v1/executions?status=RUNNING")["executions"]
        if found:
            identity: str = found[0]["execution_id"]
            return identity
    raise AssertionError("nothing runs")


def test_second_signal_ends_it_at_once_and_loses_nothing(patient: Box):
    nap = compiled(patient, single("Nap"))
    with patient.client() as user:
        identity = user.accepted(nap, {"count": 60})
        user.started(identity, "nap")
    assert patient.process is not None
    patient.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    code, _ = patient.stop(signal.SIGTERM, within_s=2)
    assert code == 128 + signal.SIGTERM
    patient.start()
    with patient.client() as user:
        assert user.ended(identity)["status"] == "COMPLETED"
