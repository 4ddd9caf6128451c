"""Who comes in to the dashboard, and how long they stay."""

from collections.abc import Callable

from browser.conftest import OpenWindow
from browser.dashboard import SIGNED_OUT
from browser.visitor import Visitor
from playwright.sync_api import expect
from system.box import Box

from axiomd.engine.keyring import DEFAULT_TENANT


def test_a_link_signs_in_once_and_leaves_no_token_in_the_address(
    open_window: OpenWindow, make_link: Callable[[], str]
):
    link = make_link()
    first = open_window()
    first.page.goto(link)
    expect(first.page.get_by_role("heading", name="Executions", exact=True)).to_be_visible()
    assert "token" not in first.page.url
    second = open_window()
    second.watch.allow(SIGNED_OUT)
    second.page.goto(link)
    expect(second.page.get_by_role("alert")).to_contain_text("has been used")
    expect(second.page.get_by_label("API key", exact=True)).to_be_visible()
    assert "token" not in second.page.url


def test_a_stranger_is_asked_for_a_key_and_gets_to_where_they_wanted(stranger: Visitor, box: Box):
    stranger.page.goto("/executions?status=FAILED")
    expect(stranger.page.get_by_text("axiomd login-link")).to_be_visible()
    stranger.page.get_by_label("API key", exact=True).fill(f" {box.key} ")
    stranger.page.get_by_role("button", name="Sign in").click()
    expect(stranger.page.get_by_role("heading", name="Executions", exact=True)).to_be_visible()
    stranger.page.wait_for_url("**/executions?status=FAILED")


def test_a_wrong_key_is_told_so(stranger: Visitor):
    stranger.sign_in_by_key("0" * 64)
    expect(stranger.page.get_by_role("alert")).to_contain_text("is not known here")
    assert "/sign-in" in stranger.page.url


def test_nothing_leads_away_from_the_box(stranger: Visitor, box: Box):
    stranger.page.goto("/sign-in?next=https://elsewhere.example/")
    stranger.page.get_by_label("API key", exact=True).fill(box.key)
    stranger.page.get_by_role("button", name="Sign in").click()
    stranger.page.wait_for_url(f"{box.url}/executions")


def test_who_signs_out_is_out(stranger: Visitor, box: Box):
    stranger.sign_in_by_key(box.key)
    expect(stranger.page.get_by_role("heading", name="Executions", exact=True)).to_be_visible()
    expect(stranger.page.locator("[role=row]").first).to_be_visible()
    stranger.page.get_by_role("button", name="Account").click()
    stranger.page.get_by_role("button", name="Sign out").click()
    stranger.page.wait_for_url("**/sign-in*")
    stranger.page.goto("/executions")
    stranger.page.wait_for_url("**/sign-in*")
    expect(stranger.page.get_by_label("API key", exact=True)).to_be_visible()


def test_a_revoked_key_ends_the_session_of_the_page_that_is_open(stranger: Visitor, box: Box):
    key = box.make_key(DEFAULT_TENANT)
    stranger.sign_in_by_key(key)
    expect(stranger.page.get_by_role("heading", name="Executions", exact=True)).to_be_visible()
    with box.client() as user:
        assert user.http.delete(f"/app/v1/keys/{key[:8]}").status_code == 200
    stranger.page.wait_for_url("**/sign-in*")
    expect(stranger.page.get_by_label("API key", exact=True)).to_be_visible()


def test_the_console_says_who_is_signed_in(stranger: Visitor, box: Box):
    stranger.sign_in_by_key(box.key)
    stranger.page.get_by_role("link", name="Console").click()
    expect(stranger.page.get_by_role("region", name="Signed in")).to_contain_text(box.key[:8])
    keys = stranger.page.get_by_role("table", name="API keys")
    expect(keys.get_by_role("row").filter(has_text=box.key[:8])).to_contain_text("yours")
