"""Tenants, keys and the log with the commands, beside a running server and against it."""

import json

import httpx
import pytest

from axiomd.cli.exits import Exit


def answer(ended):
    return json.loads(ended.stdout)


@pytest.fixture
def beside(ask, server):
    """A command on the server's data directory."""

    def run(*words, code=0):
        return ask(*words, "--data-dir", server.data_dir, code=code)

    return run


def status_of(server, key):
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.get(f"{server.url}/app/v1/session", headers=headers, trust_env=False).status_code


def test_a_tenant_is_made_renamed_and_listed(beside):
    made = answer(beside("tenants", "create", "acme", "--name", "Acme Ltd", "--json"))
    assert (made["tenant"], made["name"], made["keys"]) == ("acme", "Acme Ltd", 0)
    assert "is called Acme and Sons" in beside("tenants", "rename", "acme", "Acme and Sons").stdout
    listed = answer(beside("tenants", "list", "--json"))["tenants"]
    assert {**made, "name": "Acme and Sons"} in listed
    assert "default" in [one["tenant"] for one in listed]
    assert "Acme and Sons" in beside("tenants", "list").stdout


def test_a_disabled_tenant_is_refused_by_the_running_server_and_let_in_again(
    beside, server, ask, monkeypatch
):
    key = answer(beside("keys", "create", "--name", "ci", "--tenant", "stopped", "--json"))["key"]
    assert status_of(server, key) == 200
    assert "stopped is disabled" in beside("tenants", "disable", "stopped").stdout
    assert status_of(server, key) == 403
    refused = beside("login-link", "--tenant", "stopped", code=Exit.REFUSED)
    assert "axiomd tenants enable stopped" in refused.stderr
    with monkeypatch.context() as patch:
        patch.setenv("AXIOMD_API_KEY", key)
        assert "is disabled" in ask("keys", "list", code=Exit.REFUSED).stderr
    assert "stopped is enabled" in beside("tenants", "enable", "stopped").stdout
    assert status_of(server, key) == 200


def test_what_cannot_be_done_to_a_tenant_says_why(beside):
    assert "lowercase" in beside("tenants", "create", "Acme", code=Exit.REFUSED).stderr
    assert "already" in beside("tenants", "create", "default", code=Exit.REFUSED).stderr
    for words in (("disable",), ("enable",), ("retention",)):
        told = beside("tenants", *words, "defautl", code=Exit.NOT_FOUND)
        assert "did you mean 'default'?" in told.stderr
    assert "operator's" in beside("tenants", "disable", "default", code=Exit.REFUSED).stderr
    refused = beside("keys", "create", "--name", "x", "--tenant", "A b", code=Exit.REFUSED)
    assert "lowercase" in refused.stderr


def test_without_a_store_there_is_no_tenant_to_change(run, tmp_path):
    for words in (("list",), ("disable", "acme"), ("rename", "acme", "x")):
        run("tenants", *words, "--data-dir", tmp_path / "none", code=Exit.NOT_FOUND)
    run("tenants", "create", "acme", "--data-dir", tmp_path / "new")
    assert "acme" in run("tenants", "list", "--data-dir", tmp_path / "new").stdout


def test_keys_say_when_they_were_last_used(beside, ask):
    beside("keys", "create", "--name", "idle")
    shown = ask("keys", "list").stdout
    assert "never" in next(line for line in shown.splitlines() if "idle" in line)
    used = [key["last_used_at"] for key in answer(ask("keys", "list", "--json"))["keys"]]
    assert any(used)


def test_the_log_shows_what_was_done_here_and_there(beside, ask, server):
    beside("tenants", "create", "logged")
    beside("tenants", "retention", "logged", "--days", "7")
    newest = answer(ask("audit", "--limit", "1", "--json"))
    (act,) = newest["acts"]
    assert (act["act"], act["by"]) == ("tenant.retention_changed", "command line")
    assert act["detail"] == {"tenant": "logged", "before": None, "after": 7}
    assert newest["next_cursor"]
    (older,) = answer(ask("audit", "--limit", "1", "--cursor", newest["next_cursor"], "--json"))[
        "acts"
    ]
    assert (older["act"], older["subject"]) == ("tenant.created", "logged")
    theirs = answer(ask("audit", "--tenant", "logged", "--json"))["acts"]
    assert [one["act"] for one in theirs] == ["tenant.retention_changed", "tenant.created"]
    shown = ask("audit", "--act", "tenant.created")
    assert "logged" in shown.stdout
    assert "retention_changed" not in shown.stdout
    assert server.key not in ask("audit").stdout
    ask("audit", "--tenant", "nobody", code=Exit.NOT_FOUND)
    assert "did you mean" in ask("audit", "--act", "tenant.craeted", code=Exit.REFUSED).stderr


def test_the_first_start_stands_in_the_log(ask):
    acts = answer(ask("audit", "--limit", "1000", "--json"))["acts"]
    first = [(act["act"], act["by"]) for act in reversed(acts)][:3]
    assert first == [
        ("key.created", "first start"),
        ("key.created", "first start"),
        ("login_link.created", "first start"),
    ]
