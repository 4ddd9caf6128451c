"""The console: keys, webhooks and what else runs a box, done from its pages."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import attrs
import httpx
import pytest
from browser.conftest import OpenWindow
from browser.dashboard import REFUSED, built
from browser.test_accessible import faults
from browser.visitor import Visitor
from playwright.sync_api import Browser, Locator, expect
from system.box import Box, User, running
from system.lab import prepare, single

from axiomd.store.acts import ActKind

HIDDEN = "whsec_"


@attrs.frozen
class Receiver:
    """Who is told; it takes nothing until it is said to."""

    url: str
    takes: list[bool]
    heard: list[dict]


@contextmanager
def listening() -> Iterator[Receiver]:
    takes: list[bool] = []
    heard: list[dict] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200 if takes else 500)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield Receiver(f"http://127.0.0.1:{server.server_port}/hook", takes, heard)
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def office(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A box of these tests' own, which may tell receivers on this machine."""
    place: Path = tmp_path_factory.mktemp("office") / "data"
    with running(place, webui=built(), webhooks_allow_private="true") as box:
        prepare(box)
        yield box


@pytest.fixture
def clerk(open_window: OpenWindow, office: Box) -> Visitor:
    """Somebody who is signed in there."""
    return signed_in_at(open_window, office)


def signed_in_at(open_window: OpenWindow, office: Box, key: str = "", **options: object) -> Visitor:
    visitor = open_window(base_url=office.url, **options)
    # Pages of what this version may not have ask for it all the same.
    visitor.watch.allow(REFUSED)
    headers = {"Content-Type": "application/json"}
    context = visitor.page.context
    context.request.post("/app/v1/session", data={"key": key or office.key}, headers=headers)
    return visitor


def open_subject(visitor: Visitor, name: str) -> None:
    if "/console" not in visitor.page.url:
        visitor.page.goto("/console")
    places = visitor.page.get_by_role("navigation", name="Console")
    places.get_by_role("link", name=name).click()
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text(name)
    expect(visitor.page.get_by_role("status", name="Loading")).to_have_count(0)


def row(visitor: Visitor, table: str, text: str) -> Locator:
    rows = visitor.page.get_by_role("table", name=table).get_by_role("row")
    return rows.filter(has_text=text)


def is_taken(office: Box, key: str) -> bool:
    headers = {"Authorization": f"Bearer {key}"}
    answer = httpx.get(f"{office.url}/app/v1/keys", headers=headers, trust_env=False)
    return answer.status_code == 200


def test_a_key_is_shown_once_works_and_is_revoked(clerk: Visitor, office: Box):
    page = clerk.page
    open_subject(clerk, "API Keys")
    page.get_by_role("button", name="Create key").click()
    page.get_by_role("dialog").get_by_label("Name").fill("night shift")
    page.keyboard.press("Enter")
    key = page.get_by_test_id("new-key").inner_text()
    assert re.fullmatch(r"[0-9a-f]{64}", key)
    page.get_by_role("button", name="I have kept it").click()
    expect(row(clerk, "API keys", "night shift")).to_contain_text(f"{key[:8]}…{key[-4:]}")
    assert key not in page.content()
    assert is_taken(office, key)
    row(clerk, "API keys", "night shift").get_by_role("button", name="Revoke").click()
    dialog = page.get_by_role("dialog", name="Revoke the key night shift?")
    dialog.get_by_role("button", name="Revoke").click()
    expect(row(clerk, "API keys", "night shift")).to_have_count(0)
    assert not is_taken(office, key)


def test_nothing_is_revoked_without_a_second_word(clerk: Visitor, office: Box):
    open_subject(clerk, "API Keys")
    own = row(clerk, "API keys", "yours")
    own.get_by_role("button", name="Revoke").click()
    dialog = clerk.page.get_by_role("dialog")
    expect(dialog).to_contain_text("the key that you are signed in with")
    expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()
    clerk.page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    assert is_taken(office, office.key)


def test_a_webhook_is_added_told_until_it_takes_and_told_again(clerk: Visitor, office: Box):
    page = clerk.page
    with listening() as receiver, office.client() as user:
        add_webhook(clerk, receiver.url)
        identity = user.accepted(user.compile(single("Echo")), {"text": "x"})
        told = row(clerk, "Deliveries", f"{identity[:8]}…{identity[-4:]}")
        told.get_by_role("button", name="1 attempts of").click(timeout=15_000)
        expect(told).to_contain_text("Pending")
        expect(page.get_by_role("list", name="Attempts")).to_contain_text("HTTP 500")
        receiver.takes.append(True)
        expect(told).to_contain_text("Delivered", timeout=30_000)
        told.get_by_role("button", name="Redeliver").click()
        expect(told.get_by_role("button", name="3 attempts of")).to_be_visible(timeout=30_000)
        assert len(receiver.heard) == 3
        filters = page.get_by_role("radiogroup", name="Status of deliveries")
        filters.get_by_text("Failed").click()
        expect(page.get_by_text("No deliveries")).to_be_visible()
        assert "status=FAILED" in page.url
        page.reload()
        expect(page.get_by_text("No deliveries")).to_be_visible()
        filters.get_by_text("All").click()
        told.get_by_role("link").click()
        page.wait_for_url(f"**/executions/{identity}")


def add_webhook(visitor: Visitor, url: str) -> None:
    open_subject(visitor, "Webhooks")
    visitor.page.get_by_role("button", name="Add webhook").click()
    dialog = visitor.page.get_by_role("dialog", name="Add a webhook")
    dialog.get_by_label("URL").fill("nowhere")
    dialog.get_by_role("button", name="Add").click()
    is_refused(dialog.get_by_label("URL"), "Must be a URL")
    dialog.get_by_label("URL").fill(url)
    dialog.get_by_label("Headers").fill("X-Team: orders")
    dialog.get_by_role("button", name="Add").click()
    expect(dialog).to_be_hidden()
    expect(row(visitor, "Webhooks", url)).to_contain_text("X-Team")


def test_the_signing_secret_is_shown_when_asked_for_and_rotated(clerk: Visitor, office: Box):
    page = clerk.page
    open_subject(clerk, "Webhooks")
    section = page.get_by_role("region", name="Signing secret")
    expect(section).to_contain_text("shown on demand")
    assert HIDDEN not in page.content()
    section.get_by_role("button", name="Show").click()
    secret = section.locator("code")
    expect(secret).to_contain_text(HIDDEN)
    before = secret.inner_text()
    section.get_by_role("button", name="Rotate").click()
    page.get_by_role("dialog").get_by_role("button", name="Rotate").click()
    expect(secret).not_to_have_text(before)
    expect(section).to_contain_text("The old one signs until")


SUBJECTS = {
    "/app/v1/secrets": "Secrets",
    "/app/v1/configs": "Flow Configs",
    "/app/v1/schedules": "Schedules",
    "/app/v1/usage": "Usage",
    "/app/v1/tenants": "Tenants",
    "/app/v1/audit": "Audit Log",
}


def test_what_a_server_does_not_have_is_said_calmly(clerk: Visitor, office: Box):
    for path in SUBJECTS:
        clerk.page.route(f"**{path}**", lambda route: route.fulfill(status=404, json={}))
    for name in SUBJECTS.values():
        open_subject(clerk, name)
        expect(clerk.page.get_by_text("Not available on this server")).to_be_visible()
        expect(clerk.page.get_by_role("alert")).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_of_the_console_are_accessible(open_window: OpenWindow, office: Box, theme: str):
    visitor = signed_in_at(open_window, office, color_scheme=theme, bypass_csp=True)
    found = []
    for name in ("API Keys", "Webhooks", *SUBJECTS.values()):
        open_subject(visitor, name)
        found += faults(visitor)
        opener = visitor.page.get_by_role("button", name=re.compile("^(Create|Add) "))
        if opener.count():
            opener.click()
            expect(visitor.page.get_by_role("dialog")).to_be_visible()
            found += faults(visitor, "[role=dialog]")
            visitor.page.keyboard.press("Escape")
    assert not found, "\n".join(found)


def test_the_console_is_used_on_a_tablet(open_window: OpenWindow, office: Box):
    visitor = signed_in_at(open_window, office, viewport={"width": 768, "height": 1024})
    for name in ("API Keys", "Webhooks", "Tenants", "Audit Log"):
        open_subject(visitor, name)
        wider = "() => document.querySelector('main').scrollWidth - innerWidth"
        assert visitor.page.evaluate(wider) <= 0


def test_keys_of_one_tenant_are_not_in_the_console_of_another(
    open_window: OpenWindow, office: Box, user: User
):
    visitor = signed_in_at(open_window, office, key=office.make_key("elsewhere"))
    open_subject(visitor, "API Keys")
    expect(row(visitor, "API keys", "yours")).to_have_count(1)
    assert office.key[:8] not in visitor.page.content()


def choose(visitor: Visitor, within: Locator, name: str, option: str) -> None:
    within.get_by_role("combobox", name=name).click()
    visitor.page.get_by_role("option", name=option).first.click()


def is_refused(field: Locator, words: str) -> None:
    """The server's refusal comes to stand at a field, which has the focus then."""
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()
    expect(field).to_have_accessible_description(re.compile(words))


def confirm(visitor: Visitor, table: str, text: str, word: str) -> None:
    """Say twice that something of a row is to be done."""
    row(visitor, table, text).get_by_role("button", name=word).click()
    visitor.page.get_by_role("dialog").get_by_role("button", name=word).click()
    expect(row(visitor, table, text)).to_have_count(0)


def test_a_secret_goes_in_and_never_comes_out(clerk: Visitor, office: Box):
    page = clerk.page
    open_subject(clerk, "Secrets")
    page.get_by_role("button", name="Add secret").click()
    dialog = page.get_by_role("dialog", name="Add a secret")
    dialog.get_by_label("Name").fill("api-token")
    dialog.get_by_label("Value", exact=True).fill("hush-hush-hush")
    page.keyboard.press("Enter")
    is_refused(dialog.get_by_label("Name"), "API_TOKEN")
    dialog.get_by_label("Name").fill("API_TOKEN")
    page.keyboard.press("Enter")
    expect(row(clerk, "Secrets", "API_TOKEN")).to_be_visible()
    row(clerk, "Secrets", "API_TOKEN").get_by_role("button", name="Replace").click()
    page.get_by_role("dialog").get_by_label("Value", exact=True).fill("hush-no-more")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert "hush" not in page.content()
    confirm(clerk, "Secrets", "API_TOKEN", "Delete")


def test_a_flow_config_is_made_changed_and_deleted(clerk: Visitor, office: Box):
    page = clerk.page
    open_subject(clerk, "Flow Configs")
    page.get_by_role("button", name="Add config").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Profile").fill("night")
    dialog.get_by_label("Node time limit").fill("20")
    dialog.get_by_role("button", name="Add a secret").click()
    dialog.get_by_label("Name of secret 1").fill("API_TOKEN")
    dialog.get_by_label("Value of secret 1").fill("of-the-night")
    dialog.get_by_role("button", name="Add", exact=True).click()
    made = row(clerk, "Flow configs", "night")
    expect(made).to_contain_text("20 s")
    expect(made).to_contain_text("API_TOKEN")
    made.get_by_role("button", name="Edit").click()
    dialog.get_by_label("Node time limit").fill("")
    dialog.get_by_role("button", name="Save").click()
    expect(made).to_contain_text("as the box")
    expect(made).to_contain_text("API_TOKEN")
    confirm(clerk, "Flow configs", "night", "Delete")


def test_a_schedule_is_made_paused_triggered_and_deleted(clerk: Visitor, office: Box):
    page = clerk.page
    with office.client() as user:
        user.compile(single("Echo"))
        open_subject(clerk, "Schedules")
        page.get_by_role("button", name="Add schedule").click()
        dialog = page.get_by_role("dialog", name="Add a schedule")
        dialog.get_by_label("Name", exact=True).fill("early bird")
        choose(clerk, dialog, "Artifact", "acme/echo")
        dialog.get_by_label("Cron expression").last.fill("0 6 * * 9")
        dialog.get_by_role("button", name="Add", exact=True).click()
        is_refused(dialog.get_by_label("Cron expression").last, "weekday")
        dialog.get_by_label("Cron expression").last.fill("0 6 * * MON")
        choose(clerk, dialog, "While the last one goes on", "it is skipped")
        dialog.get_by_label("text", exact=True).fill("chirp")
        dialog.get_by_role("button", name="Add", exact=True).click()
        made = row(clerk, "Schedules", "early bird")
        expect(made).to_contain_text("0 6 * * MON")
        made.get_by_role("button", name="Pause").click()
        expect(made).to_contain_text("Paused")
        made.get_by_role("button", name="More for").click()
        page.get_by_role("menuitem", name="Trigger now").click()
        expect(made.locator("a[href^='/executions/']")).to_be_visible(timeout=15_000)
        (kept,) = user.get("/app/v1/schedules")["schedules"]
        assert (kept["overlap"], kept["paused"]) == ("skip", True)
        assert user.execution(kept["last_execution_id"], "/input")["input"]["text"] == "chirp"
        confirm(clerk, "Schedules", "early bird", "Delete")


def test_usage_and_tenants_are_told(clerk: Visitor, office: Box):
    with office.client() as user:
        user.ended(user.accepted(user.compile(single("Echo")), {}))
    open_subject(clerk, "Usage")
    expect(clerk.page.get_by_role("region", name="Now")).to_contain_text("Running")
    kept = clerk.page.get_by_role("region", name="Executions that are kept")
    expect(kept).to_contain_text("Completed")
    days = clerk.page.get_by_role("list", name="Accepted per day").get_by_role("listitem")
    expect(days).to_have_count(30)
    expect(days.last).not_to_contain_text(re.compile(": 0$"))
    open_subject(clerk, "Tenants")
    expect(row(clerk, "Tenants", "yours")).to_contain_text("default")


def test_all_of_a_schedule_is_set_refused_at_its_field_changed_and_shown(
    clerk: Visitor, office: Box
):
    page = clerk.page
    with office.client() as user:
        config = {"flow": None, "profile": "slowly", "node_timeout_seconds": 90}
        config_id = user.http.post("/app/v1/configs", json=config).json()["config_id"]
        made = {"name": "whole", "graph_id": user.compile(single("Echo")), "cron": "@daily"}
        kept = user.http.post("/app/v1/schedules", json=made).json()
        open_subject(clerk, "Schedules")
        found = row(clerk, "Schedules", "whole")
        found.get_by_role("button", name="More for").click()
        page.get_by_role("menuitem", name="Edit").click()
        dialog = page.get_by_role("dialog", name="Edit whole")
        dialog.get_by_label("Starts").fill("2027-03-01T08:00")
        dialog.get_by_label("Ends").fill("2027-02-01T08:00")
        dialog.get_by_label("Time zone").fill("Europe/Zurich")
        choose(clerk, dialog, "Flow config", "slowly")
        choose(clerk, dialog, "Times that were missed", "fire once each")
        dialog.get_by_label("Priority").fill("8")
        dialog.get_by_role("button", name="Save").click()
        is_refused(dialog.get_by_label("Ends"), "after starts_at")
        dialog.get_by_label("Ends").fill("2027-03-02T08:00")
        dialog.get_by_role("button", name="Save").click()
        expect(dialog).to_be_hidden()
        expect(found.get_by_role("button", name="More for")).to_be_focused()
        found.get_by_role("button", name="Details of whole").click()
        details = row(clerk, "Schedules", "Next times")
        expect(details.get_by_role("listitem")).to_have_count(1)
        for words in ("2027-03-01 08:00", "2027-03-02 08:00", "slowly", "fire once each", "8"):
            expect(details).to_contain_text(words)
        kept = user.get(f"/app/v1/schedules/{kept['schedule_id']}")
        wanted = {"config_id": config_id, "priority": 8, "catch_up": "all", "cron": "@daily"}
        assert {name: kept[name] for name in wanted} == wanted
        user.http.delete(f"/app/v1/schedules/{kept['schedule_id']}")


def test_a_tenant_is_added_renamed_limited_and_kept_out(clerk: Visitor, office: Box):
    page = clerk.page
    open_subject(clerk, "Tenants")
    page.get_by_role("button", name="Add tenant").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("ID").fill("Big Corp")
    page.keyboard.press("Enter")
    is_refused(dialog.get_by_label("ID"), "lowercase")
    dialog.get_by_label("ID").fill("big-corp")
    page.keyboard.press("Enter")
    found = row(clerk, "Tenants", "big-corp")
    found.get_by_role("button", name="Edit").click()
    dialog.get_by_label("Name").fill("The Big Corporation")
    dialog.get_by_label("Days").fill("7")
    page.keyboard.press("Enter")
    expect(found).to_contain_text("The Big Corporation")
    expect(found).to_contain_text("7 days")
    found.get_by_role("button", name="Disable").click()
    dialog.get_by_role("button", name="Disable").click()
    expect(found).to_contain_text("Disabled")
    found.get_by_role("link").click()
    expect(page.get_by_role("combobox", name="Whose usage")).to_have_value(re.compile("big-corp"))
    limits = page.get_by_role("region", name="Limits in force")
    limits.get_by_role("button", name="Change").click()
    dialog.get_by_label("Executions at a time").fill("12")
    dialog.get_by_role("button", name="Save").click()
    expect(limits).to_contain_text("Executions at a time12")
    with office.client() as user:
        own = user.get("/app/v1/tenants/big-corp/limits")["own"]
    assert {name: bound for name, bound in own.items() if bound is not None} == {
        "executions_max": 12
    }


def test_the_log_tells_each_act_in_words_and_a_page_at_a_time(clerk: Visitor, office: Box):
    page = clerk.page
    with office.client() as user:
        user.http.post("/app/v1/tenants", json={"tenant": "logged"})
        for number in range(51):
            user.http.patch("/app/v1/tenants/logged", json={"retention_days": number})
    open_subject(clerk, "Audit Log")
    act = page.get_by_role("combobox", name="Act")
    act.click()
    expect(page.get_by_role("option")).to_have_count(len(ActKind))
    page.get_by_role("option", name="Retention of a tenant changed").click()
    acts = page.get_by_role("table", name="Acts").get_by_role("row")
    expect(acts).to_have_count(51)
    expect(acts.nth(1)).to_contain_text(re.compile("test of default.*logged.*49 days → 50 days"))
    page.get_by_role("button", name="Show older ones").click()
    expect(row(clerk, "Acts", "as the box is set → for ever")).to_have_count(1)
    choose(clerk, page.locator("main"), "Whose log", "logged")
    page.wait_for_url("**/console/audit?act=tenant.retention_changed&tenant=logged")
    page.goto("/console/audit?act=tenant.created&tenant=logged")
    expect(acts).to_have_count(2)
    expect(acts.nth(1)).to_contain_text("Tenant created")


def test_who_is_not_the_operator_changes_no_tenant(open_window: OpenWindow, office: Box):
    visitor = signed_in_at(open_window, office, key=office.make_key("small"))
    open_subject(visitor, "Tenants")
    expect(row(visitor, "Tenants", "small")).to_contain_text("yours")
    expect(visitor.page.get_by_role("main").get_by_role("button")).to_have_count(0)
    open_subject(visitor, "Audit Log")
    expect(row(visitor, "Acts", "Signed in")).to_have_count(1)
    expect(visitor.page.get_by_role("combobox", name="Whose log")).to_have_count(0)
