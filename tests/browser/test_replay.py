"""An execution's page shows what its history says, at any time of it and whenever it is opened."""

from pathlib import Path

import pytest
from browser.runs import BRANCHED, HOLDS, branched, moments, states_at, until
from browser.visitor import Visitor
from playwright.sync_api import expect
from system.box import User

ALIASES = [node["alias"] for node in BRANCHED["nodes"]]


@pytest.fixture(scope="module")
def identity(user: User) -> str:
    return branched(user)


@pytest.fixture(scope="module")
def history(user: User, identity: str) -> list[dict]:
    return user.execution(identity, "/events?limit=1000")["events"]


def test_the_canvas_shows_what_the_history_says_at_each_moment(
    visitor: Visitor, identity: str, history: list[dict]
):
    visitor.open_execution(identity)
    visitor.shows_states(states_at(history, ALIASES, 10**9))
    seen = set()
    for moment in moments(history):
        visitor.scrubber.fill(str(moment))
        states = states_at(history, ALIASES, moment)
        visitor.shows_states(states)
        seen |= set(states.values())
    assert {"idle", "running", "retrying", "waiting", "completed", "not_taken"} <= seen


def test_where_the_scrubber_stands_is_in_the_address(
    visitor: Visitor, identity: str, history: list[dict]
):
    middle = moments(history)[len(moments(history)) // 2]
    visitor.open_execution(identity, f"?t={middle}")
    visitor.shows_states(states_at(history, ALIASES, middle))
    visitor.scrubber.fill("0")
    visitor.shows_states(states_at(history, ALIASES, 0))
    visitor.page.wait_for_url("**?t=0")
    visitor.page.reload()
    visitor.shows_states(states_at(history, ALIASES, 0))


def test_the_keyboard_goes_from_event_to_event(
    visitor: Visitor, identity: str, history: list[dict]
):
    visitor.open_execution(identity)
    visitor.scrubber.focus()
    visitor.page.keyboard.press("Home")
    steps = moments(history)
    visitor.shows_states(states_at(history, ALIASES, steps[0]))
    for moment in steps[1:4]:
        visitor.page.keyboard.press("ArrowRight")
        expect(visitor.scrubber).to_have_value(str(moment))
        visitor.shows_states(states_at(history, ALIASES, moment))
    visitor.page.keyboard.press("ArrowLeft")
    expect(visitor.scrubber).to_have_value(str(steps[2]))
    visitor.page.keyboard.press("End")
    visitor.shows_states(states_at(history, ALIASES, 10**9))


def test_it_plays_to_the_end_by_itself(visitor: Visitor, identity: str, history: list[dict]):
    visitor.open_execution(identity, "?t=0")
    replay = visitor.page.get_by_role("region", name="Replay")
    # A last frame that comes after the end took it back, and not every time.
    for _ in range(6):
        replay.get_by_role("button", name="Play the replay").click()
        visitor.page.wait_for_url(lambda url: "?" not in url)
        visitor.shows_states(states_at(history, ALIASES, 10**9))
        expect(replay.get_by_role("button", name="Play the replay")).to_be_visible()


def test_a_run_is_followed_live_and_is_the_same_after_a_reload(
    visitor: Visitor, user: User, tmp_path: Path
):
    released = tmp_path / "released"
    identity = user.accepted(user.compile(HOLDS), until(released))
    user.started(identity, "execute")
    visitor.open_execution(identity)
    visitor.has_status("RUNNING")
    visitor.shows_states({"execute": "running"})
    visitor.page.reload()
    visitor.shows_states({"execute": "running"})
    released.touch()
    visitor.has_status("COMPLETED")
    visitor.shows_states({"execute": "completed"})
    visitor.page.reload()
    visitor.has_status("COMPLETED")
    visitor.shows_states({"execute": "completed"})
