"""A flow that waits for a person, through `kill -9` of the whole box."""

import time
from pathlib import Path

import pytest
from system.box import Box, User
from system.lab import compiled, flow


def asking(**hitl: object) -> dict[str, object]:
    return {"node": "Step", "config": {"hitl": hitl}}


def open_pauses(user: User, identity: str) -> dict[str, str]:
    """Position to ID of what waits."""
    waiting = user.reached(identity, {"PAUSED_HITL"})["waiting_on"]
    return {pause["position"]: pause["pause_id"] for pause in waiting["pauses"]}


def resume(user: User, identity: str, pause: str, **body: object) -> int:
    path = f"/invocations/v1/executions/{identity}/pauses/{pause}/resume"
    return user.http.post(path, json=body).status_code


def calls(log: Path) -> list[str]:
    return [line.split()[1] for line in log.read_text().splitlines()]


def test_pauses_and_their_answers_outlive_the_box(box: Box, user: User, tmp_path: Path):
    document = flow(
        "two-asked",
        {"start": "Step", "left": asking(), "right": asking(), "end": "Step"},
        ("start left", "start right", "left end", "right end"),
    )
    log = tmp_path / "log"
    identity = user.accepted(compiled(box, document), {"text": "", "log": str(log)})
    while len(waiting := open_pauses(user, identity)) < 2:
        time.sleep(0.005)
    box.restart()
    assert open_pauses(user, identity) == waiting
    assert calls(log) == ["start"]
    told = {"text": "told ", "log": str(log)}
    assert resume(user, identity, waiting["left"], decision="approve", value=told) == 200
    # Whatever it was doing at this instant: the answer was confirmed, and so it stays.
    box.restart()
    assert resume(user, identity, waiting["left"], decision="reject") == 409
    while set(open_pauses(user, identity)) != {"right"} or "left" not in calls(log):
        time.sleep(0.005)
    assert resume(user, identity, waiting["right"], decision="approve") == 200
    box.restart()
    assert user.ended(identity)["status"] == "COMPLETED"
    statuses = [view["status"] for view in user.execution(identity, "/pauses")["pauses"]]
    assert statuses == ["RESUMED", "RESUMED"]
    steps = user.execution(identity, "/checkpoints")["checkpoints"]
    outputs = {step["placement"]: step["output"]["text"] for step in steps}
    assert outputs["left"] == "told left "
    assert outputs["right"] == "start right "


@pytest.mark.parametrize(
    ("policy", "status"), [("CANCEL", "CANCELLED"), ("FAIL", "FAILED"), ("CONTINUE", "COMPLETED")]
)
def test_a_pause_that_expires_while_the_box_is_dead_is_let_go_by_the_next(
    box: Box, user: User, policy: str, status: str
):
    hitl = asking(timeout_seconds=1, timeout_policy=policy)
    document = flow(f"late-{policy.lower()}", {"only": hitl})
    identity = user.accepted(compiled(box, document), {"text": "x"})
    (pause,) = open_pauses(user, identity).values()
    box.kill()
    time.sleep(1.1)
    box.start()
    assert resume(user, identity, pause, decision="approve") == 409
    assert user.ended(identity)["status"] == status
    (view,) = user.execution(identity, "/pauses")["pauses"]
    assert view["status"] == "EXPIRED"
