"""A store that cannot grow: 503 with Retry-After, nothing lost, reads served, and on it goes."""

import resource
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from system.box import Box, User, running
from system.lab import STEPS, compiled, package, prepare, single

TEXT = "x" * 30_000
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with running(tmp_path_factory.mktemp("full") / "data") as box:
        prepare(box)
        yield box


def fill(user: User, graph_id: str) -> tuple[list[str], httpx.Response]:
    """Accepted executions until the first refusal, and that refusal."""
    accepted = []
    for _ in range(2000):
        answer = user.invoke(graph_id, {"text": TEXT})
        if answer.status_code != 202:
            return accepted, answer
        accepted.append(answer.json()["execution_id"])
    raise AssertionError("the store never filled up")


def assert_store_full(answer: httpx.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.json()["code"] == "STORE_FULL"
    assert int(answer.headers["Retry-After"]) > 0


def test_full_map_refuses_new_executions_and_keeps_the_old_ones(open_box):
    box: Box = open_box(store_map_size_bytes=3 * MIB, engine_payload_bytes_max=MIB)
    echo = compiled(box, single("Echo"))
    with box.client() as user:
        accepted, refusal = fill(user, echo)
        assert_store_full(refusal)
        assert accepted
        more, refusal = fill(user, echo)
        assert_store_full(refusal)
        accepted += more
        for identity in accepted:
            assert user.execution(identity)["execution_id"] == identity
        assert user.http.get("/healthz").status_code == 200
    code, _ = box.stop()
    assert code == 0
    box.settings["store_map_size_bytes"] = 64 * MIB
    box.start()
    with box.client() as user:
        for identity in accepted:
            assert user.ended(identity)["status"] == "COMPLETED"
            assert user.execution(identity, "/output")["output"]["text"] == TEXT
        listed = user.get("/invocations/v1/executions?limit=1000")["executions"]
        assert {row["execution_id"] for row in listed} == set(accepted)
        assert user.invoke(echo, {}, wait=True).json()["result"]["success"]


def limit_files(box: Box, size: int) -> None:
    """The largest file that the running server may write: the kernel's way to a full disk."""
    _, hard = resource.prlimit(box.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(box.pid, resource.RLIMIT_FSIZE, (size, hard))


def test_full_disk_refuses_large_payloads_and_takes_them_later(box: Box):
    echo = compiled(box, single("Echo"))
    large = "y" * 300_000
    with box.client() as user:
        limit_files(box, 100_000)
        assert_store_full(user.invoke(echo, {"text": large}))
        limit_files(box, resource.RLIM_INFINITY)
        done = user.invoke(echo, {"text": large}, wait=True).json()
        assert done["result"]["output"]["text"] == large


def test_full_disk_is_survived_and_executions_in_flight_finish_when_it_has_room(box: Box):
    echo, steps = compiled(box, single("Echo")), compiled(box, STEPS)
    store = Path(box.data_dir / "store" / "data.mdb")
    with box.client() as user:
        before = user.accepted(echo, {"text": "before"})
        user.ended(before)
        in_flight = [user.accepted(steps, {"ms": 300, "text": TEXT}) for _ in range(4)]
        # Room for a part of a write: a disk that fills up takes the first pages of the last one.
        limit_files(box, store.stat().st_size + 84 * 1024)
        accepted, refusal = fill(user, echo)
        assert_store_full(refusal)
        time.sleep(0.5)
        more, refusal = fill(user, echo)
        assert_store_full(refusal)
        accepted += more
        assert user.execution(before, "/output")["output"]["text"] == "before"
        assert user.get("/invocations/v1/executions?limit=5")["executions"]
        for identity in (*in_flight, *accepted):
            assert user.execution(identity)["status"] != "FAILED"
        key = user.http.post("/app/v1/keys", json={"name": "x" * 90})
        assert key.status_code in (201, 503)
        limit_files(box, resource.RLIM_INFINITY)
        for identity in (*in_flight, *accepted):
            assert user.ended(identity, within_s=30)["status"] == "COMPLETED"
        last = user.invoke(echo, {"text": "after"}, wait=True)
        assert last.json()["result"]["output"]["text"] == "after"


def test_full_disk_refuses_a_push_and_takes_it_later(box: Box):
    files = package(version="2.0.0")
    with box.client() as user:
        # No room for the compiler's files, for the package's own, for the commit.
        for room in (0, 1_000, 4_096, 16_384):
            limit_files(box, room)
            assert_store_full(user.push(files))
        limit_files(box, resource.RLIM_INFINITY)
        assert user.push(files).status_code == 201
