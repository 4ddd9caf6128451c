"""Ended executions of a real box, after their time."""

import time
from pathlib import Path

from system.box import Box
from system.conftest import OpenBox
from system.lab import compiled, single

SOON_DAYS = 1e-6
WITHIN_S = 20.0


def payloads(box: Box) -> list[Path]:
    return [path for path in (box.data_dir / "blobs").glob("??/*") if path.stat().st_size > 90_000]


def test_executions_are_forgotten_with_their_payloads_and_keys(open_box: OpenBox) -> None:
    box = open_box()
    echo = compiled(box, single("Echo"))
    key = {"Idempotency-Key": "once"}
    with box.client() as user:
        given = {"text": "x" * 100_000}
        old = user.accepted(echo, given, headers=key)
        assert user.ended(old)["status"] == "COMPLETED"
        assert payloads(box)
    box.stop()
    box.settings["retention_days"] = SOON_DAYS
    box.start()
    with box.client() as user:
        deadline = time.monotonic() + WITHIN_S
        path = f"/invocations/v1/executions/{old}"
        while user.http.get(path).status_code != 404 or payloads(box):
            assert time.monotonic() < deadline, box.log.read_text()[-2000:]
            time.sleep(0.02)
        assert user.accepted(echo, {"text": "another body"}, headers=key) != old
        # What nodes run is still there.
        assert user.invoke(echo, {"text": "again"}, wait=True).json()["result"]["success"]
    box.kill()
