"""A data directory that a version of format 4 left in the middle of its work: this one goes on.

`box_of_format_4.txt` was written by that version, killed while two nodes ran: the names of its
tables, a key, what its executions and artifacts were called, the blobs, then a row on each line.
"""

import base64
import zlib
from collections.abc import Iterator
from pathlib import Path

import attrs
import httpx
import pytest
from system.box import Box, User
from worlds.old_format import write_store

from axiomd.store import keys
from axiomd.store.env import FORMAT

RECORD = Path(__file__).with_name("box_of_format_4.txt")


@attrs.frozen
class Old:
    """What that version wrote, by the names that the record gives."""

    box: Box
    key: str
    executions: dict[str, str]
    flows: dict[str, str]


def restore(directory: Path) -> tuple[str, dict[str, str], dict[str, str]]:
    """The directory as it was left; the key, the executions and the artifacts."""
    tables, key, executions, flows, *stored = RECORD.read_text().splitlines()
    blobs = [line.split()[1:] for line in stored if line.startswith("blob ")]
    for place, content in blobs:
        file = directory / "blobs" / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(zlib.decompress(base64.b64decode(content)))
    write_store(directory, [tables, *(line for line in stored if not line.startswith("blob "))])
    pairs = [dict(part.split("=") for part in line.split()[1:]) for line in (executions, flows)]
    return key.split()[1], pairs[0], pairs[1]


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Old]:
    """The box of this version on it; what has ended is kept, however long ago that was."""
    directory = tmp_path_factory.mktemp("format-4") / "data"
    directory.mkdir()
    (directory / "store").mkdir()
    key, executions, flows = restore(directory)
    box = Box(directory, retention_days=0)
    box.start()
    try:
        yield Old(box, key, executions, flows)
        # What it did with the old rows is whole: `kill` looks at all of them.
        box.kill()
    finally:
        if box.process is not None:
            box.process.kill()
            box.process.wait()


@pytest.fixture
def user(old: Old) -> Iterator[User]:
    """Who has the key that was made then."""
    with old.box.client(old.key) as user:
        yield user


def test_the_first_start_brings_it_to_this_format(old):
    with old.box.open_store() as store, store.read() as transaction:
        assert transaction.get(b"format", db=store.tables[keys.META]) == str(FORMAT).encode()


def test_what_had_ended_is_told_as_it_was(old, user):
    ended = {
        name: user.execution(old.executions[name])["status"]
        for name in ("echo", "grow", "fail", "told", "cancelled", "split", "fork")
    }
    assert ended == {
        "echo": "COMPLETED",
        "grow": "COMPLETED",
        "fail": "FAILED",
        "told": "COMPLETED",
        "cancelled": "CANCELLED",
        "split": "COMPLETED",
        "fork": "FAILED",
    }
    large = user.execution(old.executions["grow"], "/output")["output"]["text"]
    assert large == "large " * 20_000
    assert [one["checkpoints"][0]["output"] for one in checkpoints(old, user, "fail", "fork")] == [
        {"text": "old", "count": 3},
        {"text": "fork", "count": 1},
    ]
    frames = user.resumed(old.executions["split"])
    assert [event.data["payload"] for event in frames[:-1]] == [
        {"text": "old", "count": number} for number in range(3)
    ]


def checkpoints(old, user, *names):
    return [user.execution(old.executions[name], "/checkpoints") for name in names]


def test_what_was_in_work_goes_on(old, user):
    for name in ("nap", "flaky"):
        assert user.ended(old.executions[name])["status"] == "COMPLETED"
        kinds = [e["kind"] for e in user.execution(old.executions[name], "/events")["events"]]
        assert kinds.count("node_completed") == (2 if name == "nap" else 1)
    doubtful = old.executions["once"]
    said = user.http.post(
        f"/invocations/v1/executions/{doubtful}/settle",
        json={"position": "nap", "happened": True, "output": {"text": "settled", "count": 1}},
    )
    assert said.status_code in (200, 202), said.text
    assert user.ended(doubtful)["status"] == "COMPLETED"
    assert user.execution(doubtful, "/output")["output"]["text"] == "settled"


def test_a_person_answers_what_that_version_asked(old, user):
    below = f"/invocations/v1/executions/{old.executions['ask']}/pauses"
    (pause,) = user.get(below)["pauses"]
    assert (pause["status"], pause["payload"]) == ("OPEN", {"ask": "go on?"})
    answer = user.http.post(f"{below}/{pause['pause_id']}/resume", json={"decision": "approve"})
    assert answer.status_code in (200, 202), answer.text
    assert user.ended(old.executions["ask"])["status"] == "COMPLETED"


def test_a_debug_session_is_held_where_it_was_and_goes_on(old, user):
    session = f"/app/v1/debug/{old.executions['debug']}"
    assert [held["placement"] for held in user.get(session)["held"]] == ["fail"]
    assert user.http.post(f"{session}/continue").status_code in (200, 202)
    assert user.ended(old.executions["debug"])["status"] == "FAILED"


def test_keys_idempotency_and_artifacts_hold(old, user):
    given = {"text": "old", "count": 3}
    same = user.accepted(old.flows["echo"], given, headers={"Idempotency-Key": "once"})
    assert same == old.executions["echo"]
    fresh = user.ended(user.accepted(old.flows["echo"], given))
    assert fresh["status"] == "COMPLETED"
    listed = {one["name"] for one in user.get("/app/v1/keys")["keys"]}
    assert "second" in listed
    assert "revoked" not in listed
    assert user.get("/app/v1/webhooks")["webhooks"][0]["url"] == "http://127.0.0.1:9/hook"
    told = user.get(f"/invocations/v1/executions/{old.executions['told']}/webhooks")
    assert told["webhooks"][0]["to"] == "http://127.0.0.1:9"
    session = httpx.post(f"{old.box.url}/app/v1/session", json={"key": old.key}, trust_env=False)
    assert session.status_code == 201
