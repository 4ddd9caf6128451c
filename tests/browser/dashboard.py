"""The dashboard as it is built, the browser it is looked at with, and a page that is watched."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ROOT = Path(__file__).parents[2]
WEB = ROOT / "web"
DIST = WEB / "dist"

ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
TIMEOUT_MS = 8_000

SIGNED_OUT = r"status of 401"
"""Chromium writes every refusal to the console; these are provoked by the test that allows them."""
REFUSED = r"status of (404|409|422)"
RESTARTED = r"net::ERR_|status of 503"

OUR_OWN = re.compile(r"(http://127\.0\.0\.1:\d+/|data:|blob:)")


def missing(what: str) -> None:
    """Skip, or fail where everything must be there."""
    if os.environ.get("AXIOMD_BROWSER") == "required" or os.environ.get("CI") == "1":
        pytest.fail(what)
    pytest.skip(what)


def _sources() -> Iterator[Path]:
    yield from (path for path in WEB.iterdir() if path.is_file())
    for folder in ("src", "public", "scripts"):
        yield from (path for path in (WEB / folder).rglob("*") if path.is_file())


def built() -> Path:
    """web/dist, made if it is missing or older than what it is made of."""
    page = DIST / "index.html"
    newest = max(path.stat().st_mtime for path in _sources() if not path.name.endswith(".test.ts"))
    if page.is_file() and page.stat().st_mtime >= newest:
        return DIST
    npm = shutil.which("npm")
    if npm is None:
        missing("The dashboard is not built, and there is no npm to build it with.")
    if not (WEB / "node_modules").is_dir():
        ci = [str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(ci, cwd=WEB, check=True)
    subprocess.run([str(npm), "run", "build"], cwd=WEB, check=True)
    return DIST


@contextmanager
def chromium(**options: Any) -> Iterator[Browser]:
    """A browser of the machine's, launched with more options; none is ever downloaded."""
    path = os.environ.get("AXIOMD_CHROMIUM") or shutil.which("chromium")
    if not path:
        missing("There is no chromium on this machine, and AXIOMD_CHROMIUM names none.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGS, **options)
        yield browser
        browser.close()


class Watch:
    """Hears everything that a page should not do."""

    def __init__(self, context: BrowserContext) -> None:
        self._heard: list[str] = []
        self._allowed: list[str] = []
        context.on("page", self._listen)

    def _listen(self, page: Page) -> None:
        page.on("pageerror", lambda error: self._heard.append(f"page error: {error}"))
        page.on(
            "console",
            lambda said: (
                self._heard.append(f"console: {said.text} ({said.location['url']})")
                if said.type in ("error", "warning")
                else None
            ),
        )
        page.on(
            "request",
            lambda request: (
                None
                if OUR_OWN.match(request.url)
                else self._heard.append(f"outside request: {request.url}")
            ),
        )

    def allow(self, pattern: str) -> None:
        """Let a kind of message pass that the test provokes."""
        self._allowed.append(pattern)

    def bad(self) -> list[str]:
        """What was heard and not allowed."""
        return [
            text
            for text in self._heard
            if not any(re.search(pattern, text) for pattern in self._allowed)
        ]
