"""Ended executions of a real box, after their time."""

import json
import time
from pathlib import Path

from click.testing import CliRunner
from system.box import Box
from system.conftest import OpenBox
from system.lab import compiled, single

from axiomd.cli.exits import Exit
from axiomd.cli.main import cli

FOREVER_DAYS = "0"
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


def set_days(box: Box, tenant: str, *words: str) -> dict[str, object]:
    command = ["tenants", "retention", tenant, *words, "--data-dir", str(box.data_dir), "--json"]
    told = CliRunner().invoke(cli, command)
    assert told.exit_code == 0, told.output
    shown: dict[str, object] = json.loads(told.stdout)
    return shown


def test_tenant_has_its_own_time_as_soon_as_it_is_set(open_box: OpenBox) -> None:
    box = open_box()
    echo = compiled(box, single("Echo"))
    with box.client() as user:
        old = user.accepted(echo, {"text": "x"})
        assert user.ended(old)["status"] == "COMPLETED"
    assert set_days(box, "default")["own"] is False
    assert set_days(box, "default", "--days", FOREVER_DAYS)["retention_days"] == 0
    box.stop()
    box.settings["retention_days"] = SOON_DAYS
    box.start()
    with box.client() as user:
        other = user.accepted(echo, {"text": "y"})
        assert user.ended(other)["status"] == "COMPLETED"
        assert user.execution(old)["status"] == "COMPLETED", "kept for ever"
    assert set_days(box, "default", "--default")["own"] is False
    box.stop()
    box.start()
    with box.client() as user:
        deadline = time.monotonic() + WITHIN_S
        while user.http.get(f"/invocations/v1/executions/{old}").status_code != 404:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_tenant_that_does_not_exist_is_refused_with_the_nearest_one(open_box: OpenBox) -> None:
    box = open_box()
    assert box.key
    command = ["tenants", "retention", "defautl", "--days", "1", "--data-dir", str(box.data_dir)]
    told = CliRunner().invoke(cli, command)
    assert told.exit_code == Exit.NOT_FOUND
    assert "did you mean 'default'?" in told.output
