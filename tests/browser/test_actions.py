"""What is done with an execution from its page."""

import re

from browser.runs import FAILS, NAPS, branched, failed, paused
from browser.visitor import Visitor
from playwright.sync_api import expect
from system.box import User

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
