"""A start with very much to take up: the box answers who asks how it is, and nobody else yet."""

import time
from pathlib import Path

import httpx
from system.box import Box
from system.lab import compiled, prepare, single
from worlds.rows import StillDriver, commit_now

from axiomd.clock import SystemClock
from axiomd.execution.execution import queued
from axiomd.execution.flow_configs import Terms
from axiomd.execution.journal import Payload
from axiomd.ids import Ids
from axiomd.settings import StoreSettings
from axiomd.store import commit as commits
from axiomd.store.env import open_store
from axiomd.store.reader import Reader
from axiomd.store.writer import Writer

CLAIMED = 12_000


def claim_many(box: Box, graph_id: str) -> None:
    """Executions that a worker had when its box died."""
    clock = SystemClock()
    ids = Ids(clock)
    with open_store(StoreSettings(sync=False), box.data_dir) as store:
        writer = Writer(store, lambda _: None)
        writer.drive(StillDriver())
        artifact = Reader(store).artifact("default", graph_id)
        for _ in range(CLAIMED):
            execution = queued(ids.execution_id(), artifact, Terms(300.0), clock.now_ns())
            writer.submit(commits.accept(execution, Payload(0, b""), claimed=True))
        commit_now(writer)
        assert len(Reader(store).claimed()) == CLAIMED


def test_a_box_that_recovers_is_alive_and_refuses_the_others_until_it_is_ready(tmp_path: Path):
    box = Box(tmp_path / "data", engine_slots=1)
    box.start()
    try:
        prepare(box)
        graph_id, key = compiled(box, single("Echo")), box.key
        box.kill()
        claim_many(box, graph_id)
        box.start()
        refusals, codes = 0, []
        with httpx.Client(**box.client_options(key)) as http:
            deadline = time.monotonic() + 60
            while (ready := http.get("/readyz")).status_code != 200:
                assert time.monotonic() < deadline
                codes.append(ready.json()["code"])
                assert ready.headers["retry-after"] == "1"
                assert http.get("/healthz").status_code == 200
                assert http.get("/metrics").status_code == 200
                body = {"graph_id": graph_id, "input": {}}
                for method, path in (
                    ("POST", "/invocations/v1/flows/invoke"),
                    ("GET", "/invocations/v1/executions"),
                ):
                    told = http.request(method, path, json=body if method == "POST" else None)
                    if told.status_code == 503:
                        assert told.json()["code"] == "RECOVERING"
                        assert told.headers["retry-after"] == "1"
                        refusals += 1
            assert set(codes) == {"RECOVERING"}
            assert refusals
            assert http.get("/invocations/v1/executions").status_code == 200
    finally:
        if box.process is not None:
            box._end()
