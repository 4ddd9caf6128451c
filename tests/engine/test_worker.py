"""A slot outlives whatever happens in it, and leaves no execution claimed by nobody."""

import attrs
import pytest
import trio
from worlds.box import Physics, open_box
from worlds.flows import BRANCHING, Behaviour, Story, flow
from worlds.oracle import expected

from axiomd.engine.attempt import Attempt
from axiomd.engine.worker import give_back, loss
from axiomd.errors import StoreFailed
from axiomd.execution.status import Status
from axiomd.limits import LOSSES_MAX
from axiomd.settings import EngineSettings
from axiomd.store.commit import RowsCommit

ENDLESS = {"loop": True, "max_iterations": 1_000}


class Forgetful(dict):
    """Runners that are missing until somebody has looked a few times: a bug of the box."""

    def __init__(self, runners, times):
        super().__init__(runners)
        self.times = times

    def __getitem__(self, name):
        if self.times:
            self.times -= 1
            raise RuntimeError("a bug")
        return super().__getitem__(name)


def forget(box, times):
    object.__setattr__(box.parts, "runners", Forgetful(box.parts.runners, times))


@pytest.mark.parametrize("seed", range(6))
async def test_an_attempt_that_breaks_is_tried_again(make_world, autojump_clock, seed):
    async with open_box(make_world(BRANCHING, seed=seed)) as box:
        forget(box, 3)
        execution_id = await box.accept(b"x")
        execution = await box.ended(execution_id)
        assert execution.status is Status.COMPLETED
        assert box.outputs(execution_id) == expected(BRANCHING, b"x").outputs
        requeued = box.kinds(execution_id).count("execution_requeued")
        assert 1 <= requeued <= 3


async def test_an_attempt_that_always_breaks_fails_its_execution(make_world, autojump_clock):
    async with open_box(make_world(Story(flow("a>b")))) as box:
        forget(box, 10**6)
        execution = await box.ended(await box.accept(b"x"))
        assert (execution.status, execution.failure.kind) == (Status.FAILED, "LOST")
        assert box.kinds(execution.execution_id).count("execution_requeued") == LOSSES_MAX - 1


async def test_what_no_worker_brings_to_an_end_is_undone(make_world, autojump_clock):
    story = Story(flow("a>b b>c", compensate={"a": "undo-a"}), {"b": Behaviour(losses=3)})
    async with open_box(make_world(story)) as box:
        execution_id = await box.accept(b"x")
        while "a" not in box.outputs(execution_id):
            await trio.sleep(0.001)
        # Undoing is lost twice as well, which is not once too often.
        forget(box, LOSSES_MAX + 2)
        execution = await box.ended(execution_id)
        assert (execution.status, execution.failure.kind) == (Status.FAILED, "LOST")
        assert box.undone(execution_id) == [("a", "DONE")]
        await box.disk.finish()
        assert box.broken() == []


async def test_undoing_that_is_lost_too_ends_and_says_what_is_left(make_world, autojump_clock):
    story = Story(flow("a>b b>c", compensate={"a": "undo-a"}), {"c": Behaviour("fail")})
    async with open_box(make_world(story)) as box:
        execution_id = await box.accept(b"x")
        await box.reached(execution_id, lambda found: found.undoing)
        forget(box, 10**6)
        execution = await box.ended(execution_id)
        assert (execution.status, execution.failure.kind) == (Status.FAILED, "LOST")
        assert box.undone(execution_id) == [("a", "PENDING")]
        await box.disk.finish()
        assert box.broken() == []


@pytest.mark.parametrize(("room", "left"), [(1_000, "DONE"), (3, "PENDING")])
async def test_a_full_journal_has_room_for_undoing(
    make_world, autojump_clock, monkeypatch, room, left
):
    monkeypatch.setattr("axiomd.store.batch.JOURNAL_ENTRIES_MAX", 40)
    monkeypatch.setattr("axiomd.store.batch.JOURNAL_UNDOING_MAX", room)
    made = flow("a>b b>a b>c", edges={"b>a": ENDLESS}, compensate={"a": "undo-a"})
    async with open_box(make_world(Story(made))) as box:
        execution = await box.ended(await box.accept(b"x"))
        assert (execution.status, execution.failure.kind) == (Status.FAILED, "JOURNAL_FULL")
        undone = box.undone(execution.execution_id)
        assert len(undone) > 4
        assert undone[-1] == ("a", left)
        await box.disk.finish()
        assert box.broken() == []


async def test_one_broken_execution_does_not_hold_the_others(make_world, autojump_clock):
    settings = EngineSettings(slots=1, drain_s=0)
    async with open_box(make_world(BRANCHING), Physics(settings=settings)) as box:
        forget(box, 2)
        for number in range(5):
            await box.accept(b"%d" % number)
        assert {e.status for e in await box.all_ended()} == {Status.COMPLETED}


async def test_what_somebody_else_has_is_not_given_back(make_world, autojump_clock):
    async with open_box(make_world(BRANCHING)) as box:
        execution_id = await box.accept(b"x")
        await box.ended(execution_id)
        before = box.kinds(execution_id)
        late = Attempt(box.parts, execution_id)
        late.fence = 1
        await give_back(box.parts, late, "late")
        late.fence = 7
        await give_back(box.parts, late, "later")
        assert box.kinds(execution_id) == before


async def test_a_loss_that_does_not_count_never_fails_an_execution(make_world, autojump_clock):
    async with open_box(make_world(BRANCHING)) as box:
        execution = await box.ended(await box.accept(b"x"))
        tired = attrs.evolve(execution, losses=LOSSES_MAX - 1)
        assert loss(box.parts, tired, "lost").trigger == "fail"
        assert loss(box.parts, tired, "full", counted=False).trigger == "requeue"


async def test_a_store_that_broke_ends_attempts_quietly(make_world, autojump_clock):
    async with open_box(make_world(BRANCHING)) as box:
        await box.accept(b"x")
        with pytest.raises(StoreFailed):
            await box.writer.submit(RowsCommit((("no such table", b"k", b"v"),))).wait()
        with pytest.raises(StoreFailed):
            await box.accept(b"y")
        await trio.sleep(60)
        assert box.engine.statistics()["attempts"] == 0
