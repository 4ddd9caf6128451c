"""A person answers a paused execution by the form that its message makes."""

from browser.dashboard import REFUSED
from browser.runs import MOODY, paused, push_moods
from browser.visitor import Visitor
from playwright.sync_api import expect
from system.box import User


def test_an_answer_with_faults_is_refused_at_its_fields_then_taken(visitor: Visitor, user: User):
    push_moods(user)
    identity = user.accepted(user.compile(MOODY), {"text": "so "})
    user.reached(identity, {"PAUSED_HITL"})
    visitor.watch.allow(REFUSED)
    visitor.open_execution(identity, "?tab=pauses")
    asked = visitor.page.get_by_role("article", name="Open pause of only")
    expect(asked).to_contain_text("How is it?")
    asked.get_by_label("text", exact=True).fill("told ")
    asked.get_by_label("small_number", exact=True).fill("99999999999")
    asked.get_by_role("button", name="Approve").click()
    number = asked.get_by_label("small_number", exact=True)
    expect(number).to_have_attribute("aria-invalid", "true")
    expect(asked.get_by_label("text", exact=True)).not_to_have_attribute("aria-invalid", "true")
    assert user.execution(identity)["status"] == "PAUSED_HITL"

    number.fill("7")
    asked.get_by_label("count", exact=True).fill("9007199254740993")
    asked.get_by_label("flag", exact=True).check()
    asked.get_by_role("button", name="Add to words").click()
    asked.get_by_label("words 1", exact=True).fill("one")
    asked.get_by_role("combobox", name="mood").click()
    visitor.page.get_by_role("option", name="GLAD").click()
    asked.get_by_label("depth", exact=True).first.fill("2")
    asked.get_by_label("Comment").fill("Looks right.")
    asked.get_by_role("button", name="Approve").click()
    visitor.has_status("COMPLETED")
    closed = visitor.page.get_by_role("article", name="Pause of only")
    expect(closed).to_contain_text("Approved")
    expect(closed).to_contain_text("Looks right.")
    (pause,) = user.execution(identity, "/pauses")["pauses"]
    value = pause["value"]
    assert (value["text"], value["flag"], value["words"]) == ("told ", True, ["one"])
    assert (value["small_number"], int(value["count"])) == (7, 9007199254740993)
    assert (value["mood"], value["nested"]["depth"]) == ("GLAD", 2)


def test_an_answer_without_changes_leaves_the_input_as_it_is(visitor: Visitor, user: User):
    identity = paused(user)
    visitor.open_execution(identity)
    visitor.shows_states({"first": "completed", "asked": "paused", "last": "idle"})
    visitor.tab("Pauses").get_by_role("button", name="Approve").click()
    visitor.has_status("COMPLETED")
    visitor.shows_states(dict.fromkeys(("first", "asked", "last"), "completed"))
    assert user.execution(identity, "/output")["output"]["text"] == "so first asked last "


def test_a_rejection_fails_what_was_asked(visitor: Visitor, user: User):
    identity = paused(user)
    visitor.open_execution(identity, "?tab=pauses")
    asked = visitor.page.get_by_role("article", name="Open pause of asked")
    asked.get_by_label("Comment").fill("No.")
    asked.get_by_role("button", name="Reject").click()
    visitor.has_status("FAILED")
    expect(visitor.page.get_by_role("article", name="Pause of asked")).to_contain_text("Rejected")
    assert user.execution(identity)["failure"]["kind"] == "REJECTED"


def test_a_pause_that_somebody_else_answered_is_told_so(visitor: Visitor, user: User):
    identity = paused(user)
    visitor.watch.allow(REFUSED)
    visitor.open_execution(identity, "?tab=pauses")
    asked = visitor.page.get_by_role("article", name="Open pause of asked")
    expect(asked).to_be_visible()
    (pause,) = user.execution(identity)["waiting_on"]["pauses"]
    path = f"/invocations/v1/executions/{identity}/pauses/{pause['pause_id']}/resume"
    assert user.http.post(path, json={"decision": "approve"}).status_code == 200
    closed = visitor.page.get_by_role("article", name="Pause of asked")
    expect(closed).to_contain_text("Approved")
    visitor.has_status("COMPLETED")
