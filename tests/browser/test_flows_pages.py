"""Flows: what there is, how it hangs together, and how it is invoked."""

import json
import subprocess

from browser.runs import BRANCHED, COUNTS
from browser.visitor import Visitor
from playwright.sync_api import expect
from system.box import Box, User


def test_flows_are_listed_and_lead_to_their_topology(visitor: Visitor, user: User):
    graph = user.compile(BRANCHED)
    visitor.page.goto("/flows")
    visitor.page.get_by_role("link", name="acme/branched").first.click()
    visitor.page.wait_for_url(f"**/flows/{graph}*")
    visitor.shows_states(dict.fromkeys((node["alias"] for node in BRANCHED["nodes"]), "plain"))
    expect(visitor.page.locator(".react-flow__edge")).to_have_count(len(BRANCHED["edges"]))


def test_flows_are_searched(visitor: Visitor, user: User):
    user.compile(BRANCHED)
    user.compile(COUNTS)
    visitor.page.goto("/flows")
    visitor.page.get_by_label("Search flows").fill("counts")
    expect(visitor.page.get_by_role("link", name="acme/counts").first).to_be_visible()
    expect(visitor.page.get_by_role("link", name="acme/branched")).to_have_count(0)


def test_the_command_of_a_flow_is_copied_and_works(visitor: Visitor, user: User, box: Box):
    graph = user.compile(BRANCHED)
    visitor.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visitor.page.goto(f"/flows/{graph}")
    visitor.page.get_by_role("button", name="Use via API (curl)").click()
    expect(visitor.page.get_by_role("button", name="Copied")).to_be_visible()
    command = visitor.page.evaluate("navigator.clipboard.readText()")
    assert graph in command
    assert box.url in command
    done = subprocess.run(
        ["sh", "-c", command],
        env={"AXIOMD_API_KEY": box.key, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert json.loads(done.stdout)["result"]["success"] is True


def test_a_flow_is_run_from_its_page(visitor: Visitor, user: User):
    graph = user.compile(BRANCHED)
    visitor.page.goto(f"/flows/{graph}")
    visitor.page.get_by_role("button", name="Run", exact=True).click()
    dialog = visitor.page.get_by_role("dialog")
    dialog.get_by_label("text", exact=True).fill("by hand ")
    dialog.get_by_role("button", name="Run", exact=True).click()
    visitor.page.wait_for_url("**/executions/*")
    visitor.has_status("COMPLETED")
