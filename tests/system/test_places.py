"""A box with hardly any processes: slower, never stuck, and honest about what only waited."""

import resource
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from system.box import Box, User, events, running
from system.lab import NUMBERS, compiled, prepare, single

from axiomd.limits import STREAM_AHEAD_FRAMES_MAX

SMALL = {
    "runners_processes_max": 1,
    "runners_processes_initial": 1,
    "runners_streams_max": 1,
}


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with running(tmp_path_factory.mktemp("places") / "data", **SMALL) as box:
        prepare(box)
        yield box


def test_pipelines_with_more_generators_than_processes_complete(box: Box, user: User):
    """Two generators and a unary node each; the first one runs as far ahead as it may."""
    numbers = compiled(box, NUMBERS)
    count = STREAM_AHEAD_FRAMES_MAX + 100
    with ExitStack() as opened:
        answers = [opened.enter_context(user.stream(numbers, {"count": count})) for _ in range(4)]
        for answer in answers:
            told = list(events(answer))
            record = user.ended(told[0].data["execution_id"])
            assert (record["status"], record["attempt"]) == ("COMPLETED", 1), record
            assert sum(event.id is not None for event in told) > count


def test_cancel_says_that_a_call_which_only_waited_was_not_killed(
    box: Box, user: User, tmp_path: Path
):
    nap = compiled(box, single("Nap"))
    told = tmp_path / "pid"
    first = user.accepted(nap, {"count": 600, "log": str(told)})
    deadline = time.monotonic() + 10
    while not told.exists():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    second = user.accepted(nap, {"count": 600})
    user.started(second, "nap")
    for identity, how in ((second, "cooperative"), (first, "killed")):
        (stopped,) = user.cancel(identity).json()["stopped"]
        assert (stopped["placement"], stopped["attempt"], stopped["how"]) == ("nap", 1, how)


def test_box_takes_all_the_descriptors_it_may_have(box: Box):
    assert box.process is not None
    soft, hard = resource.prlimit(box.process.pid, resource.RLIMIT_NOFILE)
    assert soft == hard


def test_drafts_of_a_box_that_was_killed_are_removed(tmp_path: Path):
    data = tmp_path / "data"
    drafts = [data / "packages/.new-x", data / "blobs/.drafts"]
    for draft in drafts:
        draft.mkdir(parents=True)
        (draft / "half").write_bytes(b"half")
    with running(data):
        assert not any(draft.exists() for draft in drafts)
