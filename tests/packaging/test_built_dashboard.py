"""What the dashboard's build may be: from any registry, without inline scripts, and small."""

import gzip
import json
import re

import pytest
from browser.dashboard import DIST, WEB, built

ENTRY_BYTES_MAX = 220 * 1024


@pytest.fixture(scope="module")
def page() -> str:
    return (built() / "index.html").read_text()


def test_the_lock_file_names_no_registry():
    packages = json.loads((WEB / "package-lock.json").read_text())["packages"]
    assert [name for name, of in packages.items() if "resolved" in of] == []
    # What is installed is still held to what was locked.
    assert [name for name, of in packages.items() if name and "integrity" not in of] == []


def test_the_page_has_no_script_or_style_of_its_own(page: str):
    assert re.findall(r"<script(?![^>]*\ssrc=)[^>]*>", page) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:", page) == []
    assert re.findall(r"(?:src|href)=\"(?!/)[^\"]*\"", page) == []


def test_what_the_first_page_loads_is_small(page: str):
    names = re.findall(r"(?:src|href)=\"/([^\"]+\.(?:js|css))\"", page)
    assert names
    sizes = {name: len(gzip.compress((DIST / name).read_bytes(), 9)) for name in names}
    assert sum(sizes.values()) + len(gzip.compress(page.encode(), 9)) <= ENTRY_BYTES_MAX, sizes
