"""One execution in each wire status, and the box killed there: it is in that status afterwards."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from system.box import User
from system.lab import configured, flow, single

ENDED = {"COMPLETED", "FAILED", "CANCELLED"}
LABELS = {
    "QUEUED": "queued",
    "RUNNING": "running",
    "PAUSED_HITL": "paused (hitl)",
    "WAITING_ON_GATE": "waiting on gate",
    "DEBUG_PAUSED": "debug paused",
    "COMPLETED": "completed",
    "FAILED": "failed",
    "COMPENSATING": "compensating",
    "CANCELLED": "cancelled",
}
ENDS = dict.fromkeys(LABELS, "COMPLETED") | {
    "FAILED": "FAILED",
    "COMPENSATING": "FAILED",
    "CANCELLED": "CANCELLED",
}
UNDOING = flow(
    "undoing",
    {"done": {"node": "Echo", "config": {"compensate": {"node": "Execute"}}}, "last": "Fail"},
    ("done last",),
)


def gated(child: str) -> dict[str, Any]:
    """A gate that one arm has come to, while the other is a child execution that asks a person."""
    document = flow(
        "gated", {"start": "Echo", "quick": "Echo", "end": "Echo"}, ("start quick", "quick end")
    )
    document["nodes"].append({"alias": "child", "subflow": child})
    document["edges"] += [{"from": "start", "to": "child"}, {"from": "child", "to": "end"}]
    return document


def until(there: Path) -> dict[str, str]:
    """The input of a call that lasts until a file is there."""
    return {"text": f"import os, time\nwhile not os.path.exists({str(there)!r}): time.sleep(0.01)"}


def begin(user: User, released: Path) -> dict[str, str]:
    """An execution in each status, by status."""
    asking = user.compile(configured("asking", "Echo", hitl={}))
    single_call = user.compile(single("Execute"))
    debugged = user.http.post(
        "/app/v1/debug", json={"graph_id": single_call, "input": {}, "paused": True}
    )
    begun = {
        "PAUSED_HITL": user.accepted(asking, {}),
        "WAITING_ON_GATE": user.accepted(user.compile(gated(asking)), {}),
        "DEBUG_PAUSED": debugged.json()["execution_id"],
        "COMPLETED": user.accepted(single_call, {}),
        "FAILED": user.accepted(user.compile(single("Fail")), {}),
        "CANCELLED": user.accepted(asking, {}),
    }
    assert user.cancel(begun["CANCELLED"]).status_code == 202
    for status, identity in begun.items():
        user.reached(identity, {status})
    # Each holds one of the two slots from now on.
    begun["COMPENSATING"] = user.accepted(user.compile(UNDOING), until(released))
    user.reached(begun["COMPENSATING"], {"COMPENSATING"})
    begun["RUNNING"] = user.accepted(single_call, until(released))
    user.started(begun["RUNNING"], "execute")
    # The next box begins with those that were there first, so that this one goes on waiting.
    begun["QUEUED"] = user.accepted(single_call, until(released))
    return begun


def label(user: User, identity: str, status: str) -> str:
    """What the box calls an execution when it refuses something that cannot be done in its status.

    Nothing of one that has not failed can be tried again, and none that has ended cancelled.
    """
    path = f"/invocations/v1/executions/{identity}/retry"
    refused = user.cancel(identity) if status in ENDED else user.http.post(path)
    assert refused.status_code == 409, refused.text
    sentence: str = refused.json()["error"]
    return sentence.partition(" is ")[2].rstrip(".").partition(":")[0]


def check(user: User, begun: Mapping[str, str]) -> None:
    """Each is in its status, in every view of it, and stays there."""
    deadline = time.monotonic() + 20
    for status, identity in begun.items():
        # What was claimed goes through the queue of the next box.
        while (
            label(user, user.reached(identity, {status})["execution_id"], status) != LABELS[status]
        ):
            assert time.monotonic() < deadline
        listed = user.get(f"/invocations/v1/executions?status={status}")["executions"]
        assert identity in [one["execution_id"] for one in listed]
        assert user.execution(identity)["status"] == status


def approve_all(user: User) -> None:
    for pause in user.get("/invocations/v1/pauses")["pauses"]:
        path = f"/invocations/v1/executions/{pause['execution_id']}/pauses/{pause['pause_id']}"
        assert user.http.post(f"{path}/resume", json={"decision": "approve"}).status_code == 200


def test_every_status_outlives_the_box_and_comes_to_its_proper_end(open_box, tmp_path: Path):
    box, released = open_box(engine_slots=2), tmp_path / "released"
    with box.client() as user:
        begun = begin(user, released)
        check(user, begun)
        box.restart()
        check(user, begun)
        approve_all(user)
        go_on = user.http.post(f"/app/v1/debug/{begun['DEBUG_PAUSED']}/continue")
        assert go_on.status_code == 200
        released.touch()
        for status, identity in begun.items():
            assert user.ended(identity)["status"] == ENDS[status]
