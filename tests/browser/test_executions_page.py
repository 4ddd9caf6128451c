"""The list of executions: what it shows, by which filter, and what can be done from it."""

import re
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from browser.conftest import OpenWindow
from browser.dashboard import SIGNED_OUT
from browser.runs import CROWD, HOLDS, begin_crowd, failed, paused, tenant, until
from browser.visitor import Visitor
from playwright.sync_api import expect
from system.box import Box, User
from system.lab import single


@attrs.frozen
class Shelf:
    """A tenant with an execution of each sort, and its key."""

    key: str
    failed: str
    paused: str
    completed: str
    user: User


@pytest.fixture(scope="module")
def shelf(box: Box) -> Iterator[Shelf]:
    key = tenant(box, "shelf")
    with box.client(key) as user:
        completed = user.accepted(user.compile(single("Echo")), {"text": "x"})
        user.ended(completed)
        yield Shelf(key, failed(user), paused(user), completed, user)


@pytest.fixture
def reader(open_window: OpenWindow, shelf: Shelf) -> Visitor:
    """Somebody of that tenant."""
    visitor = open_window()
    headers = {"Content-Type": "application/json"}
    context = visitor.page.context
    context.request.post("/app/v1/session", data={"key": shelf.key}, headers=headers)
    return visitor


def test_every_execution_has_a_row_newest_first(reader: Visitor, shelf: Shelf):
    reader.open_list()
    reader.shows_rows([shelf.paused, shelf.failed, shelf.completed])
    row = reader.row(shelf.paused)
    expect(row).to_contain_text("Paused (HITL)")
    expect(row).to_contain_text("acme/asking")
    expect(row.locator("time").first).to_have_attribute("title", re.compile(r"UTC|GMT|[+-]\d\d"))


def test_filters_narrow_the_list_and_are_in_the_address(reader: Visitor, shelf: Shelf):
    page = reader.page
    reader.open_list()
    page.get_by_role("button", name="Status: any").click()
    page.get_by_role("option", name="Failed").click()
    reader.shows_rows([shelf.failed])
    assert "status=FAILED" in page.url
    page.get_by_role("option", name="Completed").click()
    reader.shows_rows([shelf.failed, shelf.completed])
    page.keyboard.press("Escape")
    page.reload()
    reader.shows_rows([shelf.failed, shelf.completed])
    page.get_by_role("combobox", name="Flow").fill("acme/echo")
    reader.shows_rows([shelf.completed])
    assert "flow=" in page.url
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Clear", exact=True).click()
    reader.shows_rows([shelf.paused, shelf.failed, shelf.completed])
    assert "?" not in page.url
    page.get_by_role("textbox", name="Execution ID").fill(shelf.paused)
    reader.shows_rows([shelf.paused])
    assert f"q={shelf.paused}" in page.url


def test_a_range_of_dates_is_chosen_in_the_calendar(reader: Visitor, shelf: Shelf):
    page = reader.page
    reader.open_list()
    page.get_by_role("button", name="Dates: any").click()
    page.get_by_role("button", name="Yesterday").click()
    expect(page.get_by_text("No execution matches")).to_be_visible()
    assert "from=" in page.url
    assert "to=" in page.url
    page.get_by_role("button", name=re.compile("^Dates: ")).click()
    page.get_by_role("button", name="Last 7 days").click()
    reader.shows_rows([shelf.paused, shelf.failed, shelf.completed])


def test_what_begins_appears_by_itself_and_changes_its_status(
    visitor: Visitor, user: User, tmp_path: Path
):
    released = tmp_path / "released"
    graph = user.compile(HOLDS)
    visitor.open_list("?flow=acme/execute")
    identity = user.accepted(graph, until(released))
    expect(visitor.row(identity)).to_contain_text("Running")
    released.touch()
    expect(visitor.row(identity)).to_contain_text("Completed")


def test_several_are_cancelled_and_retried_at_once(visitor: Visitor, user: User):
    page = visitor.page
    two = [paused(user), paused(user)]
    visitor.open_list("?status=PAUSED_HITL&flow=acme/asking")
    for identity in two:
        visitor.row(identity).get_by_role("checkbox").check()
    selected = page.get_by_role("region", name="Selected executions")
    selected.get_by_role("button", name="Cancel 2").click()
    page.get_by_role("button", name="Cancel them").click()
    results = page.get_by_role("dialog").get_by_role("list", name="Results")
    for identity in two:
        expect(results.get_by_role("listitem").filter(has_text=identity)).to_contain_text(
            "Cancelled"
        )
        assert user.execution(identity)["status"] == "CANCELLED"
    page.get_by_role("dialog").get_by_role("button", name="Close").last.click()

    visitor.open_list("?status=CANCELLED&flow=acme/asking")
    for identity in two:
        visitor.row(identity).get_by_role("checkbox").check()
    selected.get_by_role("button", name="Retry 2").click()
    page.get_by_role("button", name="Retry them").click()
    links = results.get_by_role("link")
    expect(links).to_have_count(2)
    links.first.click()
    page.wait_for_url(re.compile(r"/executions/\w+"))


def test_thousands_scroll_to_the_last(open_window: OpenWindow, box: Box):
    key = tenant(box, "crowd")
    with box.client(key) as user:
        parent = begin_crowd(user)
        user.reached(parent, {"COMPLETED"})
    visitor = open_window()
    visitor.sign_in_by_key(key)
    visitor.watch.allow(SIGNED_OUT)
    page = visitor.page
    expect(page.locator("[role=row][data-id]").first).to_be_visible()
    page.locator("[role=row][data-id]").first.focus()
    # Whatever is in view, keys lead on from the row that has the focus.
    page.get_by_role("table").evaluate("table => { table.parentElement.scrollTop = 2400 }")
    expect(page.locator("[role=row][data-index='60']")).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(page.locator("[role=row][data-index='1']")).to_be_focused()
    end = page.get_by_text("That is all")
    # Each time the end of what is loaded, whereupon more is.
    for _ in range(CROWD // 100):
        before = page.locator("main p").first.inner_text()
        if end.is_visible():
            break
        page.keyboard.press("End")
        expect(page.locator("main p").first).not_to_have_text(before)
    expect(end).to_be_visible()
    page.keyboard.press("End")
    # Nothing is older than what began them all.
    expect(visitor.row(parent)).to_be_focused()
    assert visitor.row(parent).get_attribute("data-index") == str(CROWD)


def test_the_list_is_worked_with_by_keyboard_alone(reader: Visitor, shelf: Shelf):
    page = reader.page
    reader.open_list()
    reader.shows_rows([shelf.paused, shelf.failed, shelf.completed])
    for _ in range(40):
        page.keyboard.press("Tab")
        if reader.row(shelf.paused).evaluate("row => row === document.activeElement"):
            break
    expect(reader.row(shelf.paused)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(reader.row(shelf.failed)).to_be_focused()
    page.keyboard.press(" ")
    expect(reader.row(shelf.failed).get_by_role("checkbox")).to_be_checked()
    page.keyboard.press("End")
    expect(reader.row(shelf.completed)).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/executions/{shelf.completed}*")


def test_an_empty_list_says_how_to_fill_it(open_window: OpenWindow, box: Box):
    visitor = open_window()
    visitor.watch.allow(SIGNED_OUT)
    visitor.sign_in_by_key(box.make_key("nobody"))
    expect(visitor.page.get_by_text("No executions yet")).to_be_visible()
