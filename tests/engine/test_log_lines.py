"""What the engine logs about an execution says which one, and whose."""

import pytest
import structlog
from engine.test_worker import forget
from worlds.box import open_box
from worlds.flows import BRANCHING, TENANT, Story, flow
from worlds.receivers import Inbox, all_told, telling

from axiomd.execution.targets import Target


@pytest.fixture
def lines():
    """Every line that is logged, though tests are quiet otherwise."""
    kept = structlog.get_config()
    captured = structlog.testing.LogCapture()
    wrapper = structlog.make_filtering_bound_logger("debug")
    structlog.configure(processors=[captured], wrapper_class=wrapper)
    yield captured.entries
    structlog.configure(**kept)


def about(lines, event):
    return [(line["execution_id"], line["tenant"]) for line in lines if line["event"] == event]


async def test_an_attempt_that_breaks_is_named(make_world, autojump_clock, lines):
    async with open_box(make_world(Story(flow("a>b")))) as box:
        forget(box, 1)
        execution = await box.ended(await box.accept(b"x"))
    assert about(lines, "attempt_failed") == [(execution.execution_id, TENANT)]


async def test_a_webhook_that_is_given_up_is_named(make_world, autojump_clock, lines):
    inbox = Inbox()
    inbox.answers = lambda _: 410
    async with open_box(make_world(BRANCHING)) as box, telling(box, inbox) as webhooks:
        artifact, hook = box.world.story.artifact, Target("https://gone.example/")
        accepted = await box.engine.accept(artifact, b"x", webhook=hook)
        await box.ended(accepted.execution_id)
        (delivery,) = await all_told(webhooks, TENANT)
    assert about(lines, "webhook_failed") == [(accepted.execution_id, TENANT)]
    (line,) = [line for line in lines if line["event"] == "webhook_failed"]
    assert line["delivery"] == delivery.message_id
