"""The server is killed and started again while pages are open: they go on by themselves."""

from browser.dashboard import RESTARTED
from browser.runs import NAPS, paused
from browser.visitor import Visitor
from playwright.sync_api import expect
from system.box import Box, User

AWAY = "The server does not answer"


def test_the_page_of_a_running_execution_goes_on(visitor: Visitor, user: User, box: Box):
    # Delivered again, it is quick.
    identity = user.accepted(user.compile(NAPS), {"count": 60})
    user.started(identity, "nap")
    visitor.watch.allow(RESTARTED)
    visitor.open_execution(identity)
    visitor.shows_states({"nap": "running"})
    box.kill()
    expect(visitor.page.get_by_text("Reconnecting")).to_be_visible()
    box.start()
    visitor.has_status("COMPLETED")
    visitor.shows_states({"nap": "completed"})
    expect(visitor.page.get_by_text(AWAY)).to_be_hidden()
    bars = visitor.tab("Timeline").get_by_role("img")
    expect(bars).to_have_count(2)


def test_the_list_says_that_nobody_answers_and_goes_on(visitor: Visitor, user: User, box: Box):
    identity = paused(user)
    visitor.watch.allow(RESTARTED)
    visitor.open_list("?flow=acme/asking")
    expect(visitor.row(identity)).to_be_visible()
    box.kill()
    expect(visitor.page.get_by_text(AWAY)).to_be_visible()
    expect(visitor.row(identity)).to_be_visible()
    box.start()
    expect(visitor.page.get_by_text(AWAY)).to_be_hidden()
    assert user.cancel(identity).status_code == 202
    expect(visitor.row(identity)).to_contain_text("Cancelled")
