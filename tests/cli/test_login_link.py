"""`axiomd login-link`, and the link that the first start shows."""

import json
import re

import httpx
import pytest
from cli.conftest import start_server

from axiomd.settings import StoreSettings
from axiomd.store.env import open_store
from axiomd.store.reader import Reader

LINK = re.compile(r"(http://[^/]+)/sign-in#token=([0-9a-f]{80})")


def sign_in(url: str, token: str) -> httpx.Response:
    return httpx.post(f"{url}/app/v1/session", json={"token": token}, trust_env=False)


def test_the_first_start_shows_a_link_and_no_other_start_does(tmp_path):
    first = start_server(tmp_path / "box")
    started = LINK.fullmatch(first.sign_in)
    assert started
    assert started[1] == first.url
    first.process.kill()
    first.process.wait()
    first.process.stdout.close()
    again = start_server(tmp_path / "box")
    try:
        assert again.key is again.sign_in is None
        # Durable, as all that is told of; the address is another one now.
        assert sign_in(again.url, started[2]).status_code == 201
        assert sign_in(again.url, started[2]).status_code == 401
    finally:
        again.process.terminate()
        again.process.wait(10)
        again.process.stdout.close()


def test_a_link_leads_to_where_the_server_is_reached(run, server):
    said = run("login-link", "--data-dir", server.data_dir).stdout.strip()
    found = LINK.fullmatch(said)
    assert found
    assert found[1] == server.url
    view = sign_in(server.url, found[2]).json()
    assert (view["tenant"], view["key"]["name"]) == ("default", "console")


def test_a_link_may_lead_to_another_address(run, server):
    words = ("login-link", "--data-dir", server.data_dir, "--url", "http://box.lan:80/", "--json")
    said = json.loads(run(*words).stdout)
    assert said["link"].startswith("http://box.lan:80/sign-in#token=")
    assert said["tenant"] == "default"


def test_a_link_is_for_a_tenant_that_there_is(run, server):
    ended = run("login-link", "--data-dir", server.data_dir, "--tenant", "defautl", code=5)
    assert "did you mean 'default'?" in ended.stderr


def test_a_link_can_be_made_before_the_first_start_which_shows_a_key_all_the_same(run, tmp_path):
    directory = tmp_path / "new"
    said = run("login-link", "--data-dir", directory).stdout.strip()
    found = LINK.fullmatch(said)
    assert found
    assert found[1] == "http://127.0.0.1:8700"
    box = start_server(directory)
    try:
        assert box.key
        assert box.sign_in
        assert sign_in(box.url, found[2]).status_code == 201
    finally:
        box.process.terminate()
        box.process.wait(10)
        box.process.stdout.close()
    with open_store(StoreSettings(), directory, read_only=True) as store:
        assert sorted(key.name for _, key in Reader(store).api_keys()) == ["console", "first start"]


@pytest.mark.parametrize("url", ["box.lan", "ftp://box"])
def test_an_address_that_no_browser_goes_to_is_refused(run, server, url):
    run("login-link", "--data-dir", server.data_dir, "--url", url, code=2)
