"""One box and one browser for all tests of the dashboard; each test has a window of its own."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browser.dashboard import SIGNED_OUT, TIMEOUT_MS, Watch, built, chromium
from browser.visitor import Visitor
from playwright.sync_api import Browser, StorageState
from system.box import Box, User, running
from system.lab import prepare

OpenWindow = Callable[..., Visitor]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests come last.

    Playwright leaves an event loop set in the thread until the browser is closed, and the browser
    is closed with the session: nothing else that is asynchronous should run meanwhile.
    """
    here = Path(__file__).parent
    items.sort(key=lambda item: here in item.path.parents)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def box(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A box that serves the dashboard as it is built now, with the package pushed."""
    with running(tmp_path_factory.mktemp("browser") / "data", webui=built()) as box:
        prepare(box)
        yield box


@pytest.fixture(scope="session")
def user(box: Box) -> Iterator[User]:
    with box.client() as user:
        yield user


@pytest.fixture(scope="session")
def make_link(box: Box) -> Callable[[], str]:
    """One-time links, from the command that makes them."""

    def make() -> str:
        command = [sys.executable, "-m", "axiomd", "login-link", "--data-dir", str(box.data_dir)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
        return done.stdout.strip()

    return make


@pytest.fixture(scope="session")
def signed_in(browser: Browser, box: Box, make_link: Callable[[], str]) -> StorageState:
    """What a browser keeps that has come by a link."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(make_link())
    page.wait_for_url("**/executions")
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def open_window(browser: Browser, box: Box) -> Iterator[OpenWindow]:
    """Windows of the test's own; all that was wrong in one of them is told at the end."""
    opened: list[tuple[Visitor, Watch]] = []

    def open_one(**options: object) -> Visitor:
        usual = {"viewport": {"width": 1440, "height": 900}, "reduced_motion": "reduce"}
        context = browser.new_context(**{"base_url": box.url, **usual, **options})
        context.set_default_timeout(TIMEOUT_MS)
        watch = Watch(context)
        visitor = Visitor(context.new_page(), watch)
        opened.append((visitor, watch))
        return visitor

    yield open_one
    for visitor, _ in opened:
        visitor.page.context.close()
    assert [bad for _, watch in opened for bad in watch.bad()] == []


@pytest.fixture
def visitor(open_window: OpenWindow, signed_in: StorageState) -> Visitor:
    """Somebody who is signed in, in the dark theme."""
    return open_window(storage_state=signed_in, color_scheme="dark")


@pytest.fixture
def stranger(open_window: OpenWindow) -> Visitor:
    """Somebody who is not signed in, which the first question to the server shows."""
    visitor = open_window(color_scheme="light")
    visitor.watch.allow(SIGNED_OUT)
    return visitor
