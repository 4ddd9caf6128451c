"""Exit codes, and that every refusal says what to do."""

import json
import stat
from pathlib import Path

import click
import pytest

from axiomd.cli import enforcement
from axiomd.cli.client import ServerEvent, read_events
from axiomd.cli.exits import Exit
from axiomd.cli.login import find_target, login_file
from axiomd.cli.main import cli
from axiomd.runners.sandbox import Abilities

WRONG_KEY = "0" * 64


def every_command(group, words=()):
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from every_command(command, (*words, name))
        yield (*words, name), command


@pytest.mark.parametrize(("words", "command"), list(every_command(cli)), ids=str)
def test_every_commands_help_has_an_example(words, command):
    _, _, example = (command.help or "").partition("Example:\n")
    assert example.strip().startswith(f"axiomd {' '.join(words)}"), words


def test_help_shows_every_exit_code(run):
    shown = run("--help").output
    for code in Exit:
        assert f"{code.value}  {code.meaning}" in shown


def test_version_is_shown(run):
    assert run("--version").output.startswith("axiomd ")


def test_without_a_server_the_command_says_how_to_start_one(run):
    words = ("executions", "list", "--url", "http://127.0.0.1:1", "--key", WRONG_KEY)
    ended = run(*words, code=Exit.UNREACHABLE)
    assert "axiomd serve" in ended.stderr


def test_without_a_key_the_command_says_how_to_get_one(run):
    ended = run("executions", "list", code=Exit.UNAUTHORIZED)
    assert "axiomd keys create" in ended.stderr


def test_a_wrong_key_is_told_from_a_missing_thing(ask, server):
    ask("executions", "list", "--key", WRONG_KEY, code=Exit.UNAUTHORIZED)
    ask("executions", "list", "--key", "short", code=Exit.UNAUTHORIZED)
    ask("executions", "show", "0" * 32, code=Exit.NOT_FOUND)
    ask("invoke", "acme/nothing", code=Exit.NOT_FOUND)


@pytest.mark.parametrize(
    "words",
    [
        ("invoke", "no such form"),
        ("compile", "missing.yaml"),
        ("executions", "list", "--url", "ftp://box"),
        ("serve", "--bind", "nowhere"),
        ("serve", "--bind", "127.0.0.1:99999"),
        ("serve", "--config", "missing.toml"),
        ("serve", "--data-dir", "/proc/axiomd"),
    ],
)
def test_wrong_usage_and_settings_end_with_2(run, words):
    run(*words, code=Exit.USAGE)


@pytest.mark.parametrize(
    ("words", "both"),
    [
        (("executions", "settle", "0" * 32, "a"), "--happened or --not-happened"),
        (("pauses", "resume", "0" * 32, "0" * 16), "--approve or --reject"),
    ],
)
def test_nobody_decides_by_saying_nothing(ask, words, both):
    """Not the server is asked about an execution that it does not know, but the user."""
    assert both in ask(*words, code=Exit.USAGE).stderr


def test_settings_problems_are_told_all_at_once(run, monkeypatch):
    monkeypatch.setenv("AXIOMD_ENGINE_SLOTS", "many")
    monkeypatch.setenv("AXIOMD_SERVER_BNID", "x")
    ended = run("serve", code=Exit.USAGE)
    assert "AXIOMD_ENGINE_SLOTS" in ended.stderr
    assert "AXIOMD_SERVER_BIND" in ended.stderr


def test_a_second_server_on_the_same_directory_is_refused(run, server):
    ended = run("serve", "--data-dir", server.data_dir, "--bind", "127.0.0.1:0", code=Exit.USAGE)
    assert f"process {server.process.pid}" in ended.stderr


def test_an_address_in_use_is_refused_in_one_line(run, server):
    address = server.url.removeprefix("http://")
    ended = run("serve", "--data-dir", "other", "--bind", address, code=Exit.USAGE)
    assert f"Cannot listen on {address}" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_key_made_beside_the_running_server_is_valid_until_it_is_revoked(run, server):
    made = run("keys", "create", "--name", "laptop", "--data-dir", server.data_dir, "--json")
    key = json.loads(made.stdout)["key"]
    target = ("--url", server.url, "--key", key)
    listed = json.loads(run("keys", "list", *target, "--json").stdout)["keys"]
    assert ("laptop", f"{key[:8]}…{key[-4:]}") in [(one["name"], one["key"]) for one in listed]
    run("keys", "revoke", key[:8], *target)
    run("keys", "list", *target, code=Exit.UNAUTHORIZED)


def test_a_login_is_kept_for_its_owner_and_its_server_only(run, server):
    run("login", "--url", server.url, stdin=f"{server.key}\n")
    assert stat.S_IMODE(login_file().stat().st_mode) == 0o600
    run("executions", "list")
    assert find_target(None, None).key == server.key
    assert find_target("http://127.0.0.1:1", None).key is None


def test_a_login_with_a_wrong_key_is_not_kept(run, server):
    run("login", "--url", server.url, "--key", WRONG_KEY, code=Exit.UNAUTHORIZED)
    assert not login_file().exists()


def test_the_environment_goes_before_the_login_and_a_flag_before_both(run, server, monkeypatch):
    run("login", "--url", server.url, "--key", server.key)
    monkeypatch.setenv("AXIOMD_API_KEY", WRONG_KEY)
    assert find_target(None, None).key == WRONG_KEY
    assert find_target(None, "1" * 64).key == "1" * 64


def test_a_scaffold_overwrites_nothing(run):
    run("init", "acme/orders")
    before = Path("orders/axiom.yaml").read_text()
    run("init", "acme/orders", code=Exit.REFUSED)
    assert Path("orders/axiom.yaml").read_text() == before


def test_doctor_finds_this_box_fit_and_a_missing_need(run, server):
    fit = json.loads(run("doctor", "--bind", "127.0.0.1:0", "--json").stdout)
    assert fit["healthy"]
    assert {"pidfd", "Landlock", "Sync to disk"} <= {one["name"] for one in fit["findings"]}
    run("doctor", "--bind", "192.0.2.1:80", code=Exit.REFUSED)
    address = server.url.removeprefix("http://")
    told = run("doctor", "--bind", address, "--data-dir", server.data_dir).output
    assert "an axiomd is running here" in told


def test_doctor_says_what_is_degraded_and_what_to_do(run, monkeypatch):
    able = Abilities(0, {"own": "no", "user": "Operation not permitted"}, "")
    monkeypatch.setattr(enforcement, "find_abilities", lambda: able)
    monkeypatch.setattr(enforcement, "why_no_bubblewrap", lambda: "bubblewrap is not installed")
    told = json.loads(run("doctor", "--bind", "127.0.0.1:0", "--json").stdout)
    assert told["healthy"]
    found = {one["name"]: one for one in told["findings"]}
    for name, words in {
        "Landlock": "lsm=",
        "User namespaces": "max_user_namespaces",
        "Process namespaces": "until the next start",
        "bubblewrap": "not installed",
    }.items():
        assert found[name]["level"] == "warn"
        assert words in found[name]["text"]
    assert {"Memory limits", "Control group", "Core files", "System"} <= set(found)
    monkeypatch.setenv("AXIOMD_RUNNERS_SANDBOX", "strict")
    refused = run("doctor", "--bind", "127.0.0.1:0", "--json", code=Exit.REFUSED)
    assert not json.loads(refused.stdout)["healthy"]


def test_events_are_read_whatever_the_chunks_and_separators():
    stream = b': keep-alive\n\nid: 4\ndata: {"t": "\xe2\x80\xa8"}\n\ndata: 5\n\n'
    expected = [ServerEvent(4, {"t": "\u2028"}), ServerEvent(None, 5)]
    for size in (1, 3, 1000):
        chunks = [stream[at : at + size] for at in range(0, len(stream), size)]
        assert list(read_events(chunks)) == expected
