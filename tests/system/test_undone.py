"""A flow that fails is undone through deaths of the whole box, and of the node that undoes."""

import time
from pathlib import Path

from system.box import Box, User
from system.lab import UNDONE, compiled

STEP_MS = 250


def calls(log: Path) -> list[str]:
    """The placements whose nodes were called, in order; `undo-one` for what undoes `one`."""
    return [line.split()[1] for line in log.read_text().splitlines()] if log.exists() else []


def wait_for(log: Path, call: str) -> None:
    deadline = time.monotonic() + 20
    while call not in calls(log):
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_the_box_dies_while_it_undoes_and_goes_on_at_the_step_that_is_not_over(
    box: Box, user: User, tmp_path: Path
):
    log = tmp_path / "log"
    given = {"text": "x ", "log": str(log), "ms": STEP_MS}
    identity = user.accepted(compiled(box, UNDONE), given)
    for call in ("undo-three", "undo-two", "undo-one"):
        wait_for(log, call)
        box.restart()
    record = user.ended(identity)
    assert (record["status"], record["failure"]["placement"]) == ("FAILED", "last")
    steps = [(step["position"], step["status"]) for step in record["compensation"]["steps"]]
    assert steps == [("three", "DONE"), ("two", "DONE"), ("one", "DONE")]
    assert calls(log) == ["one", "two", "three", *(f"undo-{n}" for n in THRICE)]
    keys = {line.split()[2] for line in log.read_text().splitlines()}
    assert len(keys) == 6, "one effect key for each visit, and one for its undoing"


THRICE = ("three", "three", "two", "two", "one", "one")
"""Each was in flight when the box died, and was made again; none was made after its checkpoint."""
