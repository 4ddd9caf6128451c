"""The log of administrative acts over HTTP: every act, who did it, and no secret in it."""

import pytest
from api.test_sessions import make_link, signed_in
from system.box import Box, User
from system.lab import package, single
from worlds.receivers import receiving

from axiomd.store import keys
from axiomd.store.acts import ActKind

AUDIT = "/app/v1/audit"


@pytest.fixture
def theirs(box: Box, user: User, request: pytest.FixtureRequest):
    """A user of a tenant of the test's own."""
    tenant = f"a-{abs(hash(request.node.name)):x}"
    user.http.post("/app/v1/tenants", json={"tenant": tenant})
    key = user.http.post("/app/v1/keys", json={"name": "laptop", "tenant": tenant}).json()["key"]
    with box.client(key) as theirs:
        theirs.tenant, theirs.key = tenant, key
        yield theirs


def told(user: User, **params: object) -> list[tuple[str, str]]:
    return [(act["act"], act["subject"]) for act in user.get(AUDIT, params=params)["acts"]]


def do_everything(box: Box, user: User, theirs: User) -> list[str]:
    """Every act there is, once; the secrets that came of it."""
    http, tenant = theirs.http, theirs.tenant
    patch = f"/app/v1/tenants/{tenant}"
    user.http.patch(patch, json={"name": "New", "disabled": True, "retention_days": 2})
    user.http.patch(patch, json={"disabled": False})
    user.http.put(f"{patch}/limits", json={"executions_max": 9})
    made = http.post("/app/v1/keys", json={"name": "gone"}).json()["key"]
    http.delete(f"/app/v1/keys/{made[:8]}")
    assert theirs.push(package()).status_code == 201
    theirs.compile(single("Echo"))
    graph_id = theirs.compile(single("Echo"))
    http.delete("/app/v1/flows/acme/echo")
    with receiving() as receiver:
        body = {"url": receiver.url + "/t0ken?s=s3cret", "events": ["pause_opened"]}
        hook = http.post("/app/v1/webhooks", json={**body, "headers": {"X-A": "h1dden"}}).json()
        http.delete(f"/app/v1/webhooks/{hook['webhook_id']}")
    before = theirs.get("/app/v1/webhooks/secret")["secret"]
    after = http.post("/app/v1/webhooks/secret/rotate").json()["secret"]
    for value in ("s3aled-one", "s3aled-two"):
        http.put("/app/v1/secrets/TOKEN", json={"value": value})
    http.delete("/app/v1/secrets/TOKEN")
    config = {"flow": None, "profile": "p", "secrets": {"TOKEN": "s3aled-three"}}
    made_config = http.post("/app/v1/configs", json=config).json()
    path = f"/app/v1/configs/{made_config['config_id']}"
    http.put(path, json={**config, "profile": "q"})
    http.delete(path)
    timing = {"name": "s", "graph_id": graph_id, "cron": "@daily"}
    schedule = http.post("/app/v1/schedules", json=timing).json()["schedule_id"]
    path = f"/app/v1/schedules/{schedule}"
    http.patch(path, json={"cron": "@hourly"})
    http.post(f"{path}/pause")
    http.post(f"{path}/resume")
    http.delete(path)
    link = make_link(box, tenant)
    with signed_in(box, token=link) as page:
        cookie = page.http.cookies["axiomd_session"]
        csrf = page.http.headers["X-CSRF-Token"]
        assert page.http.delete("/app/v1/session").status_code == 200
    return [
        made,
        theirs.key,
        "t0ken",
        "s3cret",
        "s3aled",
        "h1dden",
        before,
        after,
        link,
        cookie,
        csrf,
    ]


def test_every_act_stands_in_the_log_with_who_did_it(box: Box, user: User, theirs: User):
    do_everything(box, user, theirs)
    page = theirs.get(AUDIT, params={"limit": 1000})
    assert page["next_cursor"] is None
    lines = [(act["act"], act["by"]) for act in reversed(page["acts"])]
    operator, own = f"test of default/{box.key[:8]}", f"laptop/{theirs.key[:8]}"
    assert lines == [
        ("tenant.created", operator),
        ("key.created", operator),
        ("tenant.renamed", operator),
        ("tenant.disabled", operator),
        ("tenant.retention_changed", operator),
        ("tenant.enabled", operator),
        ("tenant.limits_changed", operator),
        ("key.created", own),
        ("key.revoked", own),
        ("package.pushed", own),
        ("flow.saved", own),
        ("flow.compiled", own),
        ("flow.saved", own),
        ("flow.deleted", own),
        ("webhook.added", own),
        ("webhook.removed", own),
        ("webhook_secret.rotated", own),
        ("secret.set", own),
        ("secret.set", own),
        ("secret.deleted", own),
        ("flow_config.created", own),
        ("flow_config.changed", own),
        ("flow_config.deleted", own),
        ("schedule.created", own),
        ("schedule.changed", own),
        ("schedule.paused", own),
        ("schedule.resumed", own),
        ("schedule.deleted", own),
        ("key.created", "command line"),
        ("login_link.created", "command line"),
        ("session.created", "console session"),
        ("session.ended", "console session"),
    ]
    # The key of all secrets is the operator's: `tests/cli/test_secret_commands.py`.
    assert {act for act, _ in lines} == {kind.value for kind in ActKind} - {"secrets_key.rotated"}
    times = [act["at"] for act in page["acts"]]
    assert times == sorted(times, reverse=True)
    pushed = next(act for act in page["acts"] if act["act"] == "package.pushed")
    assert pushed["subject"] == "acme/lab@1.0.0"
    assert len(pushed["detail"]["digest"]) == 64


def test_no_secret_stands_in_the_log(box: Box, user: User, theirs: User):
    secrets = do_everything(box, user, theirs)
    with box.open_store() as store, store.read() as transaction:
        walk = transaction.cursor(store.tables[keys.ACTS])
        log = b"".join(bytes(key) + bytes(value) for key, value in walk)
    assert theirs.tenant.encode() in log
    assert [secret for secret in secrets if secret.encode() in log] == []


def test_what_the_operator_does_to_another_tenant_stands_in_both_logs(user: User, theirs: User):
    (act,) = user.get(AUDIT, params={"act": "tenant.created", "limit": 1})["acts"]
    assert (act["subject"], act["detail"]["tenant"]) == (theirs.tenant, theirs.tenant)
    assert told(user, tenant=theirs.tenant, act="tenant.created") == [
        ("tenant.created", theirs.tenant)
    ]


def test_a_log_is_read_by_its_tenant_and_by_the_operator(user: User, theirs: User, refused):
    assert told(theirs, tenant=theirs.tenant) == told(theirs)
    assert told(user, tenant=theirs.tenant) == told(theirs)
    for other in ("default", "nobody"):
        refused(theirs.http.get(AUDIT, params={"tenant": other}), 403, "FORBIDDEN")


def test_pages_together_are_the_log_newest_first(user: User, theirs: User, refused):
    for number in range(5):
        theirs.http.put(
            f"/app/v1/flows/acme/f{number}", json={**single("Echo"), "name": f"acme/f{number}"}
        )
    found, cursor = [], None
    while True:
        page = theirs.get(AUDIT, params={"limit": 2} | ({"cursor": cursor} if cursor else {}))
        found += [(act["act"], act["subject"]) for act in page["acts"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == told(theirs)
    assert found[0] == ("flow.saved", "acme/f4")
    assert told(theirs, act="flow.saved", limit=2) == [
        ("flow.saved", "acme/f4"),
        ("flow.saved", "acme/f3"),
    ]
    refused(theirs.http.get(AUDIT, params={"cursor": "AAAA"}), 400, "MALFORMED")
    (problem,) = refused(theirs.http.get(AUDIT, params={"act": "flow.safed"}), 422, "INVALID")
    assert "did you mean 'flow.saved'?" in problem


def test_what_is_refused_or_changes_nothing_leaves_no_line(user: User, theirs: User):
    before = told(theirs)
    theirs.http.delete("/app/v1/keys/00000000")
    theirs.http.post("/app/v1/keys", json={"name": ""})
    theirs.http.delete("/app/v1/flows/acme/none")
    user.http.patch(f"/app/v1/tenants/{theirs.tenant}", json={"disabled": False})
    user.http.post("/app/v1/tenants", json={"tenant": theirs.tenant})
    assert told(theirs) == before


def test_the_store_with_all_of_it_is_whole(box: Box, user: User, theirs: User):
    do_everything(box, user, theirs)
    assert box.broken() == []
