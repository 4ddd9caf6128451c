"""Pages in the room there is: the canvas fits itself to it, and a tablet has enough."""

from browser.conftest import OpenWindow
from browser.runs import BRANCHED, branched
from browser.visitor import Visitor
from playwright.sync_api import Locator, Page, StorageState, expect
from system.box import User

TABLET = {"width": 768, "height": 1024}
ALIASES = [node["alias"] for node in BRANCHED["nodes"]]


def wait_all_cards_in_view(visitor: Visitor) -> None:
    """Every card comes to lie within the canvas."""
    pane = visitor.page.locator(".react-flow")
    for alias in ALIASES:
        expect(visitor.card(alias)).to_be_in_viewport()
        visitor.page.wait_for_function(
            "([card, pane]) => { const [a, b] = [card, pane].map(e => e.getBoundingClientRect());"
            "return a.left >= b.left && a.right <= b.right && a.top >= b.top"
            " && a.bottom <= b.bottom }",
            arg=[visitor.card(alias).element_handle(), pane.element_handle()],
        )


def place_of(card: Locator) -> tuple[float, float]:
    box = card.bounding_box()
    assert box is not None
    return box["x"], box["y"]


def overflow(page: Page) -> int:
    """Pixels that the page is wider than its window."""
    wider: int = page.evaluate(
        "() => Math.max(0, ...[document.documentElement, document.querySelector('main')]"
        ".map(e => e.scrollWidth - e.clientWidth))"
    )
    return wider


def test_the_canvas_fits_a_window_that_becomes_another(visitor: Visitor, user: User):
    visitor.open_execution(branched(user))
    for width in (1440, 1000, 1300):
        visitor.page.set_viewport_size({"width": width, "height": 900})
        wait_all_cards_in_view(visitor)


def test_the_canvas_fits_beside_a_panel_and_again_without_it(visitor: Visitor, user: User):
    visitor.open_execution(branched(user))
    wait_all_cards_in_view(visitor)
    wide = place_of(visitor.card("meet"))
    visitor.card("flaky").click()
    panel = visitor.page.get_by_role("complementary", name="Placement flaky")
    expect(panel).to_be_visible()
    wait_all_cards_in_view(visitor)
    assert place_of(visitor.card("meet")) != wide
    visitor.page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    visitor.page.wait_for_function(
        "([card, x]) => Math.abs(card.getBoundingClientRect().x - x) < 1",
        arg=[visitor.card("meet").element_handle(), wide[0]],
    )


def test_a_canvas_that_somebody_has_moved_stays_where_it_is(visitor: Visitor, user: User):
    page = visitor.page
    visitor.open_execution(branched(user))
    wait_all_cards_in_view(visitor)
    pane = page.locator(".react-flow").bounding_box()
    assert pane is not None
    page.mouse.move(pane["x"] + 80, pane["y"] + 40)
    page.mouse.down()
    page.mouse.move(pane["x"] + 140, pane["y"] + 60, steps=4)
    page.mouse.up()
    viewport = page.locator(".react-flow__viewport")
    moved = viewport.get_attribute("style")
    page.set_viewport_size({"width": 1200, "height": 900})
    expect(page.locator(".react-flow")).to_have_css("width", "1200px")
    page.wait_for_timeout(100)
    assert viewport.get_attribute("style") == moved
    page.get_by_role("button", name="Fit View").click()
    wait_all_cards_in_view(visitor)


def test_an_execution_is_worked_with_on_a_tablet(
    open_window: OpenWindow, signed_in: StorageState, user: User
):
    visitor = open_window(storage_state=signed_in, viewport=TABLET, has_touch=True)
    visitor.open_execution(branched(user))
    wait_all_cards_in_view(visitor)
    assert overflow(visitor.page) == 0
    for tab in ("Events", "Checkpoints", "Pauses", "Branches", "Output", "Timeline"):
        visitor.tab(tab)
        assert overflow(visitor.page) == 0, tab
    visitor.card("flaky").tap()
    panel = visitor.page.get_by_role("complementary", name="Placement flaky")
    expect(panel).to_be_in_viewport(ratio=0.95)
    wait_all_cards_in_view(visitor)
    for name in ("Run again", "Fork", "Open flow"):
        expect(visitor.page.locator("header").get_by_text(name, exact=True)).to_be_in_viewport()


def test_a_flow_is_run_on_a_tablet(open_window: OpenWindow, signed_in: StorageState, user: User):
    visitor = open_window(storage_state=signed_in, viewport=TABLET, has_touch=True)
    page = visitor.page
    page.goto(f"/flows/{user.compile(BRANCHED)}")
    expect(visitor.card("begin")).to_be_visible()
    wait_all_cards_in_view(visitor)
    assert overflow(page) == 0
    inspector = page.get_by_role("complementary", name="Flow inspector")
    inspector.scroll_into_view_if_needed()
    expect(inspector.get_by_text("Invoke endpoint")).to_be_visible()
    page.get_by_role("complementary", name="Placements").get_by_text("flaky").tap()
    expect(page.get_by_role("complementary", name="Placement inspector")).to_be_visible()
    page.get_by_role("button", name="Run", exact=True).tap()
    dialog = page.get_by_role("dialog", name="Run flow")
    dialog.get_by_label("text", exact=True).fill("by hand ")
    dialog.get_by_role("button", name="Run", exact=True).tap()
    page.wait_for_url("**/executions/*")
    visitor.has_status("COMPLETED")
