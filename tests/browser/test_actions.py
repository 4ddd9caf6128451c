"""What is done with an execution from its page."""

import re

from browser.runs import FAILS, NAPS, branched, failed, many, paused
from browser.visitor import Visitor
from playwright.sync_api import expect
from system.box import User
from system.lab import flow, single

ADDRESS = re.compile(r"/executions/(\w+)")


def moved_on(visitor: Visitor, identity: str) -> str:
    """The other execution that the page has gone to."""
    visitor.page.wait_for_url(lambda url: bool(ADDRESS.search(url)) and identity not in url)
    found = ADDRESS.search(visitor.page.url)
    assert found
    return found[1]


def button(visitor: Visitor, name: str):
    return (
        visitor.page.get_by_role("banner")
        .or_(visitor.page.locator("header"))
        .get_by_role("button", name=name, exact=True)
    )


def test_a_cancel_gives_a_receipt_of_what_was_stopped(visitor: Visitor, user: User):
    identity = user.accepted(user.compile(NAPS), {"count": 60})
    user.started(identity, "nap")
    visitor.open_execution(identity)
    button(visitor, "Cancel").click()
    visitor.page.get_by_role("button", name="Cancel execution").click()
    receipt = visitor.page.get_by_role("dialog", name="Receipt of the cancel")
    expect(receipt).to_contain_text("One node call was stopped.")
    expect(receipt.get_by_role("row").filter(has_text="nap")).to_be_visible()
    receipt.get_by_role("button", name="Close").last.click()
    visitor.has_status("CANCELLED")
    visitor.shows_states({"nap": "stopped"})
    assert user.execution(identity)["status"] == "CANCELLED"


def test_what_cannot_be_done_says_why(visitor: Visitor, user: User):
    visitor.open_execution(branched(user))
    for name in ("Cancel", "Retry"):
        action = button(visitor, name)
        expect(action).to_be_disabled()


def test_a_retry_goes_on_in_a_new_execution(visitor: Visitor, user: User):
    identity = failed(user)
    visitor.open_execution(identity)
    button(visitor, "Retry").click()
    other = moved_on(visitor, identity)
    visitor.has_status("FAILED")
    assert user.execution(other)["flow"] == FAILS["name"]


def test_run_again_begins_with_the_same_input(visitor: Visitor, user: User):
    identity = branched(user)
    visitor.open_execution(identity)
    button(visitor, "Run again").click()
    dialog = visitor.page.get_by_role("dialog", name="Run again")
    expect(dialog.get_by_label("text", exact=True)).to_have_value("so ")
    dialog.get_by_label("text", exact=True).fill("anew ")
    dialog.get_by_role("button", name="Run", exact=True).click()
    other = moved_on(visitor, identity)
    visitor.has_status("COMPLETED")
    assert user.execution(other, "/output")["output"]["text"].startswith("anew left ")


def test_a_fork_begins_behind_a_checkpoint_with_another_output(visitor: Visitor, user: User):
    identity = paused(user)
    visitor.open_execution(identity)
    button(visitor, "Fork").click()
    dialog = visitor.page.get_by_role("dialog", name="Fork this execution")
    dialog.get_by_label("It returns something else").check()
    dialog.get_by_label("text", exact=True).fill("forked ")
    dialog.get_by_role("button", name="Fork", exact=True).click()
    other = moved_on(visitor, identity)
    visitor.has_status("PAUSED_HITL")
    assert user.execution(other)["forked_from"] == identity
    expect(visitor.page.get_by_text("Forked from")).to_be_visible()
    visitor.tab("Pauses").get_by_role("button", name="Approve").click()
    visitor.has_status("COMPLETED")
    assert user.execution(other, "/output")["output"]["text"] == "forked asked last "


def test_run_again_has_the_input_of_what_still_runs(visitor: Visitor, user: User):
    identity = user.accepted(user.compile(NAPS), {"text": "still", "count": 60})
    user.started(identity, "nap")
    visitor.open_execution(identity)
    button(visitor, "Run again").click()
    dialog = visitor.page.get_by_role("dialog", name="Run again")
    expect(dialog.get_by_label("text", exact=True)).to_have_value("still")
    dialog.get_by_label("count", exact=True).fill("0")
    dialog.get_by_role("button", name="Run", exact=True).click()
    other = moved_on(visitor, identity)
    visitor.has_status("COMPLETED")
    assert user.execution(other, "/output")["output"]["text"] == "still"
    user.cancel(identity)


def test_what_failed_goes_on_by_a_fork_onto_a_mended_artifact(visitor: Visitor, user: User):
    broken = flow("mending", {"one": "Echo", "two": "Fail"}, ("one two",))
    identity = user.accepted(user.compile(broken), {"text": "x"})
    user.reached(identity, {"FAILED"})
    mended = user.compile(flow("mending", {"one": "Echo", "two": "Shout"}, ("one two",)))
    visitor.open_execution(identity)
    button(visitor, "Fork").click()
    dialog = visitor.page.get_by_role("dialog", name="Fork this execution")
    dialog.get_by_role("combobox", name="On the artifact").click()
    visitor.page.get_by_role("option", name=mended).click()
    dialog.get_by_role("button", name="Fork", exact=True).click()
    other = moved_on(visitor, identity)
    visitor.has_status("COMPLETED")
    record = user.execution(other)
    assert (record["graph_id"], record["forked_from"]) == (mended, identity)
    assert user.execution(other, "/output")["output"]["text"] == "X"


def test_parent_and_child_lead_to_each_other(visitor: Visitor, user: User):
    page = visitor.page
    parent = user.accepted(
        user.compile(many(user.compile(single("Echo")))),
        {"nested": {"items": [{"depth": 1}, {"depth": 2}]}},
    )
    user.reached(parent, {"COMPLETED"})
    visitor.open_execution(parent)
    head = page.locator("header").filter(has=page.get_by_role("heading", level=1))
    links = head.get_by_text("Child").get_by_role("link")
    expect(links).to_have_count(2)
    links.first.click()
    child = moved_on(visitor, parent)
    assert user.execution(child)["parent_id"] == parent
    expect(head.get_by_role("heading", level=1)).to_have_text("acme/echo")
    head.get_by_text("Parent").get_by_role("link").click()
    page.wait_for_url(f"**/executions/{parent}")
    visitor.tab("Checkpoints").get_by_role("row").filter(has_text="each[1]").click()
    panel = page.get_by_role("tabpanel")
    panel.get_by_text("Done by the child execution").get_by_role("link").click()
    assert user.execution(moved_on(visitor, parent))["parent_id"] == parent
