"""Who uses the dashboard: the steps that tests repeat."""

import re
import time
from collections.abc import Mapping

import attrs
from browser.dashboard import TIMEOUT_MS, Watch
from playwright.sync_api import Locator, Page, expect

LABELS = {
    "QUEUED": "Queued",
    "RUNNING": "Running",
    "PAUSED_HITL": "Paused (HITL)",
    "COMPLETED": "Completed",
    "FAILED": "Failed",
    "CANCELLED": "Cancelled",
}


@attrs.frozen
class Visitor:
    """A window, and what one does in it."""

    page: Page
    watch: Watch

    def sign_in_by_key(self, key: str) -> None:
        """By the form."""
        self.page.goto("/sign-in")
        self.page.get_by_label("API key", exact=True).fill(key)
        self.page.get_by_role("button", name="Sign in").click()

    # -- the list -----------------------------------------------------------------------------

    def open_list(self, query: str = "") -> None:
        """The list, with its first rows or the words that there are none."""
        self.page.goto(f"/executions{query}")
        expect(self.page.get_by_role("heading", name="Executions", exact=True)).to_be_visible()

    def row(self, identity: str) -> Locator:
        """The row of an execution."""
        return self.page.locator(f'[role=row][data-id="{identity}"]')

    def rows(self) -> list[str]:
        """The executions of the rows that are drawn, from the top."""
        found = self.page.locator("[role=row][data-id]")
        ids = found.evaluate_all("rows => rows.map(row => [+row.dataset.index, row.dataset.id])")
        return [identity for _, identity in sorted(ids)]

    def shows_rows(self, identities: list[str]) -> None:
        """The list comes to show exactly these."""
        expect(self.page.locator("[role=row][data-id]")).to_have_count(len(identities))
        assert self.rows() == identities

    # -- an execution -------------------------------------------------------------------------

    def open_execution(self, identity: str, query: str = "") -> None:
        """The page of an execution, with all of its history."""
        self.page.goto(f"/executions/{identity}{query}")
        expect(self.page.get_by_text(identity, exact=True)).to_be_visible()
        expect(self.page.locator(".react-flow__node").first).to_be_visible()
        expect(self.scrubber).not_to_have_attribute("max", "0")

    def has_status(self, status: str) -> None:
        """The head of the page says so, sooner or later."""
        expect(self.page.locator("h1 + *").first).to_have_text(LABELS[status])

    def tab(self, name: str) -> Locator:
        """Open a tab; its panel."""
        self.page.get_by_role("tab", name=re.compile(rf"^{name}")).click()
        panel = self.page.get_by_role("tabpanel", name=re.compile(rf"^{name}"))
        expect(panel).to_be_visible()
        return panel

    def card(self, alias: str) -> Locator:
        """A placement on the canvas."""
        return self.page.locator(f'.react-flow__node[data-id="{alias}"]')

    def shows_states(self, wanted: Mapping[str, str]) -> None:
        """The canvas comes to show each placement in this state."""
        until = time.monotonic() + TIMEOUT_MS / 1000
        while (shown := self._states()) != wanted and time.monotonic() < until:
            self.page.wait_for_timeout(20)
        assert shown == wanted

    def _states(self) -> dict[str, str]:
        cards = self.page.locator(".react-flow__node")
        found = cards.evaluate_all(
            "cards => cards.map(card => "
            "[card.dataset.id, card.querySelector('[data-status]').dataset.status])"
        )
        return dict(found)

    @property
    def scrubber(self) -> Locator:
        """What moves through the execution's time."""
        return self.page.get_by_role("slider", name="Time")
