"""What is large is shown when somebody asks for it, or kept in a file."""

import json
import re
from pathlib import Path

import pytest
from browser.visitor import Visitor
from playwright.sync_api import Locator, expect
from system.box import User
from system.lab import single

SIZE = 300_000


@pytest.fixture(scope="module")
def identity(user: User) -> str:
    """An execution with an output of megabytes."""
    identity = user.accepted(
        user.compile(single("Grow")), {"text": "0123456789", "count": SIZE // 10}
    )
    user.reached(identity, {"COMPLETED"})
    return identity


def downloaded(visitor: Visitor, link: Locator, to: Path) -> dict:
    with visitor.page.expect_download() as waiting:
        link.click()
    waiting.value.save_as(to)
    return json.loads(to.read_text())


def test_a_large_output_is_loaded_when_it_is_wanted(visitor: Visitor, identity: str):
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    visitor.open_execution(identity)
    panel = visitor.tab("Output")
    expect(panel.get_by_text(re.compile(r"^The output is large: 29\d\."))).to_be_visible()
    assert not [url for url in asked if url.endswith("/output")]
    panel.get_by_role("button", name="Load it").click()
    expect(panel.get_by_role("heading", name="Output", exact=True).last).to_be_visible()
    expect(panel.get_by_text("0123456789").first).to_be_visible()


def test_a_large_output_is_downloaded_whole(visitor: Visitor, identity: str, tmp_path: Path):
    visitor.open_execution(identity)
    link = visitor.tab("Output").get_by_role("link", name="Download")
    kept = downloaded(visitor, link, tmp_path / "output.json")
    assert kept["output"]["text"] == "0123456789" * (SIZE // 10)


def test_a_large_checkpoint_is_downloaded_whole(visitor: Visitor, identity: str, tmp_path: Path):
    visitor.open_execution(identity)
    panel = visitor.tab("Checkpoints")
    panel.get_by_role("row").filter(has_text="grow").last.click()
    kept = downloaded(visitor, panel.get_by_role("link", name="Download"), tmp_path / "one.json")
    (checkpoint,) = kept["checkpoints"]
    assert checkpoint["output"]["text"] == "0123456789" * (SIZE // 10)
