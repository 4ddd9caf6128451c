"""The tabs of an execution, and what is said of one of its placements."""

import re

import pytest
from browser.runs import COUNTS, SPREAD, branched, failed
from browser.visitor import Visitor
from playwright.sync_api import expect
from system.box import User


@pytest.fixture(scope="module")
def identity(user: User) -> str:
    return branched(user)


def test_the_head_says_what_and_when(visitor: Visitor, identity: str):
    visitor.open_execution(identity)
    visitor.has_status("COMPLETED")
    page = visitor.page
    expect(page.get_by_role("heading", name="acme/branched")).to_be_visible()
    for name in ("Started", "Updated", "Completed", "Duration"):
        expect(page.get_by_role("term").filter(has_text=name).first).to_be_visible()
    expect(page.get_by_role("button", name="Copy execution ID")).to_be_visible()


def test_the_timeline_has_a_bar_for_each_call_and_each_wait(visitor: Visitor, identity: str):
    visitor.open_execution(identity)
    timeline = visitor.tab("Timeline")
    for bar in (
        "flaky: call 1 failed",
        "flaky: waited for a retry",
        "flaky: call 2 completed",
        "meet: waited for arms",
    ):
        expect(timeline.get_by_role("img", name=re.compile(f"^{bar}"))).to_have_count(1)
    timeline.get_by_role("button", name="flaky").click()
    expect(visitor.page.get_by_role("complementary", name="Placement flaky")).to_be_visible()


def test_events_are_filtered_by_placement_and_kind(visitor: Visitor, user: User, identity: str):
    visitor.open_execution(identity, "?tab=events")
    events = visitor.tab("Events")
    history = user.execution(identity, "/events?limit=1000")["events"]
    count = events.get_by_text(f"{len(history)} of {len(history)} events", exact=True)
    expect(count).to_be_visible()
    of_flaky = [event for event in history if event["placement"] == "flaky"]
    visitor.open_execution(identity, "?tab=events&of=flaky")
    expect(events.get_by_role("listitem")).to_have_count(len(of_flaky))
    visitor.open_execution(identity, "?tab=events&of=flaky&kind=node_failed")
    expect(events.get_by_role("listitem")).to_have_count(1)
    events.get_by_role("button", name=re.compile("node_failed")).click()
    expect(events).to_contain_text("attempt 1", ignore_case=True)


def test_checkpoints_show_what_was_recorded(visitor: Visitor, user: User, identity: str):
    visitor.open_execution(identity)
    tab = visitor.tab("Checkpoints")
    steps = user.execution(identity, "/checkpoints")["checkpoints"]
    rows = tab.get_by_role("grid", name="Checkpoints").get_by_role("row")
    expect(rows).to_have_count(len(steps) + 1)
    rows.filter(has_text="left").click()
    expect(tab).to_contain_text("so left ")
    with visitor.page.expect_download() as download:
        tab.get_by_role("button", name=re.compile("^Download")).last.click()
    assert "so left " in download.value.path().read_text()


def test_branches_say_what_was_taken(visitor: Visitor, identity: str):
    visitor.open_execution(identity)
    gate = visitor.tab("Branches").get_by_role("article", name="Gate meet")
    for arm, status in (("left", "Arrived"), ("flaky", "Arrived"), ("never", "Not taken")):
        expect(gate.get_by_role("row").filter(has_text=arm)).to_contain_text(status)


def test_output_is_there_or_the_reason_why_not(visitor: Visitor, user: User, identity: str):
    visitor.open_execution(identity)
    expect(visitor.tab("Output")).to_contain_text("so left ")
    visitor.open_execution(failed(user, "luck"))
    output = visitor.tab("Output")
    expect(output).to_contain_text("no luck")
    output.get_by_role("button", name="Show on canvas").click()
    expect(visitor.page.get_by_role("complementary", name="Placement fail")).to_be_visible()
    assert "node=fail" in visitor.page.url


def test_pauses_say_that_there_are_none(visitor: Visitor, identity: str):
    visitor.open_execution(identity, "?tab=pauses")
    expect(visitor.page.get_by_text("No pauses")).to_be_visible()


def test_a_placement_tells_its_input_output_attempts_and_logs(visitor: Visitor, identity: str):
    visitor.open_execution(identity)
    visitor.card("flaky").click()
    panel = visitor.page.get_by_role("complementary", name="Placement flaky")
    expect(panel).to_contain_text("attempt 1", ignore_case=True)
    expect(panel).to_contain_text("so ")
    visitor.card("meet").click()
    panel = visitor.page.get_by_role("complementary", name="Placement meet")
    for said in ("hello", "careful", "out loud"):
        expect(panel).to_contain_text(said)
    panel.get_by_role("button", name="Close").click()
    expect(panel).to_be_hidden()


def test_a_fan_out_counts_its_items(visitor: Visitor, user: User):
    identity = user.accepted(user.compile(SPREAD), {"words": ["a", "b", "c"]})
    user.reached(identity, {"COMPLETED"})
    visitor.open_execution(identity)
    visitor.shows_states(dict.fromkeys(("begin", "each", "gather"), "completed"))
    expect(visitor.card("each")).to_contain_text("3/3")


def test_frames_of_a_pipeline_arrive_live(visitor: Visitor, user: User):
    with user.stream(user.compile(COUNTS), {"count": 6, "ms": 400}):
        (row,) = user.get("/invocations/v1/executions?flow=acme/counts&limit=1")["executions"]
        visitor.open_execution(row["execution_id"])
        frames = visitor.page.get_by_role("complementary", name="Frames")
        expect(frames.get_by_role("status")).to_contain_text(re.compile(r"^[1-5] so far"))
        expect(frames.get_by_role("status")).to_contain_text("6 in all")
        visitor.has_status("COMPLETED")
    visitor.page.reload()
    expect(frames.get_by_role("status")).to_contain_text("6 in all")
    expect(frames).to_contain_text("15")
