"""Every page, in both themes: nothing that axe finds fault with."""

from typing import Any

import pytest
from browser.conftest import OpenWindow
from browser.dashboard import SIGNED_OUT, WEB
from browser.runs import BRANCHED, COUNTS, branched, failed, paused
from browser.visitor import Visitor
from playwright.sync_api import StorageState, expect
from system.box import User

AXE = WEB / "node_modules" / "axe-core" / "axe.min.js"
TABS = ("Timeline", "Events", "Checkpoints", "Pauses", "Branches", "Output")


def faults(visitor: Visitor, within: str = "html") -> list[str]:
    """What axe finds on the page as it is, or in a part of it."""
    page = visitor.page
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text() + "; undefined")
    found: dict[str, Any] = page.evaluate(
        "within => axe.run(within, {resultTypes: ['violations'], iframes: false})", within
    )
    return [
        f"{page.url} {fault['id']}: {node['html'][:160]} ({node['failureSummary'][:300]})"
        for fault in found["violations"]
        for node in fault["nodes"]
    ]


@pytest.fixture(params=["light", "dark"])
def theme(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def judge(open_window: OpenWindow, signed_in: StorageState, theme: str) -> Visitor:
    """Somebody in that theme, whose pages may be evaluated in."""
    return open_window(storage_state=signed_in, color_scheme=theme, bypass_csp=True)


def test_pages_of_lists(judge: Visitor, user: User, theme: str):
    failed(user)
    paused(user)
    found = []
    judge.open_list("?flow=acme/asking")
    expect(judge.page.locator("[role=row][data-id]").first).to_be_visible()
    root = judge.page.locator("html")
    expect(root).to_have_attribute("data-mantine-color-scheme", theme)
    found += faults(judge)
    judge.page.locator("[role=row][data-id]").first.get_by_role("checkbox").check()
    judge.page.get_by_role("button", name="Status: any").click()
    found += faults(judge)
    judge.page.goto("/nothing/here")
    expect(judge.page.get_by_role("heading").first).to_be_visible()
    found += faults(judge)
    assert not found, "\n".join(found)


def test_the_page_of_an_execution(judge: Visitor, user: User):
    found = []
    judge.open_execution(branched(user))
    for tab in TABS:
        judge.tab(tab)
        judge.page.wait_for_load_state("networkidle")
        found += faults(judge)
    judge.card("flaky").click()
    expect(judge.page.get_by_role("complementary", name="Placement flaky")).to_be_visible()
    found += faults(judge, "aside")
    assert not found, "\n".join(found)


def test_pages_of_what_is_not_well(judge: Visitor, user: User):
    found = []
    judge.open_execution(paused(user))
    judge.tab("Pauses")
    found += faults(judge)
    judge.page.get_by_role("button", name="Cancel", exact=True).click()
    expect(judge.page.get_by_role("dialog")).to_be_visible()
    found += faults(judge, "[role=dialog]")
    judge.open_execution(failed(user))
    judge.tab("Output")
    found += faults(judge)
    assert not found, "\n".join(found)


def test_pages_of_flows(judge: Visitor, user: User):
    graph = user.compile(BRANCHED)
    user.compile(COUNTS)
    found = []
    judge.page.goto("/flows")
    expect(judge.page.get_by_role("link", name="acme/branched").first).to_be_visible()
    found += faults(judge)
    judge.page.goto(f"/flows/{graph}")
    expect(judge.page.locator(".react-flow__node").first).to_be_visible()
    found += faults(judge)
    judge.page.get_by_role("button", name="Run", exact=True).click()
    expect(judge.page.get_by_role("dialog")).to_be_visible()
    found += faults(judge, "[role=dialog]")
    assert not found, "\n".join(found)


def test_signing_in(open_window: OpenWindow, theme: str):
    visitor = open_window(color_scheme=theme, bypass_csp=True)
    visitor.watch.allow(SIGNED_OUT)
    visitor.page.goto("/sign-in")
    expect(visitor.page.get_by_label("API key", exact=True)).to_be_visible()
    found = faults(visitor)
    assert not found, "\n".join(found)
